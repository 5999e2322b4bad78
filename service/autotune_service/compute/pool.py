"""Warm engine processes. Each works on one job at a time and is replaced when a job overruns its deadline."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from pydantic import ValidationError

from autotune_service.compute.child import LENGTH
from autotune_service.compute.messages import Job, Result

_log = logging.getLogger(__name__)
_WARM_UP_S = 120.0
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class EngineError(Exception):
    """The engine gave no result; the message says why and is shown to users."""


class EngineTimeoutError(EngineError):
    """The engine did not finish in time."""


class EngineProcess:
    """A process with the engine in it; started at the first use, and again after it has ended."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._talking = asyncio.Lock()  # one job at a time: a result does not name its job

    async def warm(self) -> None:
        """Start the process if there is none and wait until the engine is loaded.

        Raises:
            EngineTimeoutError: If loading takes longer than two minutes.
            OSError: If no process can be started.
            asyncio.IncompleteReadError: If the process ends before it is warm.
        """
        async with self._talking:
            await self._start()

    async def _start(self) -> None:
        if self._process is not None and self._process.returncode is None:
            return
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "autotune_service.compute.child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | _ONE_THREAD,
            # The terminal's Ctrl-C is for the service, which then ends its processes itself.
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_WARM_UP_S):
                await self._receive(self._process)
        except BaseException as error:
            # Its empty first result, if it still came, would be taken for the result of the first job.
            await self.stop()
            if isinstance(error, TimeoutError):
                raise EngineTimeoutError(f"the engine did not start within {_WARM_UP_S:g} s") from None
            raise

    async def work(self, job: Job, deadline_s: float) -> Result:
        """Send a job to the process and return its result; a cancelled call ends the process.

        Raises:
            EngineError: If the engine failed, its process ended, or it did not finish in time.
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
            await self.stop()
            raise EngineError("the engine process ended before it had a result") from error
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
        body = job.model_dump_json().encode()
        self._process.stdin.write(LENGTH.pack(len(body)) + body)
        await self._process.stdin.drain()
        return await self._receive(self._process)

    @staticmethod
    async def _receive(process: asyncio.subprocess.Process) -> Result:
        assert process.stdout is not None
        (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        return Result.model_validate_json(await process.stdout.readexactly(length))


class Pool:
    """A fixed number of engine processes."""

    def __init__(self, size: int, deadline_s: float) -> None:
        self.size = size
        self._deadline_s = deadline_s
        self._processes = [EngineProcess() for _ in range(size)]
        self._idle = asyncio.LifoQueue[EngineProcess]()
        for process in self._processes:
            self._idle.put_nowait(process)

    async def warm(self) -> None:
        """Load the engine in every process, so that the first job need not wait for it."""
        async with asyncio.TaskGroup() as tasks:
            for process in self._processes:
                tasks.create_task(process.warm())

    async def work(self, job: Job) -> Result:
        """Send a job to the next process that is idle and return its result.

        Raises:
            EngineError: As ``EngineProcess.work``.
        """
        async with self._process() as process:
            return await process.work(job, self._deadline_s)

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
