"""A lean websocket that only watches, without a library, so that a thousand of them leave the cores to the service.

The websocket offers no compression. Frames of a server are never masked (RFC 6455, section 5.1), and the service sends
each message as one frame.
"""

import asyncio
import base64
import os
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

from autotune_wire import paths

_TEXT, _CLOSE, _PING = 0x1, 0x8, 0x9


class Watching(asyncio.Protocol):
    """An open stream of one experiment's events.

    Args:
        request: The HTTP request that opens the stream.
        on_text: Called with each message, as it came.
    """

    def __init__(self, request: bytes, on_text: Callable[[bytes], None]) -> None:
        self._request = request
        self._on_text = on_text
        self._buffer = b""
        self.accepted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_open = False
        self.closed = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        """Send the request for the stream."""
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take the bytes that came, which may be a part of a frame or several frames."""
        self._buffer += data
        if not self.is_open and not self._is_accepted():
            return
        while self._take_frame():
            pass

    def connection_lost(self, _: Exception | None) -> None:
        """Note that the stream is over."""
        self.is_open = False
        self.closed.set()
        if not self.accepted.done():
            self.accepted.set_exception(ConnectionError("the stream was closed before it began"))

    def _is_accepted(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        if b" 101 " not in head[:20]:
            self.accepted.set_exception(ConnectionError(head.decode("latin1")))
            self.transport.close()
            return False
        self._buffer, self.is_open = rest, True
        self.accepted.set_result(None)
        return True

    def _take_frame(self) -> bool:
        buffer = self._buffer
        if len(buffer) < 2:
            return False
        code, length, start = buffer[0] & 0x0F, buffer[1] & 0x7F, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            length = int.from_bytes(buffer[2:start], "big")
        if len(buffer) < start + length:
            return False
        self._buffer, payload = buffer[start + length :], buffer[start : start + length]
        if code == _TEXT:
            self._on_text(payload)
        elif code == _PING:
            # Whatever a client sends is masked; zeros are a mask too.
            self.transport.write(bytes([0x8A, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
        elif code == _CLOSE:
            self.transport.close()
        return True


@asynccontextmanager
async def watching(port: int, token: str, exp_uuid: str, after: int, on_text: Callable[[bytes], None]) -> Any:
    """Open a stream of the events after a seq, and close it."""
    path = f"{paths.EXPERIMENT_STREAM.format(exp_uuid=exp_uuid)}?after={after}"
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(lambda: Watching(request, on_text), "127.0.0.1", port)
    try:
        await protocol.accepted
        yield protocol
    finally:
        transport.close()
