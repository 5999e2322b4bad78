"""Store an imported experiment: all of its rows, or nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from autotune_service.domain.errors import LimitReachedError, RequestRunningError
from autotune_service.domain.limits import Limits
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.events import call_worker, wake_watchers
from autotune_service.store.rows.experiments import get_shown_experiment, update_experiment
from autotune_service.store.rows.portable import add_written
from autotune_service.tuning.experiments import require_room
from autotune_service.tuning.imports.messages import Checked, Rows
from autotune_service.tuning.once import Once
from autotune_wire.experiments import Experiment

Messages = AsyncIterator[Checked | Rows]


_TRIES = 40
_PAUSE_S = 0.05


async def _begin(work: Work, once: Once) -> None:
    """Begin the request, after who looks at the same moment whether it was done before."""
    for _ in range(_TRIES):
        try:
            await once.begin(work)
            return
        except RequestRunningError:
            await asyncio.sleep(_PAUSE_S)
    await once.begin(work)


async def _nothing(_work: Work, _imported: Experiment) -> None:
    pass


async def store_import(
    store: Store,
    user_uuid: UUID,
    exp_uuid: UUID,
    messages: Messages,
    once: Once,
    limits: Limits,
    *,
    advance: Callable[[float], None] = lambda _: None,
    finish: Callable[[Work, Experiment], Awaitable[None]] = _nothing,
) -> Experiment:
    """Store the rows of a checked document in one transaction.

    Args:
        exp_uuid: The uuid of the new experiment.
        messages: What is made of the document: ``Checked`` first, then the rows.
        advance: Called with the share of the rows that is written.
        finish: Called at the end of the transaction, with the experiment.

    Raises:
        LimitReachedError: If the user has as many experiments as are allowed, or the document has too many
            observations.
    """
    checked = await anext(messages)
    assert isinstance(checked, Checked)
    if checked.n_observations > limits.observations:
        raise LimitReachedError(
            f"an experiment may have at most {limits.observations} observations on this service, and this document has "
            f"{checked.n_observations}: ask the operator to raise the limit"
        )
    n_written, n_bytes = 0, 0
    async with store.work() as work:
        async for rows in messages:
            assert isinstance(rows, Rows)
            await add_written(work, rows.table, rows.names, rows.text)
            n_written, n_bytes = n_written + rows.n, n_bytes + len(rows.text)
            advance(n_written / checked.n_rows)
        # The locks come last, so that nothing else that the user does waits for this.
        await _begin(work, once)
        await require_room(work, user_uuid, limits, n_new=0)
        await update_experiment(work, exp_uuid, {"n_bytes": n_bytes})
        call_worker(work, exp_uuid)
        wake_watchers(work, exp_uuid, user_uuid, checked.last_seq)
        imported = (await get_shown_experiment(work, exp_uuid, user_uuid)).to_wire()
        await once.keep(work, imported)
        await finish(work, imported)
    return imported
