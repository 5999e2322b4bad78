"""Network lines that can be cut, held, slowed and robbed of their answers: TCP proxies in a thread."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine
from typing import Any, Literal

State = Literal["fine", "cut", "held", "slow", "no answers"]

_SLOW_S = 0.15


class Line:
    """One line to an address.

    A line that is ``cut`` ends its connections and takes none; one that is ``held`` carries nothing until it is fine
    again, and loses nothing; one that is ``slow`` carries each piece later; with ``no answers`` requests arrive, but
    what comes back is lost, and the connections on which something was lost end when the line changes again.
    """

    def __init__(self, lines: "Lines", target: int) -> None:
        self._lines = lines
        self._target = target
        self._state: State = "fine"
        self._changed = asyncio.Event()
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def open(self) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    def set(self, state: State) -> None:
        """Change what the line does; returns when it does so."""
        self._lines.call(self._set(state))

    def point(self, target: int) -> None:
        """Lead the line to another port; connections to the old one end."""
        self._target = target
        self._lines.call(self._end_all())

    async def _set(self, state: State) -> None:
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()
        if state == "cut":
            await self._end_all()

    async def _end_all(self) -> None:
        for end in self._ends:
            end.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._state == "cut":
            writer.transport.abort()
            return
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, onward}
        for end in ends:
            end.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ends |= ends
        tasks = [
            asyncio.create_task(self._pump(reader, onward, is_answer=False)),
            asyncio.create_task(self._pump(there, writer, is_answer=True)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            with contextlib.suppress(OSError):
                end.close()
        await asyncio.wait(tasks)
        self._ends -= ends

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_answer: bool) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while piece := await source.read(65_536):
                while self._state == "held":
                    await self._changed.wait()
                if self._state == "slow":
                    await asyncio.sleep(_SLOW_S)
                if self._state == "no answers" and is_answer:
                    await self._changed.wait()
                    return
                sink.write(piece)
                await sink.drain()


class Lines:
    """All lines, carried by one thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def open(self, target: int) -> Line:
        """Open a line to a port of this machine."""
        line = Line(self, target)
        self.call(line.open())
        return line

    def call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
