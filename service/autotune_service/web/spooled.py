"""Keeps large documents in files while they come and go, so that no request has a whole one in memory."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile

from quart import request
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from autotune_service.domain.errors import UnavailableError
from autotune_service.web.once import begun_hash
from autotune_service.web.requests import BoundedBody

SMALL = 1_000_000
"""Bytes of a document that stays in memory."""

_PIECE = 1 << 18
_RETRY_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class Spooled:
    """The body of a request.

    Attributes:
        file: The body, in memory if it is small; whoever has it closes it.
        n_bytes: Its length.
        asked: The hash of all that the request asks for.
    """

    file: "SpooledTemporaryFile[bytes]"
    n_bytes: int
    asked: bytes


async def spooled_body(on_large: Callable[[], object]) -> Spooled:
    """Write the body of the current request to a file while it comes.

    Args:
        on_large: Called when the body turns out not to be small; what it raises ends the request.

    Raises:
        RequestEntityTooLarge: If the body is larger than this request's may be.
        RequestTimeout: If the body has not come in time.
        UnavailableError: If the file cannot be written.
    """
    assert isinstance(request.body, BoundedBody)
    file, asked, n_bytes = SpooledTemporaryFile[bytes](SMALL), begun_hash(), 0

    def keep(piece: bytes) -> None:
        asked.update(piece)
        _write(file, piece)

    try:
        async with asyncio.timeout(request.body_timeout):
            async for piece in request.body:
                if n_bytes <= SMALL < n_bytes + len(piece):
                    on_large()
                n_bytes += len(piece)
                if request.max_content_length is not None and n_bytes > request.max_content_length:
                    raise RequestEntityTooLarge
                await asyncio.to_thread(keep, piece)
            request.body.check()
            await asyncio.to_thread(_flush, file)  # another process may read it
    except BaseException as error:
        file.close()
        if isinstance(error, TimeoutError):
            raise RequestTimeout from None
        raise
    return Spooled(file, n_bytes, asked.digest())


async def spooled(pieces: AsyncIterator[bytes]) -> "SpooledTemporaryFile[bytes]":
    """Write pieces to a file as they come; whoever gets the file closes it.

    Raises:
        UnavailableError: If the file cannot be written.
    """
    file = SpooledTemporaryFile[bytes](SMALL)
    try:
        async for piece in pieces:
            await asyncio.to_thread(_write, file, piece)
    except BaseException:
        file.close()
        raise
    return file


async def read_pieces(file: "SpooledTemporaryFile[bytes]") -> AsyncIterator[bytes]:
    """Yield a file piece by piece from its start, and close it."""
    try:
        await asyncio.to_thread(file.seek, 0)
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    finally:
        file.close()


def _write(file: "SpooledTemporaryFile[bytes]", piece: bytes) -> None:
    with _room():
        file.write(piece)


def _flush(file: "SpooledTemporaryFile[bytes]") -> None:
    with _room():
        file.flush()


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = tempfile.gettempdir()
        raise UnavailableError(
            f"the service cannot keep the document in {where} while it works on it: {error.strerror}",
            _RETRY_AFTER_S,
        ) from error
