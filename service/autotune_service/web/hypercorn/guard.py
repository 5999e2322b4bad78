"""What a websocket must bear that hypercorn leaves to others: peers that are gone, that flood, or that inflate.

hypercorn sends pings but never misses a pong, keeps storing what a peer sends after it was refused for its size, and
inflates whatever is sent in one go. It has no place to hang these in, so ``install`` puts classes of ours where it
looks up its own. ``tests/web/test_guard.py`` notices when an upgrade moves them.
"""

import asyncio
import zlib
from contextlib import suppress
from functools import lru_cache
from typing import Any

from hypercorn.protocol import h2, h11, ws_stream
from hypercorn.protocol.events import Body, Data, Event, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from hypercorn.typing import ASGISendEvent, WebsocketAcceptEvent
from wsproto.connection import ConnectionState
from wsproto.events import Ping
from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

_REFUSED_S = 2.0
_MAX_KEPT = 2**16  # characters of a text whose frame is kept for the next watcher
_MIN_DEFLATED = 256  # below it, compressing costs more than it saves


def install(ping_s: float, silent_s: float, max_bytes: int) -> None:
    """Have hypercorn serve websockets with the classes below.

    Args:
        ping_s: How often a peer is pinged.
        silent_s: How long it may answer none of the pings.
        max_bytes: The largest message taken; what was read at once, at most 64 KiB, may inflate to as much.
    """
    GuardedStream.ping_s, GuardedStream.silent_s = ping_s, silent_s
    Deflate.max_bytes = max_bytes
    h11.WSStream = h2.WSStream = GuardedStream  # type: ignore[assignment, attr-defined]  # the names it makes streams by
    ws_stream.PerMessageDeflate = Deflate  # type: ignore[assignment, attr-defined]  # and the extension it offers


class GuardedStream(WSStream):
    """A websocket that notices when its peer is gone, and stores nothing of one that it has refused."""

    ping_s = 20.0
    silent_s = 45.0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._heard_at = 0.0
        self._gone = asyncio.Event()
        self._is_refused = False
        self._bits: int | None = None

    async def handle(self, event: Event) -> None:
        """Take what comes from the peer."""
        if isinstance(event, Body | Data) and not self.closed and not self.handshake.accepted:
            await self._refuse_early()
            return
        if isinstance(event, StreamClosed):
            self._gone.set()
        elif isinstance(event, Body | Data):
            self._heard_at = asyncio.get_running_loop().time()
            if self._is_refused:
                return
        await super().handle(event)
        if self.handshake.accepted and self.connection.state is ConnectionState.LOCAL_CLOSING and not self._is_refused:
            self._is_refused = True
            self.buffer.clear()
            self.task_group.spawn(self._leave)

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Send what the app sends; a text is framed once for all to whom it goes."""
        text = message.get("text") if message is not None and message["type"] == "websocket.send" else None
        if text is None or not self.handshake.accepted or self.connection.state is not ConnectionState.OPEN:
            await super().app_send(message)
            if message is not None and not self.closed:
                await self._part()
        elif not self.closed:
            await self.send(Data(stream_id=self.stream_id, data=_frame_of(text, self._bits)))

    async def _refuse_early(self) -> None:
        """Refuse a peer that sends before its handshake is answered.

        hypercorn answers so too, but keeps the connection and tells the app nothing, so that a handler would wait for
        ever.
        """
        assert self.app_put is not None  # a handshake that waits for its answer has an app
        self.closed = True
        await self._send_error_response(400)
        await self.app_put({"type": "websocket.disconnect", "code": CloseReason.PROTOCOL_ERROR.value})
        await self.send(StreamClosed(stream_id=self.stream_id))

    async def _part(self) -> None:
        """End a connection on which the app has said its last word.

        hypercorn does so when the app returns, but from Quart 0.23 on the app returns when the connection has ended.
        """
        if self.state is ASGIWebsocketState.HTTPCLOSED:  # the handshake was refused
            await self.send(StreamClosed(stream_id=self.stream_id))
        elif self.state is ASGIWebsocketState.CLOSED:
            self.task_group.spawn(self._leave)

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        await super()._accept(message)
        agreed = [one for one in self.connection._proto.extensions if isinstance(one, Deflate) and one.enabled()]
        self._bits = int(agreed[0].server_max_window_bits) if agreed else None
        self._heard_at = asyncio.get_running_loop().time()
        self.task_group.spawn(self._watch)

    async def _watch(self) -> None:
        """Ping, and leave a peer that has not been heard of for long: every client answers a ping, by RFC 6455."""
        clock = asyncio.get_running_loop().time
        while not await self._is_gone(min(self.ping_s, self._heard_at + self.silent_s - clock())):
            if clock() - self._heard_at >= self.silent_s:
                await self.send(StreamClosed(stream_id=self.stream_id))
                return
            await self._send_wsproto_event(Ping())

    async def _leave(self) -> None:
        """Give a peer that was sent a close the time to answer it."""
        if not await self._is_gone(_REFUSED_S):
            await self.send(StreamClosed(stream_id=self.stream_id))

    async def _is_gone(self, within_s: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._gone.wait()
        return self._gone.is_set()


class Deflate(PerMessageDeflate):
    """Compression that keeps nothing between messages, and inflates little.

    A compressor that is kept costs a quarter of a megabyte for each socket.
    """

    max_bytes = 2**20

    def __init__(self) -> None:
        super().__init__(client_no_context_takeover=True, server_no_context_takeover=True)

    @classmethod
    def agreed(cls, bits: int) -> "Deflate":
        """Make one as it is where a client has agreed to a window of so many bits."""
        deflate = cls()
        deflate._enabled, deflate.server_max_window_bits = True, bits
        return deflate

    def frame_inbound_payload_data(self, proto: FrameDecoder | FrameProtocol, data: bytes) -> bytes | CloseReason:
        """Inflate what came, unless it becomes larger than any message may be."""
        inflating = self._decompressor
        if inflating is None or not self._inbound_compressed or not self._inbound_is_compressible:
            return super().frame_inbound_payload_data(proto, data)
        try:
            inflated = inflating.decompress(bytes(data), self.max_bytes)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return CloseReason.MESSAGE_TOO_BIG if inflating.unconsumed_tail else inflated

    def frame_outbound(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, data: bytes, fin: bool
    ) -> tuple[RsvBits, bytes]:
        """Compress a whole text message on its own (RFC 7692, section 7.2.1)."""
        if opcode is not Opcode.TEXT or not fin:
            return super().frame_outbound(proto, opcode, rsv, data, fin)
        if len(data) < _MIN_DEFLATED:
            return rsv, data
        compressor = zlib.compressobj(wbits=-int(self.server_max_window_bits))
        packed = compressor.compress(bytes(data)) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return RsvBits(True, rsv[1], rsv[2]), packed[:-4]


def _frame_of(text: str, bits: int | None) -> bytes:
    return framed(text, bits) if len(text) <= _MAX_KEPT else framed.__wrapped__(text, bits)


@lru_cache(maxsize=64)
def framed(text: str, bits: int | None) -> bytes:
    """Frame a text for whoever agreed to compression with a window of so many bits, None where to none.

    A thousand watchers of one experiment get the same bytes.
    """
    extensions: list[Extension] = [] if bits is None else [Deflate.agreed(bits)]
    return bytes(FrameProtocol(client=False, extensions=extensions).send_data(text))
