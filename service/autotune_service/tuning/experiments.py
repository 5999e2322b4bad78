"""Create an experiment, read it and its observations, close it."""

import asyncio
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from autotune_service.domain.candidates import Block, CheckedRow, check_bytes, described, packed
from autotune_service.domain.configuration import guess_of
from autotune_service.domain.errors import ExperimentClosedError, InvalidError, LimitReachedError
from autotune_service.domain.experiment import check_new
from autotune_service.domain.limits import DEFAULT_LIMITS, MAX_PAGE_BYTES, Limits
from autotune_service.domain.stored import stored_constraints, stored_space
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.candidates import insert_blocks
from autotune_service.store.rows.earlier import insert_earlier
from autotune_service.store.rows.events import NewEvent, call_worker, record, record_first
from autotune_service.store.rows.experiments import (
    CLOSED,
    BestOne,
    ExperimentRow,
    add_experiment,
    count_experiments,
    get_experiment,
    get_shown_experiment,
)
from autotune_service.store.rows.observations import ObservationRow, get_numbered, list_newest, list_observations
from autotune_service.store.rows.spaces import SpaceRow, add_space
from autotune_service.store.rows.suggestions import OPEN, SuggestionRow, insert_suggestions
from autotune_service.store.rows.users import hold_user, list_emails
from autotune_service.store.statements import json_text
from autotune_service.tuning.aside import aside, n_values_of, size_of
from autotune_service.tuning.learning import read_earlier
from autotune_service.tuning.once import ALWAYS, Once
from autotune_wire.base import Configuration
from autotune_wire.candidates import CandidateList
from autotune_wire.experiments import Experiment, NewExperiment, PageQuery, direction_of
from autotune_wire.observations import HistoryPage, Observation
from autotune_wire.problems import FieldProblem
from autotune_wire.responses import primary_of

_AT_ONCE = 250
"""Observations that are read together; a page may end before they are all shown."""
_GUESS_REASON = "the guess that the experiment was described with"


async def create_experiment(
    store: Store, user_uuid: UUID, new: NewExperiment, once: Once = ALWAYS, limits: Limits = DEFAULT_LIMITS
) -> Experiment:
    """Store an experiment and its first suggestion, the guess.

    An experiment with context covariates gets no suggestion here: the first ask gets the guess, with its own contexts.
    Of a list, the engine finds the row that is nearest to the guess.

    Raises:
        InvalidError: If no engine could serve the experiment as it is described.
        LimitReachedError: If the user has as many experiments as are allowed.
    """
    rows = await asyncio.to_thread(check_new, new)
    size = size_of(new.covars, new.constraints)
    values = await aside(size, _values, user_uuid, new)
    blocks = await aside(len(rows), packed, rows)
    if rows:
        values |= await aside(len(rows), _of_list, rows, blocks)
    async with store.work() as work:
        await once.begin(work)
        await require_room(work, user_uuid, limits)
        earlier, earlier_runs = await read_earlier(work, user_uuid, new)
        values["learn_from"] = [one.model_dump(mode="json") for one in earlier]
        row = await add_experiment(work, values)
        await add_space(
            work, SpaceRow(row.exp_uuid, 0, row.space, row.constraints, {}, seq=1, created_at=row.created_at)
        )
        experiment = await aside(size, row.to_wire)
        # Advice follows from the space by the rules of the service that is asked: the log, and so an export, has none.
        created = await aside(size, experiment.model_dump, mode="json", exclude={"advice"})
        events: list[NewEvent] = [("experiment_created", created)]
        guesses = []
        if blocks:
            guesses.append(insert_blocks(row.exp_uuid, blocks))
            call_worker(work, row.exp_uuid)
        if row.n_open:
            guess = guess_row(row, guess_of(row.space), seq=2, now=row.created_at)
            guesses.append(insert_suggestions([guess]))
            events.append(("suggestion_created", {**guess.to_wire().model_dump(mode="json"), "superseded": []}))
        n_bytes = row.n_candidate_bytes
        if earlier_runs:
            learnt = await aside(
                n_values_of(len(earlier_runs), row.space, []), insert_earlier, row.exp_uuid, earlier_runs
            )
            n_bytes += len(learnt.values["rows"])
            await work.run(learnt)
        await record_first(work, row, events, *guesses, n_bytes=n_bytes)
        await once.keep(work, experiment)
    return experiment


async def require_room(work: Work, user_uuid: UUID, limits: Limits, n_new: int = 1) -> None:
    """Check that a user may have more experiments; until the transaction ends, no other one adds any for this user.

    Args:
        work: The transaction that adds the experiments.
        n_new: The number of experiments that are not stored yet.

    Raises:
        LimitReachedError: If the user would have too many experiments.
    """
    await hold_user(work, user_uuid)
    if await count_experiments(work, user_uuid) + n_new > limits.experiments:
        raise LimitReachedError(
            f"a user may have at most {limits.experiments} experiments on this service: "
            "go on with one of yours, or ask the operator to raise the limit"
        )


def guess_row(
    row: ExperimentRow,
    covars: Configuration,
    *,
    seq: int,
    now: datetime,
    fixed: Configuration | None = None,
    fixed_key: str | None = None,
) -> SuggestionRow:
    """Build the row of the guess as a suggestion; the event ``seq`` announces it."""
    return SuggestionRow(
        suggestion_uuid=uuid4(),
        exp_uuid=row.exp_uuid,
        seq=seq,
        state=OPEN,
        covars=covars,
        source="guess",
        reason=_GUESS_REASON,
        mean=None,
        sd=None,
        predictions={},
        acquisition=None,
        acquisition_kind=None,
        engine_version=None,
        seed=None,
        data_rev=row.data_rev,
        data_seq=seq - 1,
        seconds=None,
        fixed=fixed or {},
        fixed_key=fixed_key,
        created_at=now,
    )


async def read_experiment(store: Store, user_uuid: UUID, exp_uuid: UUID) -> ExperimentRow:
    """Return a user's experiment as it stands."""
    async with store.singly() as work:
        return await get_experiment(work, exp_uuid, user_uuid)


async def read_position(store: Store, user_uuid: UUID, exp_uuid: UUID) -> tuple[int, str]:
    """Return the seq of the last event of a user's experiment, and the epoch of the log in which it was counted."""
    async with store.singly() as work:
        return (await get_experiment(work, exp_uuid, user_uuid)).last_seq, work.epoch


async def show_experiment(store: Store, user_uuid: UUID, exp_uuid: UUID) -> ExperimentRow:
    """Return a user's experiment as it stands, with all responses of its best observation."""
    async with store.singly() as work:
        return await get_shown_experiment(work, exp_uuid, user_uuid)


async def history_page(store: Store, user_uuid: UUID, exp_uuid: UUID, query: PageQuery) -> HistoryPage:
    """Return a page of an experiment's observations, oldest first."""
    after = cursor_of(query) or 0
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
        page, has_more = await _page(work, exp_uuid, after, query.limit)
        return await _history(work, row, page, str(page[-1].seq) if has_more else None)


async def _page(work: Work, exp_uuid: UUID, after: int, limit: int) -> tuple[list[ObservationRow], bool]:
    """List the observations of a page that ends at a limit or after so many bytes; return whether there are more."""
    page: list[ObservationRow] = []
    n_bytes = 0
    while True:
        n_wanted = min(limit + 1 - len(page), _AT_ONCE)
        found = await list_observations(work, exp_uuid, after, n_wanted)
        for observation in found:
            n_bytes += _n_bytes(observation)
            if len(page) == limit or (page and n_bytes > MAX_PAGE_BYTES):
                return page, True
            page.append(observation)
        if len(found) < n_wanted:
            return page, False
        after = found[-1].seq


def _n_bytes(observation: ObservationRow) -> int:
    values = (observation.covars, observation.responses, observation.sds, observation.note, observation.tags)
    return len(json_text(values))


async def history_of_one(store: Store, user_uuid: UUID, exp_uuid: UUID, number: int) -> HistoryPage:
    """Return the observation with a number, 1 for the oldest, as a page; an empty page if there is none."""
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
        found = await get_numbered(work, exp_uuid, number)
        return await _history(work, row, [] if found is None else [found])


async def history_of_newest(store: Store, user_uuid: UUID, exp_uuid: UUID, newest: int) -> HistoryPage:
    """Return the newest observations, oldest first, as a page that says the number of the first of them.

    The row is read first and not locked: what is told while the rest is read is left out, so the row counts the others.
    """
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
        rows = _fitting(await list_newest(work, exp_uuid, row.last_seq, newest))
        page = await _history(work, row, rows)
    page.first_number = row.n_observations - len(rows) + 1 if rows else None
    return page


def _fitting(rows: list[ObservationRow]) -> list[ObservationRow]:
    """Return the newest observations that a page has room for, at least one if there is one."""
    n_bytes = 0
    for n_fitting, observation in enumerate(reversed(rows)):
        n_bytes += _n_bytes(observation)
        if n_fitting and n_bytes > MAX_PAGE_BYTES:
            return rows[-n_fitting:]
    return rows


async def _history(
    work: Work, row: ExperimentRow, page: Sequence[ObservationRow], following: str | None = None
) -> HistoryPage:
    users = {uuid for observation in page for uuid in (observation.told_by, observation.noted_by) if uuid is not None}
    return HistoryPage(
        observations=[observation.to_wire(row.space) for observation in page],
        tellers=await list_emails(work, users) if users else {},
        next=following,
    )


async def close_experiment(store: Store, user_uuid: UUID, exp_uuid: UUID, once: Once = ALWAYS) -> Experiment:
    """Close an experiment: its data stay, and nothing is added any more. A pause ends with it."""
    async with store.work() as work:
        await once.begin(work)
        row = await get_experiment(work, exp_uuid, user_uuid, lock=True)
        require_active(row)
        await record(work, row, [("experiment_closed", {})], {"state": CLOSED, "paused": None, "paused_by": None})
        closed = (await get_shown_experiment(work, exp_uuid, user_uuid)).to_wire()
        await once.keep(work, closed)
    return closed


def _values(user_uuid: UUID, new: NewExperiment) -> dict[str, Any]:
    has_contexts = any(covariate.role == "context" for covariate in new.covars.values())
    responses = new.responses_or_default()
    return {
        "exp_uuid": uuid4(),
        "owner_uuid": user_uuid,
        "name": new.name,
        "description": new.description,
        "covars": stored_space(new.covars),
        "space_revision": 0,
        "constraints": stored_constraints(new.constraints),
        "responses": {name: response.model_dump(mode="json") for name, response in responses.items()},
        "engine": new.engine,
        "model_type": new.model_type,
        "acq_func": new.acq_func,
        "direction": direction_of(primary_of(responses)[1]),
        "stop": None if new.stop is None else new.stop.model_dump(mode="json"),
        "early_stop": None if new.early_stop is None else new.early_stop.model_dump(mode="json"),
        "seed": secrets.randbelow(2**31) if new.seed is None else new.seed,
        "state": "active",
        "last_seq": 1 if has_contexts else 2,
        "n_observations": 0,
        "data_rev": 0,
        "fit_rev": 0,
        "n_open": 0 if has_contexts else 1,
        "n_wanted": 0 if has_contexts else 1,
    }


def _of_list(rows: Sequence[CheckedRow], blocks: Sequence[Block]) -> dict[str, Any]:
    """Return the columns of a new experiment that are otherwise because its suggestions come from a list."""
    n_bytes = sum(block.n_bytes for block in blocks)
    check_bytes(n_bytes, "candidates")
    listed = described(None, rows, "candidates")
    return {"candidates": stored_list(listed, n_bytes, 0), "n_open": 0, "last_seq": 1}


def stored_list(listed: CandidateList, n_bytes: int, revision: int) -> dict[str, Any]:
    """Return the column of an experiment that says what is known of its list without a look at the rows."""
    return {**listed.model_dump(mode="json", exclude={"n_left"}), "n_bytes": n_bytes, "revision": revision}


def with_new_data(row: ExperimentRow, data_rev: int, best: BestOne) -> dict[str, Any]:
    """Return the columns of an experiment that change with its data, so that the next suggestion is computed.

    Args:
        row: The experiment as it was.
        data_rev: The new revision of the data.
        best: The new best observation.
    """
    uuid, response, covars = best
    values = {
        "data_rev": data_rev,
        "retry_at": None,
        "n_wanted": row.n_ready,  # requests that still wait for more raise it again
        "best_observation_uuid": uuid,
        "best_response": response,
        "best_covars": covars,
    }
    # With contexts there is nothing to compute before an ask names them.
    return values | {"fit_rev": data_rev} if row.has_contexts else values


def best_changed(best: BestOne) -> NewEvent:
    """Build the event that announces a new best observation, or that there is none any more."""
    uuid, response, covars = best
    shown = None if uuid is None else str(uuid)
    return "best_changed", {"observation_uuid": shown, "covars": covars, "response": response}


def observation_data(observation: Observation) -> dict[str, Any]:
    """Return the data of an event about an observation.

    The data do not name the users who told and noted it: an export has the whole log, and others must not learn of
    users from it.
    """
    return observation.model_dump(mode="json", exclude={"told_by", "noted_by"})


def require_active(row: ExperimentRow) -> None:
    """Check that an experiment is not closed.

    Raises:
        ExperimentClosedError: If the experiment is closed.
    """
    if row.is_closed:
        raise ExperimentClosedError(
            f"experiment {row.exp_uuid} ({row.name}) is closed and takes no changes: reopen it, or create a new one"
        )


def cursor_of(query: PageQuery) -> int | None:
    """Return the position after which a page begins; None for the first page."""
    after = query.after
    if after is None:
        return None
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise InvalidError.of([FieldProblem(field="after", message="must be the `next` of a page", value=after)])
    return int(after)
