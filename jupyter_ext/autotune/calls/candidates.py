"""The list of candidates of an experiment: its rows, and changes of them."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from autotune.errors import InvalidInputError
from autotune.inputs.candidates import in_parts
from autotune.inputs.checks import checked
from autotune.transport.caller import Caller
from autotune.values import plain
from autotune_wire.candidates import MAX_CHANGED, Candidate, CandidatePage, CandidatesEdit, Row
from autotune_wire.experiments import Experiment
from autotune_wire.paths import EXPERIMENT_CANDIDATES

_PAGE = 1000

Which = int | Iterable[int] | Mapping[str, Any]
"""Rows of a list: a number, several, or values that the rows have."""


async def candidate_rows(connection: Caller, exp_uuid: UUID) -> AsyncIterator[Candidate]:
    """Fetch the rows of an experiment's list, by number."""
    after = None
    while True:
        page = await connection.fetch(_path(exp_uuid), CandidatePage, limit=_PAGE, after=after)
        for row in page.candidates:
            yield row
        after = page.next
        if after is None:
            return


async def add_rows(connection: Caller, exp_uuid: UUID, rows: Sequence[Row]) -> Experiment:
    """Add rows to a list, in as many requests as their size needs.

    Raises:
        AutotuneError: If a part was not added; the error's note says how many rows were.
    """
    n_added = 0
    seen: Experiment | None = None
    for part in in_parts(rows):
        with checked("these rows"):
            body = CandidatesEdit(add=part)
        try:
            seen = await connection.send(_path(exp_uuid), Experiment, body)
        except Exception as error:
            if n_added:
                error.add_note(f"The first {n_added} of {len(rows)} rows are in the list; add the others.")
            raise
        n_added += len(part)
    assert seen is not None
    return seen


async def change_rows(connection: Caller, exp_uuid: UUID, which: Which, *, is_withdrawal: bool) -> Experiment:
    """Withdraw or restore rows, in as many requests as their number needs.

    Raises:
        InvalidInputError: If no row is meant, or there is none with the values.
    """
    numbers = await _numbers(connection, exp_uuid, plain(which))
    seen: Experiment | None = None
    for start in range(0, len(numbers), MAX_CHANGED):
        part = numbers[start : start + MAX_CHANGED]
        with checked("these numbers of rows"):
            body = CandidatesEdit(withdraw=part) if is_withdrawal else CandidatesEdit(restore=part)
        seen = await connection.send(_path(exp_uuid), Experiment, body)
    assert seen is not None
    return seen


async def _numbers(connection: Caller, exp_uuid: UUID, which: Any) -> list[int]:
    if isinstance(which, Mapping):
        found = [row.number async for row in candidate_rows(connection, exp_uuid) if _has(row, which)]
        if not found:
            raise InvalidInputError(f"no row of the list has {_shown(which)}: look at candidates()")
        return found
    several = [which] if isinstance(which, int) else which
    if isinstance(several, str) or not isinstance(several, Iterable):
        raise InvalidInputError(f"give the number of a row, several, or a dict of values, not {type(which).__name__}")
    numbers = [*dict.fromkeys(several)]
    if not numbers:
        raise InvalidInputError("name at least one row by its number")
    return numbers


def _has(row: Candidate, values: Mapping[str, Any]) -> bool:
    cells = {**row.details, **row.covars}
    return all(name in cells and cells[name] == value for name, value in values.items())


def _shown(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in values.items()) or "no value at all"


def _path(exp_uuid: UUID) -> str:
    return EXPERIMENT_CANDIDATES.format(exp_uuid=exp_uuid)
