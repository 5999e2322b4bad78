"""Read a document in a process of its own: reading takes a processor for seconds, and much memory."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import IO
from uuid import UUID

import msgspec

from autotune_service.children import environment_of_child
from autotune_service.domain.errors import InvalidError, MalformedError, UnavailableError
from autotune_service.tuning.imports.child import LENGTH
from autotune_service.tuning.imports.messages import Checked, Ended, Message, Refused, Rows
from autotune_wire.problems import FieldProblem

_DEADLINE_S = 600.0
_RETRY_AFTER_S = 5
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


async def read_apart(file: IO[bytes], owner_uuid: UUID, exp_uuid: UUID) -> AsyncGenerator[Checked | Rows, None]:
    """Check a document in a process of its own, and yield the rows of its experiment as they come.

    Args:
        file: The document; a file with a descriptor.
        owner_uuid: The user whose experiment it becomes.
        exp_uuid: The experiment's new uuid.

    Raises:
        MalformedError: As ``rows_of``.
        InvalidError: As ``rows_of``.
        UnavailableError: If the process cannot be started, ends before it is done, or reads for ten minutes.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "autotune_service.tuning.imports.child", str(owner_uuid), str(exp_uuid)),
            stdin=file,
            stdout=asyncio.subprocess.PIPE,
            env=environment_of_child(),
            # The terminal's Ctrl-C is for the service, which then ends its processes itself.
            start_new_session=True,
        )
    except OSError as error:
        raise UnavailableError("the process that reads imports cannot be started", _RETRY_AFTER_S) from error
    left_s, clock = _DEADLINE_S, asyncio.get_running_loop().time
    try:
        while True:
            asked_s = clock()
            async with asyncio.timeout(left_s):
                message = await _received(process)
            left_s -= clock() - asked_s  # how long the rows before took to store is not the document's
            if isinstance(message, Ended):
                return
            if isinstance(message, Refused):
                raise _error_of(message)
            yield message
    except TimeoutError:
        raise UnavailableError(f"the document was not read within {_DEADLINE_S:g} s", _RETRY_AFTER_S) from None
    except asyncio.IncompleteReadError as error:
        raise UnavailableError("the process that read the document has ended: send it again", _RETRY_AFTER_S) from error
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _received(process: asyncio.subprocess.Process) -> Message:
    assert process.stdout is not None
    (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
    return _DECODER.decode(await process.stdout.readexactly(length))


def _error_of(refused: Refused) -> MalformedError | InvalidError:
    if not refused.problems:
        return MalformedError(refused.detail)
    errors = [FieldProblem(field=found.field, message=found.message, value=found.value) for found in refused.problems]
    return InvalidError(refused.detail, errors)
