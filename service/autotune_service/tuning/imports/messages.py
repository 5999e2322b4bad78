"""What is made of an exported document: a few facts, then the rows to store, in the order in which they are stored."""

import msgspec


class Checked(msgspec.Struct, tag=True, frozen=True):
    """The document has been checked, and its rows follow.

    Attributes:
        n_observations: How many observations the document has.
        n_rows: How many rows follow in all.
        last_seq: The seq of the last event.
    """

    n_observations: int
    n_rows: int
    last_seq: int


class Rows(msgspec.Struct, tag=True, frozen=True):
    """Rows of a table.

    Attributes:
        table: The table's name.
        names: The columns that the rows have.
        n: How many rows these are.
        text: The rows as JSON, a list of objects.
    """

    table: str
    names: list[str]
    n: int
    text: str


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with one field of a document."""

    field: str
    message: str
    value: str | int | float | bool | None = None


class Refused(msgspec.Struct, tag=True, frozen=True):
    """The document is refused; it is not JSON at all if no field is named."""

    detail: str
    problems: list[Problem]


class Ended(msgspec.Struct, tag=True, frozen=True):
    """All rows have been sent."""


Message = Checked | Rows | Refused | Ended
