"""The rows of a list of candidates: checked in the space of their experiment, and packed by columns."""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from itertools import islice
from typing import Any

import msgspec

from autotune_service.domain.configuration import allowed, value_in
from autotune_service.domain.errors import InvalidError
from autotune_wire.base import Configuration, Value
from autotune_wire.candidates import MAX_CANDIDATE_BYTES, MAX_CANDIDATES, MAX_DETAILS, CandidateList, Cell, Row
from autotune_wire.constraints import Constraint, LinearConstraint
from autotune_wire.problems import MAX_PROBLEMS, FieldProblem, shown
from autotune_wire.space import Covariate, is_active, listed

BLOCK = 1000
"""The rows of a block; also the most members of a list in an export."""

_KEY = struct.Struct("<q")


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row whose values fit the space: each value in its covariate's own type."""

    covars: Configuration
    details: dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Block:
    """Up to ``BLOCK`` rows that follow each other, by columns.

    Args:
        first: The number of its first row, ``BLOCK`` k + 1.
        n: How many rows it has.
        covars: The values of each covariate, as the JSON of an object of lists; null where one is not active.
        details: The details in the same way; null also where a row does not have one.
        withdrawn: The numbers of the rows that are withdrawn, ascending.
        keys: The key of each row's configuration.
    """

    first: int
    n: int
    covars: str
    details: str
    withdrawn: list[int]
    keys: list[int]

    @property
    def n_bytes(self) -> int:
        """How many bytes the rows take as JSON."""
        return len(self.covars) + len(self.details)

    def rows(self) -> list[CheckedRow]:
        """Return its rows, in the order of their numbers."""
        return [
            CheckedRow(covars, details)
            for covars, details in zip(
                _unpacked(self.covars, self.n, has_nulls=False),
                _unpacked(self.details, self.n, has_nulls=True),
                strict=True,
            )
        ]

    def rows_left(self) -> list[CheckedRow]:
        """Return those of its rows that are not withdrawn."""
        withdrawn = set(self.withdrawn)
        return [row for number, row in enumerate(self.rows(), start=self.first) if number not in withdrawn]


def stored_block(block: Block) -> dict[str, Any]:
    """Convert a block to the values of its columns; its texts are JSON already."""
    written = {name: msgspec.Raw(getattr(block, name).encode()) for name in ("covars", "details")}
    return {**asdict(block), **written}


def first_of(number: int) -> int:
    """Return the number of the first row of the block that a row is in."""
    return number - (number - 1) % BLOCK


def checked_rows(
    space: Mapping[str, Covariate], rows: Sequence[Row], field: str, first_number: int = 1
) -> list[CheckedRow]:
    """Check that the values of rows fit a space.

    Args:
        space: The covariates by name.
        rows: The rows.
        field: The place of the rows in the body.
        first_number: The number that the first row has or will have.

    Raises:
        InvalidError: With one entry for each covariate of a row that is missing, has a value that is not allowed, or
            has one although it is not active there or is a context; as many as a reply has.
    """
    problems: list[FieldProblem] = []
    checked: list[CheckedRow] = []
    for index, row in enumerate(rows):
        found = list(row_problems(space, row, f"{field}.{index}", f"row {first_number + index} of the list"))
        if found:
            problems += found
            if len(problems) >= MAX_PROBLEMS:
                break
        elif not problems:
            checked.append(_checked(space, row))
    if problems:
        raise InvalidError.of(problems)
    return checked


def check_allowed(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], rows: Iterable[CheckedRow]
) -> None:
    """Check that at least one row meets the constraints; those that name a context depend on the ask.

    Raises:
        InvalidError: If none does.
    """
    contexts = {name for name, covariate in space.items() if covariate.role == "context"}
    own = [one for one in constraints if not contexts & set(names_in(one))]
    if own and not any(all(one.holds(row.covars) for one in own) for row in rows):
        message = "no row of the list meets the constraints, so that nothing could be suggested"
        raise InvalidError.of([FieldProblem(field="constraints", message=message)])


def check_edit(old: Mapping[str, Covariate], new: Mapping[str, Covariate], blocks: Iterable[Block]) -> None:
    """Check that the rows of a list that are not withdrawn fit a new space of their experiment.

    Raises:
        InvalidError: If a row does not fit, or a covariate is added of which the rows have no value.
    """
    message = "cannot be added, because the rows of the list have no value for it; create a new experiment with both"
    problems = [
        FieldProblem(field=f"covars.{name}", message=message)
        for name, covariate in new.items()
        if name not in old and covariate.role != "context"
    ]
    if problems:
        raise InvalidError.of(problems)
    check_fits(new, blocks)


def check_fits(space: Mapping[str, Covariate], blocks: Iterable[Block], numbers: Iterable[int] | None = None) -> None:
    """Check that rows of a list fit a space.

    Args:
        space: The space.
        blocks: Blocks of the list.
        numbers: The rows to look at; None for all that are not withdrawn.

    Raises:
        InvalidError: With an entry for each of the first rows that do not, at their covariates.
    """
    problems = list(islice(_misfits(space, blocks, None if numbers is None else set(numbers)), MAX_PROBLEMS))
    if problems:
        raise InvalidError.of(problems)


def packed(rows: Sequence[CheckedRow], first_number: int = 1) -> list[Block]:
    """Pack rows into blocks.

    Args:
        rows: The rows.
        first_number: The number of the first of them, the first of a block.
    """
    return [_block(rows[start : start + BLOCK], first_number + start, []) for start in range(0, len(rows), BLOCK)]


def extended(block: Block, rows: Sequence[CheckedRow]) -> Block:
    """Return a block with further rows at its end; it has room for them."""
    return _block([*block.rows(), *rows], block.first, block.withdrawn)


def described(before: CandidateList | None, rows: Sequence[CheckedRow], field: str) -> CandidateList:
    """Return what is said of a list once rows were added.

    Raises:
        InvalidError: If it would have too many rows or details.
    """
    n = (0 if before is None else before.n) + len(rows)
    if n > MAX_CANDIDATES:
        message = f"a list may have at most {MAX_CANDIDATES} rows, and with these it would have {n}"
        raise InvalidError.of([FieldProblem(field=field, message=message, value=len(rows))])
    names = dict.fromkeys(() if before is None else before.details) | dict.fromkeys(
        name for row in rows for name in row.details
    )
    if len(names) > MAX_DETAILS:
        message = (
            f"a list may have at most {MAX_DETAILS} columns besides the covariates, and with these rows it would have "
            f"{len(names)}: {listed(list(names))}"
        )
        raise InvalidError.of([FieldProblem(field=field, message=message, value=len(names))])
    return CandidateList(n=n, n_withdrawn=0 if before is None else before.n_withdrawn, details=list(names))


def check_bytes(n_bytes: int, field: str) -> None:
    """Check that the rows of a list take no more room than they may.

    Raises:
        InvalidError: If they do.
    """
    if n_bytes > MAX_CANDIDATE_BYTES:
        message = (
            f"the rows of a list may take {MAX_CANDIDATE_BYTES} bytes, and with these they would take {n_bytes}: leave "
            "details out, or shorten them"
        )
        raise InvalidError.of([FieldProblem(field=field, message=message)])


def key_of_row(space: Mapping[str, Covariate], covars: Configuration) -> int:
    """Return the key of a configuration: rows and runs that are alike in all but contexts have the same."""
    own = {name: value for name, value in covars.items() if space[name].role != "context"}
    return _key_of(own)


def names_in(constraint: Constraint) -> Iterable[str]:
    """Return the names of the covariates that a constraint is about."""
    return constraint.weights if isinstance(constraint, LinearConstraint) else constraint.combination


def _block(rows: Sequence[CheckedRow], first: int, withdrawn: list[int]) -> Block:
    return Block(
        first=first,
        n=len(rows),
        covars=_columns([row.covars for row in rows]),
        details=_columns([row.details for row in rows]),
        withdrawn=withdrawn,
        keys=[_key_of(row.covars) for row in rows],
    )


def _columns(rows: Sequence[Mapping[str, Any]]) -> str:
    names = dict.fromkeys(name for row in rows for name in row)
    return msgspec.json.encode({name: [row.get(name) for row in rows] for name in names}).decode()


def _unpacked(text: str, n: int, *, has_nulls: bool) -> list[dict[str, Any]]:
    columns: dict[str, list[Any]] = msgspec.json.decode(text)
    return [
        {name: values[i] for name, values in columns.items() if has_nulls or values[i] is not None} for i in range(n)
    ]


def _key_of(covars: Configuration) -> int:
    text = msgspec.json.encode(covars, order="sorted")
    return int(_KEY.unpack(blake2b(text, digest_size=_KEY.size).digest())[0])


def _checked(space: Mapping[str, Covariate], row: Row) -> CheckedRow:
    covars: Configuration = {}
    for name, covariate in space.items():
        value = row.get(name)
        if value is not None:
            own = value_in(covariate, value)
            assert own is not None
            covars[name] = own
    return CheckedRow(covars, {name: value for name, value in row.items() if name not in space})


def row_problems(
    space: Mapping[str, Covariate], row: Mapping[str, Cell], field: str, where: str
) -> Iterator[FieldProblem]:
    """Find what does not fit a space in a row.

    Args:
        space: The covariates by name.
        row: The row.
        field: The path of the row.
        where: Its place, for people.
    """
    for name, covariate in space.items():
        value = row.get(name)
        path = f"{field}.{name}"
        if covariate.role == "context":
            if value is not None:
                message = f"is a context, whose value each ask gives: leave it out of the rows ({where})"
                yield FieldProblem(field=path, message=message, value=shown(value))
        elif not _is_active(space, name, row):
            if value is not None:
                message = f"is not active in this row, leave it out or null ({where})"
                yield FieldProblem(field=path, message=message, value=shown(value))
        elif value is None:
            yield FieldProblem(field=path, message=f"is missing; must be {allowed(covariate)} ({where})")
        elif isinstance(value, bool) or value_in(covariate, value) is None:
            yield FieldProblem(field=path, message=f"must be {allowed(covariate)} ({where})", value=shown(value))


def _is_active(space: Mapping[str, Covariate], name: str, row: Mapping[str, Cell]) -> bool:
    condition = space[name].active_if
    if condition is None or space[condition.covariate].role == "context":
        return True  # whether it is active where a context says so, each ask decides
    return is_active(space, name, {condition.covariate: _value(row.get(condition.covariate))})


def _value(cell: Cell) -> Value:
    return "" if cell is None or isinstance(cell, bool) else cell  # neither is a value that a condition may name


def _misfits(
    space: Mapping[str, Covariate], blocks: Iterable[Block], numbers: set[int] | None
) -> Iterator[FieldProblem]:
    for block in blocks:
        withdrawn = set(block.withdrawn)
        for number, row in enumerate(block.rows(), start=block.first):
            if number in withdrawn if numbers is None else number not in numbers:
                continue
            for problem in row_problems(space, row.covars, "covars", f"row {number} of the list"):
                message = f"{problem.message}: withdraw the row first" if numbers is None else problem.message
                yield problem.model_copy(update={"message": message})
