"""Numbers as people and spreadsheets write them, and the decimal sign that the numbers of one table share."""

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

DecimalSign = Literal[".", ","]
_SIGNS: tuple[DecimalSign, DecimalSign] = (".", ",")
_NAMES = {".": "point", ",": "comma"}
_BLANKS_AND_APOSTROPHES = " \N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}'\N{RIGHT SINGLE QUOTATION MARK}"
_MOST_OPEN = 100
"""Cells that are named where the decimal sign is open; a table may have a hundred thousand of them."""

_MINUS = "\N{MINUS SIGN}"


def _pattern(sign: DecimalSign, thousands: str) -> re.Pattern[str]:
    fraction = rf"\{sign}[0-9]*"
    grouped = rf"[1-9][0-9]{{0,2}}(?P<mark>[{thousands}])[0-9]{{3}}(?:(?P=mark)[0-9]{{3}})*(?:{fraction})?"
    bare = rf"(?:[0-9]+(?:{fraction})?|\{sign}[0-9]+)(?:[eE][+-]?[0-9]+)?"
    return re.compile(rf"[+\-{_MINUS}]?(?:{grouped}|{bare})")


_PATTERNS = {
    ".": _pattern(".", "," + _BLANKS_AND_APOSTROPHES),
    ",": _pattern(",", "." + _BLANKS_AND_APOSTROPHES),
}


class Cell(NamedTuple):
    """The text of a number, and where it stands.

    Attributes:
        place: The line or row, as in ``line 7``.
        column: The name of the column.
        text: The text, without blanks around it.
    """

    place: str
    column: str
    text: str


class UndecidedError(ValueError):
    """The decimal sign of a table cannot be decided.

    Attributes:
        problems: The cells that leave it open, each with what to do.
    """

    def __init__(self, problems: Sequence[tuple[Cell, str]]) -> None:
        super().__init__(problems[0][1])
        self.problems = problems


def number_of(text: str, sign: DecimalSign) -> float | None:
    """Read a number with a given decimal sign; None for any other text.

    Groups of three digits may be parted by blanks, by apostrophes or by that of point and comma which is not the
    decimal sign. Only the digits 0 to 9 count as digits. A number that is too large for a float is infinite.
    """
    found = _PATTERNS[sign].fullmatch(text)
    if found is None:
        return None
    digits = text.replace(found["mark"], "") if found["mark"] else text
    return float(digits.replace(sign, ".").replace(_MINUS, "-"))


def readings_of(text: str) -> set[float]:
    """Return all numbers that a text may stand for: none, one, or two where the decimal sign makes the difference."""
    return {number for sign in _SIGNS if (number := number_of(text, sign)) is not None}


def decimal_sign(cells: Iterable[Cell], usual: DecimalSign | None, hint: str) -> DecimalSign:
    """Decide the decimal sign of a table by all its numbers.

    A number such as ``1.5`` or ``1,5`` decides. One such as ``1,050`` does not, as it may be a fraction or a thousand.

    Args:
        cells: The numbers of the table.
        usual: The sign where nothing decides and no number is parted by the other sign; None if neither is usual.
        hint: How a user says which sign is meant, for the message.

    Raises:
        UndecidedError: If some numbers have a decimal point and others a decimal comma, or all could have either.
    """
    deciding: dict[DecimalSign, Cell] = {}
    open_cells: list[Cell] = []
    for cell in cells:
        signs = [sign for sign in _SIGNS if sign in cell.text]
        # Most numbers add nothing to what was decided, and reading each with both signs takes long.
        if not signs or (len(signs) == 1 and signs[0] in deciding and cell.text.count(signs[0]) == 1):
            continue
        point, comma = (number_of(cell.text, sign) for sign in _SIGNS)
        if point is not None and comma is not None:
            open_cells.append(cell)
        elif point is not None:
            deciding.setdefault(".", cell)
        elif comma is not None:
            deciding.setdefault(",", cell)
        if len(deciding) == len(_SIGNS):
            raise _contradiction(deciding)
    if deciding:
        return next(iter(deciding))
    if usual is not None and not any(_other(usual) in cell.text for cell in open_cells):
        return usual
    if open_cells:
        raise UndecidedError([(cell, f"{either(cell.text)}: {hint}") for cell in open_cells[:_MOST_OPEN]])
    return usual or "."


def either(text: str) -> str:
    """Write which two numbers a text may stand for, as in ``may be 1.05 or 1050``."""
    return "may be " + " or ".join(f"{number:.15g}" for number in sorted(readings_of(text)))


def _other(sign: DecimalSign) -> DecimalSign:
    return "," if sign == "." else "."


def _contradiction(deciding: dict[DecimalSign, Cell]) -> UndecidedError:
    first, last = deciding.items()
    (sign, cell), (other_sign, other) = last, first
    message = (
        f"has a decimal {_NAMES[sign]}, but {other.place}.{other.column} ({other.text}) has a decimal "
        f"{_NAMES[other_sign]}: write all numbers of a table with the same sign"
    )
    return UndecidedError([(cell, message)])
