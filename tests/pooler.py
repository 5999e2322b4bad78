"""A pooler between a service and Postgres, as pgbouncer is one: it refuses start-up parameters and shares sessions."""

import asyncio
import contextlib
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

_SSL_REQUEST = 80877103
_CANCEL_REQUEST = 80877102
_TAKEN = {"user", "database", "client_encoding", "application_name"}
_ENDING = {b"Q", b"S"}
"""Messages of a client after which the server says whether a transaction is open."""


class _Server:
    """A session of Postgres, logged in."""

    def __init__(self, reader, writer):
        self.reader, self.writer, self.greeting = reader, writer, b""

    @classmethod
    async def connect(cls, socket_path, user, database):
        server = cls(*await asyncio.open_unix_connection(socket_path))
        body = b"".join(text.encode() + b"\0" for text in ("user", user, "database", database)) + b"\0"
        server.writer.write(struct.pack("!ii", len(body) + 8, 196608) + body)
        kind = b""
        while kind != b"Z":
            kind, message = await _message(server.reader)
            server.greeting += message
        return server


async def _message(reader):
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


async def _pump(source, sink):
    while piece := await source.read(65_536):
        sink.write(piece)
        await sink.drain()


class Pooler:
    """Listens on a port of its own; ``url`` leads through it to the database.

    Args:
        url: The database, on a Unix socket and without a password.
        is_shared: Whether each transaction gets another session than the one before, else each client has its own.
    """

    def __init__(self, url, *, is_shared):
        parts = urlsplit(url)
        self._login = parts.username, parts.path.removeprefix("/")
        (folder,) = parse_qs(parts.query)["host"]
        self._socket_path = f"{folder}/.s.PGSQL.5432"
        self._is_shared = is_shared
        self._free = []
        self._clients = set()
        self.url = ""
        self.n_swaps = 0

    async def serve(self, ready, stopped):
        listening = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        self.url = f"postgresql://{self._login[0]}@127.0.0.1:{port}/{self._login[1]}"
        ready.set()
        await stopped.wait()
        listening.close()
        for client in list(self._clients):
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients, timeout=5)
        for server in self._free:
            server.writer.transport.abort()

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self._clients.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._serve(reader, writer)
        self._clients.discard(task)
        writer.transport.abort()

    async def _server(self):
        if self._is_shared and len(self._free) > 1:
            self.n_swaps += 1
            return self._free.pop(0)  # the one that was used longest ago
        return await _Server.connect(self._socket_path, *self._login)

    async def _serve(self, reader, writer):
        code = _SSL_REQUEST
        while code == _SSL_REQUEST:
            size, code = struct.unpack("!ii", await reader.readexactly(8))
            body = await reader.readexactly(size - 8)
            if code == _SSL_REQUEST:
                writer.write(b"N")
        if code == _CANCEL_REQUEST:
            return
        names = [name.decode() for name in body.split(b"\0")[:-2:2]]
        for name in names:
            if name not in _TAKEN:
                text = f"SFATAL\0C08P01\0Munsupported startup parameter: {name}\0\0".encode()
                writer.write(b"E" + struct.pack("!i", len(text) + 4) + text)
                await writer.drain()
                return
        server = await self._server()
        writer.write(server.greeting)
        if self._is_shared:
            self._free.append(server)
            await self._carry(reader, writer)
        else:
            await self._join(reader, writer, server)

    async def _join(self, reader, writer, server):
        """Give the client a session for good."""
        ways = [(reader, server.writer), (server.reader, writer)]
        await asyncio.wait([asyncio.create_task(_pump(*way)) for way in ways], return_when=asyncio.FIRST_COMPLETED)
        server.writer.transport.abort()

    async def _carry(self, reader, writer):
        """Give the client a session for each transaction."""
        server, relaying = None, None
        try:
            while True:
                kind, message = await _message(reader)
                if kind == b"X":
                    return
                if server is None:
                    server, states = await self._server(), asyncio.Queue()
                    relaying = asyncio.create_task(_relay(server.reader, writer, states))
                server.writer.write(message)
                if kind in _ENDING and await states.get() == b"I":
                    relaying.cancel()
                    await asyncio.wait([relaying])
                    self._free.append(server)
                    server = None
        finally:
            if server is not None:
                relaying.cancel()
                server.writer.transport.abort()


async def _relay(source, sink, states):
    while True:
        kind, message = await _message(source)
        sink.write(message)
        if kind == b"Z":
            states.put_nowait(message[-1:])


@contextmanager
def pooled(url, *, is_shared) -> Iterator[Pooler]:
    """Run a pooler to a database in a thread."""
    pooler, ready, loop = Pooler(url, is_shared=is_shared), threading.Event(), asyncio.new_event_loop()
    stopped = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(pooler.serve(ready, stopped)), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield pooler
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        loop.close()
