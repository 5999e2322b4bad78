"""The list of candidates of an experiment: add, withdraw and restore rows, read them, and find the row of a run."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from autotune_service.domain.candidates import (
    BLOCK,
    Block,
    CheckedRow,
    check_bytes,
    check_fits,
    checked_rows,
    described,
    extended,
    first_of,
    key_of_row,
    packed,
)
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.limits import MAX_PAGE_BYTES
from autotune_service.domain.sought_row import Sought
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.candidates import (
    count_told,
    list_blocks,
    list_blocks_holding,
    list_blocks_of,
    replace_blocks,
    update_withdrawn,
)
from autotune_service.store.rows.events import call_worker, record
from autotune_service.store.rows.experiments import ExperimentRow, get_experiment, get_shown_experiment
from autotune_service.store.rows.suggestions import SUPERSEDED, list_pending, set_state
from autotune_service.store.statements import json_text
from autotune_service.tuning.aside import aside
from autotune_service.tuning.experiments import cursor_of, require_active, stored_list
from autotune_service.tuning.once import ALWAYS, Once
from autotune_wire.base import Configuration
from autotune_wire.candidates import Candidate, CandidateList, CandidatePage, CandidatesEdit, State
from autotune_wire.experiments import Experiment, PageQuery
from autotune_wire.problems import FieldProblem

_LOOKED_AT = 10 * BLOCK
"""How many rows are read at a time: a row that is sought is mostly among the first."""


async def edit_candidates(
    store: Store, user_uuid: UUID, exp_uuid: UUID, edit: CandidatesEdit, once: Once = ALWAYS
) -> Experiment:
    """Add rows to an experiment's list, withdraw rows and restore rows; open suggestions are computed anew.

    What is withdrawn already, or is not, stays so; where nothing changes, nothing happens.

    Raises:
        NotFoundError: If the user has no such experiment.
        ExperimentClosedError: If the experiment is closed.
        InvalidError: If the experiment has no list, the list has no such row, a row does not fit the space, or the list
            would be too large.
    """
    await once.begin_alone(store)
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
    listed = _list_of(row)
    rows = await aside(len(edit.add) * len(row.space), checked_rows, row.space, edit.add, "add", listed.n + 1)
    async with store.work() as work:
        await once.begin(work)
        before = row.space_revision
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        if row.space_revision != before:
            rows = await aside(len(edit.add) * len(row.space), checked_rows, row.space, edit.add, "add")
        changed = await _changed(work, row, edit, rows)
        if changed is None:
            unchanged = (await get_shown_experiment(work, exp_uuid, user_uuid)).to_wire()
            await once.keep(work, unchanged)
            return unchanged
        now, n_bytes, event = changed
        pending = await list_pending(work, exp_uuid)
        superseded = [suggestion.suggestion_uuid for suggestion in pending if suggestion.is_open]
        data = {**event, "superseded": [str(uuid) for uuid in superseded]}
        call_worker(work, exp_uuid)
        await record(
            work,
            row,
            [("candidates_changed", data)],
            _values(row, now, n_bytes),
            *([set_state(superseded, SUPERSEDED)] if superseded else []),
        )
        edited = (await get_shown_experiment(work, exp_uuid, user_uuid)).to_wire()
        await once.keep(work, edited)
    return edited


async def candidates_page(store: Store, user_uuid: UUID, exp_uuid: UUID, query: PageQuery) -> CandidatePage:
    """Return a page of an experiment's list, by number.

    Raises:
        NotFoundError: If the user has no such experiment.
        InvalidError: If the experiment has no list.
    """
    low = (cursor_of(query) or 0) + 1
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
        high = min(low + query.limit - 1, _list_of(row).n)
        if low > high:
            return CandidatePage(candidates=[], next=None)
        blocks = await list_blocks(work, exp_uuid, low, high)
        told = await count_told(work, exp_uuid, low, high)
        pending = {suggestion.number for suggestion in await list_pending(work, exp_uuid)}
    page = await aside(BLOCK * len(blocks) * len(row.space), _page, blocks, low, high, told, pending)
    following = page[-1].number
    return CandidatePage(candidates=page, next=str(following) if following < _list_of(row).n else None)


async def require_row(work: Work, row: ExperimentRow, fixed: Configuration) -> None:
    """Check that a list has a row that an ask may get: not withdrawn, with the fixed values, meeting the constraints.

    Args:
        work: A transaction, which need not lock the experiment.
        row: The experiment, which has a list.
        fixed: The checked values that the ask fixes.

    Raises:
        InvalidError: With an entry for each fixed value that no row has, and what the rows have instead.
    """
    sought, n = Sought(row.space, row.constraints, fixed), _list_of(row).n
    for low in range(1, n + 1, _LOOKED_AT):
        blocks = await list_blocks(work, row.exp_uuid, low, low + _LOOKED_AT - 1)
        if await aside(BLOCK * len(blocks) * len(row.space), sought.is_in, blocks):
            return
    raise InvalidError.of(await aside(n * len(row.space), sought.problems))


async def rows_of_runs(work: Work, row: ExperimentRow, runs: Sequence[Configuration]) -> list[int | None]:
    """Find for each run the row of the list that has its values, None if there is none.

    Of rows that are alike, it is the first of those that were run least.
    """
    if row.candidates is None or not runs:
        return [None for _ in runs]
    keys = [key_of_row(row.space, covars) for covars in runs]
    blocks = await list_blocks_holding(work, row.exp_uuid, keys)
    told = await count_told(work, row.exp_uuid) if blocks else {}
    sought, found = set(keys), dict[int, list[int]]()
    for block in blocks:
        for number, key in enumerate(block.keys, start=block.first):
            if key in sought:
                found.setdefault(key, []).append(number)
    numbers: list[int | None] = []
    for key in keys:
        alike = found.get(key)
        if alike is None:
            numbers.append(None)
            continue
        first = min(alike, key=lambda number: (told.get(number, 0), number))
        told[first] = told.get(first, 0) + 1
        numbers.append(first)
    return numbers


def _list_of(row: ExperimentRow) -> CandidateList:
    if row.candidates is None:
        message = "this experiment has no list of candidates: only a new experiment can be given one"
        raise InvalidError.of([FieldProblem(field="", message=message)])
    return row.candidates


async def _changed(
    work: Work, row: ExperimentRow, edit: CandidatesEdit, rows: Sequence[CheckedRow]
) -> tuple[CandidateList, int, dict[str, Any]] | None:
    """Change the rows that are stored.

    Returns:
        What is said of the list now, the bytes that rows were added with, and the event; None if nothing changes.
    """
    listed = _list_of(row)
    _require_numbers(listed, edit)
    now = described(listed, rows, "add")
    withdrawn, restored = await _withdrawn(work, row, edit)
    if not (rows or withdrawn or restored):
        return None
    n_bytes = await _added(work, row, listed, rows) if rows else 0
    now.n_withdrawn += len(withdrawn) - len(restored)
    event = {
        "n_added": len(rows),
        "withdrawn": withdrawn,
        "restored": restored,
        "candidates": now.model_dump(mode="json", exclude={"n_left"}),
    }
    return now, n_bytes, event


def _require_numbers(listed: CandidateList, edit: CandidatesEdit) -> None:
    problems = [
        FieldProblem(
            field=f"{field}.{index}", message=f"must be the number of a row of the list, 1 to {listed.n}", value=number
        )
        for field, numbers in (("withdraw", edit.withdraw), ("restore", edit.restore))
        for index, number in enumerate(numbers)
        if number > listed.n
    ]
    if problems:
        raise InvalidError.of(problems)


async def _withdrawn(work: Work, row: ExperimentRow, edit: CandidatesEdit) -> tuple[list[int], list[int]]:
    """Withdraw and restore rows; return the numbers of those that were not so before, ascending."""
    out: list[int] = []
    back: list[int] = []
    for block in await list_blocks_of(work, row.exp_uuid, [*edit.withdraw, *edit.restore]):
        before = set(block.withdrawn)
        gone = {number for number in edit.withdraw if first_of(number) == block.first} - before
        came = {number for number in edit.restore if number in before}
        if came:
            await aside(block.n, check_fits, row.space, [block], came)
        if gone or came:
            await update_withdrawn(work, row.exp_uuid, block.first, sorted((before | gone) - came))
        out += sorted(gone)
        back += sorted(came)
    return out, back


async def _added(work: Work, row: ExperimentRow, listed: CandidateList, rows: Sequence[CheckedRow]) -> int:
    """Add rows at the end of the list: the last block is filled first. Return the bytes that they take."""
    n_filling = -listed.n % BLOCK
    blocks: list[Block] = []
    n_before = 0
    if n_filling:
        (last,) = await list_blocks_of(work, row.exp_uuid, [listed.n])
        n_before = last.n_bytes
        blocks.append(await aside(BLOCK, extended, last, rows[:n_filling]))
    blocks += await aside(len(rows), packed, rows[n_filling:], listed.n + n_filling + 1)
    n_bytes = sum(block.n_bytes for block in blocks) - n_before
    check_bytes(row.n_candidate_bytes + n_bytes, "add")
    await replace_blocks(work, row.exp_uuid, blocks)
    return n_bytes


def _values(row: ExperimentRow, now: CandidateList, n_bytes: int) -> dict[str, Any]:
    data_rev = row.data_rev + 1  # so that the next suggestion is computed, as after new data
    has_rows = now.n_withdrawn < now.n
    return {
        "candidates": stored_list(now, row.n_candidate_bytes + n_bytes, row.candidates_revision + 1),
        "n_bytes": row.n_bytes + n_bytes,
        "data_rev": data_rev,
        "fit_rev": data_rev if row.has_contexts else row.fit_rev,
        "n_open": 0,
        "n_wanted": 1 if has_rows and not row.has_contexts else 0,
        "retry_at": None,
    }


def _page(
    blocks: Iterable[Block], low: int, high: int, told: dict[int, int], pending: set[int | None]
) -> list[Candidate]:
    """Build the rows of a page, which ends after so many bytes, but has one row at least."""
    page: list[Candidate] = []
    n_bytes = 0
    for block in blocks:
        withdrawn = set(block.withdrawn)
        for number, row in enumerate(block.rows(), start=block.first):
            if not low <= number <= high:
                continue
            n_bytes += len(json_text((row.covars, row.details)))
            if page and n_bytes > MAX_PAGE_BYTES:
                return page
            n_told = told.get(number, 0)
            state: State = "free"
            if number in withdrawn:
                state = "withdrawn"
            elif n_told:
                state = "told"
            elif number in pending:
                state = "pending"
            page.append(Candidate(number=number, details=row.details, covars=row.covars, state=state, n_told=n_told))
    return page
