"""Checks large bodies where that holds nobody up: in a few processes that wait for work.

Decoding and checking a megabyte may take seconds, in which no thread of the same process could do anything else. So a
process of its own says whether the body is right, and then it is read here, in a thread: what is right is no larger
than the contract lets it be.
"""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Timer
from typing import Any

import msgspec

from autotune_service.children import environment_of_child
from autotune_service.domain.errors import InvalidError, MalformedError, UnavailableError
from autotune_service.web.checking.child import Body, Verdict, adapter_of, message_of, read_message
from autotune_wire.problems import FieldProblem

SMALL = 16 * 1024
"""Bytes of a body that is read at once: that takes less than a message to another process and back, or little more."""

_SIZE = 2
_DEADLINE_S = 30.0
_RETRY_AFTER_S = 5
_DECODER = msgspec.msgpack.Decoder(Verdict)


class Bodies:
    """The processes that check bodies, each with a thread of this process that talks to it.

    A process is started when it is first needed.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_SIZE, thread_name_prefix="checking")
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._idle: list[subprocess.Popen[bytes]] = []

    async def read(self, shape: str, body: bytes) -> Any:
        """Check a body and return it as a value of its type.

        Args:
            shape: Where the type stands, as ``module:name``.
            body: The JSON.

        Raises:
            MalformedError: If the body is not valid JSON.
            InvalidError: If a field is missing, unknown or not valid.
            UnavailableError: If the body cannot be checked now.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, shape, body)

    def stop(self) -> None:
        """End the processes."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in list(self._processes):
            self._end(process)

    def _read(self, shape: str, body: bytes) -> Any:
        verdict = self._verdict(message_of(Body(shape, body)))
        if verdict.detail:
            raise _error_of(verdict)
        return adapter_of(shape).validate_python(msgspec.json.decode(body))

    def _verdict(self, question: bytes) -> Verdict:
        try:
            process = self._idle.pop() if self._idle else self._started()
        except OSError as error:
            raise UnavailableError("the process that checks large bodies cannot be started", _RETRY_AFTER_S) from error
        assert process.stdin is not None
        assert process.stdout is not None
        deadline = Timer(_DEADLINE_S, process.kill)
        deadline.start()
        try:
            process.stdin.write(question)
            process.stdin.flush()
            answer = read_message(process.stdout)
        except OSError:
            answer = None  # it has ended
        finally:
            deadline.cancel()
        if answer is None:
            self._end(process)
            raise UnavailableError("the process that checks large bodies has ended: try again", _RETRY_AFTER_S)
        self._idle.append(process)
        return _DECODER.decode(answer)

    def _started(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(  # nosec B603 # our own program
            [sys.executable, "-m", "autotune_service.web.checking.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment_of_child(),
            # The terminal's Ctrl-C is for the service, which then ends its processes itself.
            start_new_session=True,
        )
        self._processes.add(process)
        return process

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        self._processes.discard(process)
        process.kill()
        process.wait()


def _error_of(verdict: Verdict) -> MalformedError | InvalidError:
    if not verdict.problems:
        return MalformedError(verdict.detail)
    errors = [FieldProblem(field=one.field, message=one.message, value=one.value) for one in verdict.problems]
    return InvalidError(verdict.detail, errors)
