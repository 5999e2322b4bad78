"""The places in hypercorn that the guard fills: an upgrade that moves them is noticed here."""

import asyncio
import zlib

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.protocol import h2, h11, ws_stream
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage
from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol, Opcode, RsvBits

from autotune_service.app import bound_socket
from autotune_service.web.hypercorn import guard

NO_BITS = RsvBits(False, False, False)


def test_hypercorn_makes_its_streams_by_the_names_that_are_replaced():
    assert "WSStream" in h2.H2Protocol._create_stream.__code__.co_names
    assert "WSStream" in h11.H11Protocol._create_stream.__code__.co_names
    assert "PerMessageDeflate" in ws_stream.Handshake.accept.__code__.co_names


def test_message_is_packed_as_the_extension_itself_packs_it():
    proto, text = FrameProtocol(client=False, extensions=[]), b'{"seq":1,"type":"suggestion_created"}' * 40
    bits, packed = guard.Deflate().frame_outbound(proto, Opcode.TEXT, NO_BITS, text, True)
    assert bits.rsv1
    assert len(packed) < len(text) / 4
    assert zlib.decompressobj(wbits=-15).decompress(packed + b"\x00\x00\xff\xff") == text
    expected = PerMessageDeflate(server_no_context_takeover=True).frame_outbound(
        proto, Opcode.TEXT, NO_BITS, text, True
    )
    assert (bits, packed) == expected


def test_small_message_is_sent_as_it_is():
    proto = FrameProtocol(client=False, extensions=[])
    assert guard.Deflate().frame_outbound(proto, Opcode.TEXT, NO_BITS, b"{}", True) == (NO_BITS, b"{}")


@pytest.mark.parametrize("bits", [None, 12, 15])
@pytest.mark.parametrize("text", ["{}", '{"seq":1,"type":"suggestion_created"}' * 40, "ü" * 70_000])
def test_framed_text_is_what_wsproto_makes_of_it(bits, text):
    extensions = [] if bits is None else [guard.Deflate.agreed(bits)]
    connection = Connection(ConnectionType.SERVER, extensions)
    assert guard.framed(text, bits) == connection.send(TextMessage(data=text))


HANDSHAKE = b"""GET / HTTP/1.1\r
Host: localhost\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Version: 13\r
\r
"""
EMPTY_FRAME = b"\x81\x80\x00\x00\x00\x00"  # a text, with the mask that a client must have


def app_that_says(*messages):
    """An app that returns when its connection has ended, as Quart does from 0.23 on."""

    async def app(scope, receive, send):
        assert scope["type"] == "websocket"  # hypercorn goes on without a lifespan
        await receive()
        for message in messages:
            await send(message)
        assert (await receive())["type"] == "websocket.disconnect"

    return app


async def received(app, sent):
    """What a peer gets up to the end of the connection, which the service ends: the peer says no more."""
    config, stopping = Config(), asyncio.Event()
    sock = bound_socket("127.0.0.1", 0)
    sock.listen()
    _, port = sock.getsockname()
    config.bind = [f"fd://{sock.detach()}"]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(serve(app, config, shutdown_trigger=stopping.wait))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(sent)
            async with asyncio.timeout(20):
                return await reader.read()
        finally:
            writer.close()
            stopping.set()


@pytest.fixture
def guarded(monkeypatch):
    monkeypatch.setattr(h11, "WSStream", guard.GuardedStream)
    monkeypatch.setattr(guard, "_REFUSED_S", 0.1)


@pytest.mark.parametrize(
    ("messages", "last_bytes"),
    [
        (
            [
                {"type": "websocket.http.response.start", "status": 404, "headers": []},
                {"type": "websocket.http.response.body", "body": b"no such path", "more_body": False},
            ],
            b"no such path",
        ),
        (
            [
                {"type": "websocket.accept", "headers": []},
                {"type": "websocket.close", "code": 4401, "reason": "who are you?"},
            ],
            b"who are you?",
        ),
    ],
    ids=["handshake is refused", "socket is closed"],
)
async def test_connection_ends_after_the_last_word_though_its_peer_says_nothing(guarded, messages, last_bytes):
    assert last_bytes in await received(app_that_says(*messages), HANDSHAKE)


async def test_peer_that_sends_before_its_handshake_is_answered_is_refused_and_the_app_is_told(guarded):
    has_ended = asyncio.Event()

    async def app(scope, receive, send):
        await app_that_says()(scope, receive, send)
        has_ended.set()

    assert (await received(app, HANDSHAKE + EMPTY_FRAME)).startswith(b"HTTP/1.1 400")
    async with asyncio.timeout(20):
        await has_ended.wait()
