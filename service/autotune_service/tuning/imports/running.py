"""Long imports: each is answered before it is done, goes on in a task of its own, and can be followed."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass, field
from typing import IO
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from autotune_service.domain.errors import BusyError, NotFoundError, UnavailableError
from autotune_service.domain.limits import Limits
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.imports import SILENT_FOR, get_import, say, set_begun
from autotune_service.tuning.experiments import require_room
from autotune_service.tuning.imports.process import read_apart
from autotune_service.tuning.imports.storing import store_import
from autotune_service.tuning.once import Once
from autotune_wire.experiments import Experiment
from autotune_wire.portable import ImportState
from autotune_wire.problems import Problem

Describe = Callable[[Exception], Problem]
"""Turns an error into the problem document that a user sees."""

_log = logging.getLogger(__name__)
_SAY_S = 1.0
_QUIET_S = 3.0  # where its process has said nothing for so long, the same request may take an import over
_FAREWELL_S = 2.0
_MOST = 4  # long documents of one user that come, and as many that are worked on or wait, in a process
_RETRY_AFTER_S = 5
_STOPPED = "the service was stopped before the import was done, and stored nothing of it: send the document again"
_SILENT = "the process that worked on the import has ended, and stored nothing of it: send the document again"


@dataclass(eq=False)
class _LongImport:
    """A long import at work.

    Attributes:
        token: Names the process and the try: only who has the newest token of an import may store it.
        progress: The share of the rows that is written.
    """

    store: Store
    user_uuid: UUID
    exp_uuid: UUID
    describe: Describe
    token: bytes = field(default_factory=lambda: uuid4().bytes)
    progress: float = 0.0

    @property
    def state(self) -> ImportState:
        return ImportState(exp_uuid=self.exp_uuid, state="running", progress=self.progress)

    async def say(self, work: Work, state: ImportState) -> bool:
        is_over, text = state.state != "running", state.model_dump_json()
        return await say(work, self.user_uuid, self.exp_uuid, self.token, text, is_over=is_over)

    async def finish(self, work: Work, imported: Experiment) -> None:
        done = ImportState(exp_uuid=self.exp_uuid, state="done", progress=1.0, experiment=imported)
        if not await self.say(work, done):
            raise UnavailableError(_SILENT, _RETRY_AFTER_S)

    async def fail(self, error: Exception) -> None:
        """Tell why the import failed; without a database, its silence tells that it did."""
        failed = ImportState(exp_uuid=self.exp_uuid, state="failed", problem=self.describe(error))
        try:
            async with asyncio.timeout(_FAREWELL_S), self.store.work() as work:
                await self.say(work, failed)
        except (UnavailableError, TimeoutError):
            _log.warning("that the import %s has failed could not be stored", self.exp_uuid)

    async def keep_saying(self) -> None:
        """Tell every second that the import goes on, and return when it was given up or somebody else has it."""
        is_held = True
        while is_held:
            await asyncio.sleep(_SAY_S)
            try:
                async with self.store.work() as work:
                    is_held = await self.say(work, self.state)
            except UnavailableError as error:
                _log.warning("the progress of the import %s could not be stored: %s", self.exp_uuid, error.detail)


class _Places:
    """Four places for each user."""

    def __init__(self) -> None:
        self._taken: Counter[UUID] = Counter()

    def require(self, user_uuid: UUID) -> None:
        if self._taken[user_uuid] >= _MOST:
            raise BusyError(f"{_MOST} imports of yours are under way: send the next when one is done")

    @contextmanager
    def taken(self, user_uuid: UUID) -> Iterator[None]:
        self.require(user_uuid)
        self._taken[user_uuid] += 1
        try:
            yield
        finally:
            self._taken -= Counter([user_uuid])


class Imports:
    """The long imports of one process: one of them runs at a time, and users take turns."""

    def __init__(self) -> None:
        self._tasks: dict[UUID, asyncio.Task[Experiment]] = {}
        self._coming, self._begun = _Places(), _Places()
        self._turn = asyncio.Semaphore(1)
        self._turns: WeakValueDictionary[UUID, asyncio.Semaphore] = WeakValueDictionary()

    @contextmanager
    def coming(self, user_uuid: UUID, *, has_key: bool) -> Iterator[None]:
        """Take one of the user's places for a long document while it comes.

        Args:
            has_key: Whether the request has a key: its import may be one of those that are under way, which only the
                whole document tells.

        Raises:
            BusyError: If too many documents of the user come, or too many of the user's imports run or wait.
        """
        if not has_key:
            self._begun.require(user_uuid)
        with self._coming.taken(user_uuid):
            yield

    async def start(
        self, store: Store, user_uuid: UUID, file: IO[bytes], once: Once, limits: Limits, describe: Describe
    ) -> ImportState:
        """Start an import, or find the one that the same request has started before.

        Args:
            file: The document, in a file with a descriptor; it is closed here.
            describe: For the error, if the import fails.

        Raises:
            BusyError: If too many imports of the user run or wait already.
            LimitReachedError: If the user has as many experiments as are allowed.
            RequestRunningError: As ``Once.begin``.
            KeyReusedError: As ``Once.begin``.
        """
        with ExitStack() as stack:
            stack.callback(file.close)
            async with store.work() as work:
                noted = await once.begin(work)
                importing = _LongImport(store, user_uuid, noted[-1] if noted else uuid4(), describe)
                row = await get_import(work, user_uuid, importing.exp_uuid)
                if row is not None and not row.is_over and row.silent_for.total_seconds() < _QUIET_S:
                    return ImportState.model_validate_json(row.reply)
                stack.enter_context(self._begun.taken(user_uuid))
                await require_room(work, user_uuid, limits)
                for query in [] if noted else once.note([importing.exp_uuid]):
                    await work.run(query)
                begun = importing.state
                await work.run(set_begun(user_uuid, importing.exp_uuid, importing.token, begun.model_dump_json()))
            task = asyncio.create_task(self._run(importing, file, once, limits))
            self._tasks[importing.exp_uuid] = task
            held = stack.pop_all()
            task.add_done_callback(lambda _: held.close())
            task.add_done_callback(lambda _: self._forget(task, importing))
        return begun

    async def finished(self, exp_uuid: UUID, wait_s: float) -> Experiment | None:
        """Wait for an import of this process, and return the experiment; None if it takes longer.

        Raises:
            AutotuneError: If the import has failed.
        """
        task = self._tasks.get(exp_uuid)
        if task is None:
            return None
        await asyncio.wait([task], timeout=wait_s)
        return task.result() if task.done() and not task.cancelled() else None

    async def follow(self, store: Store, user_uuid: UUID, exp_uuid: UUID, describe: Describe) -> ImportState:
        """Return how far an import has come.

        Raises:
            NotFoundError: If the user has started no such import in the last seven days.
        """
        async with store.work() as work:
            row = await get_import(work, user_uuid, exp_uuid)
        if row is None:
            raise NotFoundError(f"you have no import {exp_uuid}")
        if row.is_over or row.silent_for < SILENT_FOR:
            return ImportState.model_validate_json(row.reply)
        problem = describe(UnavailableError(_SILENT, _RETRY_AFTER_S))
        return ImportState(exp_uuid=exp_uuid, state="failed", problem=problem)

    async def stop(self) -> None:
        """End all imports; nothing of them is stored."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, importing: _LongImport, file: IO[bytes], once: Once, limits: Limits) -> Experiment:
        saying, own = asyncio.create_task(importing.keep_saying()), asyncio.current_task()
        assert own is not None
        saying.add_done_callback(lambda ended: ended.cancelled() or own.cancel())
        users_turn = self._turns.setdefault(importing.user_uuid, asyncio.Semaphore(1))
        try:
            async with users_turn, self._turn:
                return await self._stored(importing, file, once, limits)
        except asyncio.CancelledError:
            if not saying.done() or saying.cancelled():
                await importing.fail(UnavailableError(_STOPPED, _RETRY_AFTER_S))
            elif isinstance(error := saying.exception(), Exception):
                await importing.fail(error)
            raise  # else the import is another process's, or was given up
        except Exception as error:
            await importing.fail(error)
            raise
        finally:
            saying.cancel()
            await asyncio.wait([saying])

    @staticmethod
    async def _stored(importing: _LongImport, file: IO[bytes], once: Once, limits: Limits) -> Experiment:
        user_uuid, exp_uuid = importing.user_uuid, importing.exp_uuid

        def advance(progress: float) -> None:
            importing.progress = progress

        async with aclosing(read_apart(file, user_uuid, exp_uuid)) as messages:
            storing = store_import(
                importing.store,
                user_uuid,
                exp_uuid,
                messages,
                once,
                limits,
                advance=advance,
                finish=importing.finish,
            )
            return await once.reply(Experiment, storing)

    def _forget(self, task: "asyncio.Task[Experiment]", importing: _LongImport) -> None:
        if self._tasks.get(importing.exp_uuid) is task:
            del self._tasks[importing.exp_uuid]
        if not task.cancelled():
            task.exception()  # it was stored for who follows the import, and asyncio need not report it
