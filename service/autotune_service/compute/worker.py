"""The worker: a lane for each engine process, and what is to be done beside: leases that end, old rows."""

import asyncio
import logging

from autotune_service.compute.lane import CLAIM, POLL_S, SOON_S, Lane
from autotune_service.compute.pool import EngineError, Pool
from autotune_service.domain.errors import UnavailableError
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.observing import logs, metrics
from autotune_service.observing.repeats import Repeats
from autotune_service.store.database import Store
from autotune_service.store.rows.events import WORK_CHANNEL
from autotune_service.store.server.listen import Listener
from autotune_service.tuning.fit import hand_back
from autotune_service.tuning.leases import expire_leases, next_expiry
from autotune_service.tuning.upkeep import tidy

_log = logging.getLogger(__name__)
_REPEATS = Repeats(_log)
_HAND_BACK_S = 2.0
_TIDY_S = 3600.0


class Worker:
    """Works for all experiments of one database, for as many at a time as its pool has processes."""

    def __init__(self, name: str, store: Store, url: str, pool: Pool, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._name = name
        self._store = store
        self._pool = pool
        n_all = max(pool.size - 1, 1)
        self._lanes = [Lane(name, store, pool, self._wake, is_short=number >= n_all) for number in range(pool.size)]
        self._listener = Listener(url, WORK_CHANNEL, lambda _: self._wake(), self._wake, store.log)

    async def run(self) -> None:
        """Work until cancelled; the claims are then released, so that other workers take up the work at once."""
        logs.bind(worker=self._name)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listener.run())
                tasks.create_task(self._warm())
                tasks.create_task(self._expire())
                tasks.create_task(self._tidy())
                for lane in self._lanes:
                    tasks.create_task(lane.run())
        finally:
            await self._hand_back()

    async def _hand_back(self) -> None:
        try:
            async with asyncio.timeout(_HAND_BACK_S):
                await hand_back(self._store, self._name)
        except (UnavailableError, TimeoutError):
            _log.warning("the claims could not be released; they run out in %d s", CLAIM.total_seconds())

    async def _tidy(self) -> None:
        while True:
            try:
                await tidy(self._store, self._limits)
            except UnavailableError as error:
                _log.warning(
                    "old replies and sessions could not be deleted; the next try is in an hour: %s", error.detail
                )
            except Exception:  # noqa: BLE001 -- the worker must outlive its upkeep, logged
                _log.exception("old replies and sessions could not be deleted; the next try is in an hour")
            await asyncio.sleep(_TIDY_S)

    def _wake(self) -> None:
        """Wake one lane, which wakes another once it has found work; those that are busy look again in any case.

        Most often there is work for one: that all look for it would take the time of requests.
        """
        waiting = [lane for lane in self._lanes if lane.is_waiting]
        for lane in self._lanes:
            if lane not in waiting[1:]:
                lane.wake.set()

    async def _warm(self) -> None:
        try:
            await self._pool.warm()
        except EngineError:
            return  # the pool has logged it, and tries again when there is work
        _log.info("engine ready: %s warm process(es)", self._pool.size)

    async def _expire(self) -> None:
        """End leases as soon as they run out."""
        while True:
            wait_s = POLL_S
            try:
                metrics.leases_expired(await expire_leases(self._store))
                due_in_s = await next_expiry(self._store)
                wait_s = POLL_S if due_in_s is None else min(POLL_S, due_in_s + SOON_S)
            except UnavailableError as error:
                _REPEATS.warning(
                    "leases that have run out are not ended while the database is not available: %s", error.detail
                )
            except Exception:  # noqa: BLE001 -- the worker's loop must outlive one pass, logged
                _log.exception("leases could not be ended; the worker tries again in %g s", wait_s)
            await asyncio.sleep(wait_s)
