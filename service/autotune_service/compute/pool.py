"""Warm engine processes. Each works on one job at a time and is replaced when a job overruns its deadline.

A process that dies is replaced at once, as it may have been unlucky. Where the engine cannot even be started, each try
comes after a longer pause, and until then every job is refused with the reason.
"""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from pydantic import ValidationError

from autotune_service.children import environment_of_child
from autotune_service.compute.child import LENGTH
from autotune_service.compute.messages import BLOCK, RUNS, Job, Result

_log = logging.getLogger(__name__)
_WARM_UP_S = 120.0
_END_S = 2.0  # how long a process whose pipe has closed may take to be gone
_RETRY_S = 30.0
_SOONEST_RETRY_S = 2.0
_PAUSES_S = (0.0, 1.0, 2.0, 4.0, 8.0, 15.0)  # after the first start that failed, after the second ...
_SLICE = 1000  # runs in one message
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class EngineError(Exception):
    """The engine gave no result; the message says why and is shown to users.

    Attributes:
        retry_in_s: After how many seconds the same job is worth another try.
    """

    def __init__(self, reason: str, retry_in_s: float = _RETRY_S) -> None:
        super().__init__(reason)
        self.retry_in_s = retry_in_s


class EngineTimeoutError(EngineError):
    """The engine did not finish in time."""


class EngineOverrunError(Exception):
    """The job takes longer than it was given here: it is to be done where long work is."""


class EngineStartError(EngineError):
    """No engine process could be started, so that no job can be done before the next try."""

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason, max(pause_s, _SOONEST_RETRY_S))


class EngineProcess:
    """A process with the engine in it; started at the first use, and again after it has ended."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._talking = asyncio.Lock()  # one job at a time: a result does not name its job
        self._n_failed_starts = 0
        self._not_started_because = ""
        self._may_start_at = 0.0

    @property
    def cannot_start(self) -> bool:
        """Whether the last try to start the process failed."""
        return self._n_failed_starts > 0

    async def warm(self) -> None:
        """Start the process if there is none and wait until the engine is loaded.

        Raises:
            EngineTimeoutError: If loading takes longer than two minutes.
            EngineStartError: If the process cannot be started, or ends before it is warm.
        """
        async with self._talking:
            await self._start()

    async def _start(self) -> None:
        if self._process is not None and self._process.returncode is None:
            return
        pause_s = self._may_start_at - time.monotonic()
        if pause_s > 0:
            raise EngineStartError(self._not_started_because, pause_s)
        try:
            await self._launch()
        except EngineError as error:
            error.retry_in_s = self._pause(str(error))
            raise
        if self._n_failed_starts:
            _log.info("the engine has started, after %d tries that failed", self._n_failed_starts)
        self._n_failed_starts, self._not_started_because = 0, ""

    def _pause(self, reason: str) -> float:
        """Begin the pause after a start that failed, and return its length in seconds."""
        pause_s = _PAUSES_S[min(self._n_failed_starts, len(_PAUSES_S) - 1)]
        self._n_failed_starts += 1
        self._may_start_at = time.monotonic() + pause_s
        if reason != self._not_started_because:  # one line, not one for each try
            _log.error("%s; it is tried again whenever there is work, at most every %g s", reason, _PAUSES_S[-1])
        self._not_started_because = reason
        return max(pause_s, _SOONEST_RETRY_S)

    async def _launch(self) -> None:
        try:
            self._process = await self._new_process()
            async with asyncio.timeout(_WARM_UP_S):
                first = await self._receive(self._process)
            if first.failure is not None:
                raise EngineStartError(f"the engine cannot start: {first.failure}")
        except BaseException as error:
            is_cut_off = isinstance(error, asyncio.IncompleteReadError)
            reason = f"its process {await _end_of(self._process)}" if is_cut_off else error
            # Its empty first result, if it still came, would be taken for the result of the first job.
            await self.stop()
            if isinstance(error, TimeoutError):
                raise EngineTimeoutError(f"the engine did not start within {_WARM_UP_S:g} s") from None
            if isinstance(error, OSError | asyncio.IncompleteReadError | ValidationError):
                raise EngineStartError(f"the engine cannot start: {reason}") from error
            raise

    @staticmethod
    async def _new_process() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "autotune_service.compute.child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment_of_child() | _ONE_THREAD,
            # The terminal's Ctrl-C is for the service, which then ends its processes itself.
            start_new_session=True,
        )

    async def work(self, job: Job, deadline_s: float) -> Result:
        """Send a job to the process and return its result; a cancelled call ends the process.

        Raises:
            EngineError: If the engine failed or could not start, its process ended, or it did not finish in time.
        """
        async with self._talking:
            result = await self._result(job, deadline_s)
        if result.failure is not None:
            _log.error("engine run failed: %s\n%s", result.failure, result.traceback)
            raise EngineError(result.failure)
        return result

    async def _result(self, job: Job, deadline_s: float) -> Result:
        try:
            await self._start()
            async with asyncio.timeout(deadline_s):
                return await self._exchange(job)
        except TimeoutError:
            await self.stop()
            raise EngineTimeoutError(f"the engine did not finish within {deadline_s:g} s") from None
        except (OSError, asyncio.IncompleteReadError) as error:
            end = await _end_of(self._process)
            await self.stop()
            raise EngineError(f"the engine process {end}") from error
        except ValidationError as error:
            raise EngineError("the engine process sent a result that cannot be read") from error
        except asyncio.CancelledError:
            await self.stop()  # the result under way would be taken for that of the next job
            raise

    async def stop(self) -> None:
        """End the process at once."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _exchange(self, job: Job) -> Result:
        assert self._process is not None
        assert self._process.stdin is not None
        for body in _messages(job):
            self._process.stdin.write(LENGTH.pack(len(body)) + body)
            await self._process.stdin.drain()
            await asyncio.sleep(0)  # writing all runs of a large experiment at once would hold up everybody else
        return await self._receive(self._process)

    @staticmethod
    async def _receive(process: asyncio.subprocess.Process) -> Result:
        assert process.stdout is not None
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return Result.model_validate_json(await process.stdout.readexactly(length))


async def _end_of(process: asyncio.subprocess.Process | None) -> str:
    """Return in words what became of a process that has closed its pipe: "was killed ..."."""
    status = None
    if process is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                status = await process.wait()
    if not status:
        return "ended before it had a result"
    if status > 0:
        return f"ended with exit status {status}: the worker's log has what it said"
    try:
        name = signal.Signals(-status).name
    except ValueError:  # a real-time signal
        name = f"signal {-status}"
    if name == "SIGKILL":
        return "was killed (SIGKILL): the machine may be out of memory"
    return f"was ended by {name}"


def _messages(job: Job) -> Iterator[bytes]:
    """Write a job as one message, or as several if it has many runs or a list of candidates."""
    first, *others = [job.given.runs[start : start + _SLICE] for start in range(0, len(job.given.runs), _SLICE)] or [[]]
    candidates = job.given.candidates
    blocks = [] if candidates is None else candidates.blocks
    without_rows = None if candidates is None else replace(candidates, blocks=[])
    given = replace(job.given, runs=first, candidates=without_rows)
    counts = {"n_slices": len(others), "n_blocks": len(blocks)}
    yield job.model_copy(update={"given": given, **counts}).model_dump_json().encode()
    for runs in others:
        yield RUNS.dump_json(runs)
    for block in blocks:
        yield BLOCK.dump_json(block)


class Pool:
    """A fixed number of engine processes.

    Args:
        size: How many.
        deadline_s: How long a job may take, in seconds.
    """

    def __init__(self, size: int, deadline_s: float) -> None:
        self.size = size
        self._deadline_s = deadline_s
        self._processes = [EngineProcess() for _ in range(size)]
        self._idle = asyncio.LifoQueue[EngineProcess]()
        for process in self._processes:
            self._idle.put_nowait(process)

    async def warm(self) -> None:
        """Load the engine in the processes that are used first, so that the first job need not wait for it.

        Of several processes one is left until all others are busy: a machine with one user at a time never needs it.

        Raises:
            EngineError: As ``EngineProcess.warm``, if the engine could not be loaded in all of them.
        """
        used_first = self._processes[1:] or self._processes  # of the idle ones, the last comes first
        ends = await asyncio.gather(*(process.warm() for process in used_first), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end

    @property
    def cannot_start(self) -> bool:
        """Whether no process could be started when it was last tried."""
        return any(process.cannot_start for process in self._processes)

    async def work(self, job: Job, within_s: float | None = None) -> Result:
        """Send a job to the next process that is idle and return its result.

        Args:
            job: The job.
            within_s: How long the job may take here, in seconds, if that is less than the pool's deadline.

        Raises:
            EngineOverrunError: If it takes longer than ``within_s``.
            EngineError: As ``EngineProcess.work``.
        """
        is_cut_short = within_s is not None and within_s < self._deadline_s
        async with self._process() as process:
            try:
                return await process.work(job, within_s if is_cut_short and within_s else self._deadline_s)
            except EngineTimeoutError as error:
                if is_cut_short:
                    raise EngineOverrunError from error
                raise

    async def stop(self) -> None:
        """End all processes."""
        for process in self._processes:
            await process.stop()

    @asynccontextmanager
    async def _process(self) -> AsyncIterator[EngineProcess]:
        process = await self._idle.get()
        try:
            yield process
        finally:
            self._idle.put_nowait(process)
