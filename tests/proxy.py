"""A network that is slow, splits what it carries and breaks: a TCP proxy between a client and the service."""

import asyncio
import contextlib
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Weather:
    """How bad the network is.

    Attributes:
        delay_s: The longest that a piece is held back.
        halves: How likely a piece is cut in two, the second of which comes later.
        drops: How likely a connection ends after a piece, which may be lost with it.
    """

    delay_s: float = 0.0
    halves: float = 0.0
    drops: float = 0.0


class Proxy:
    """Carries connections to one address through the weather, which may change at any time.

    Attributes:
        weather: How it is now.
        n_dropped: How many connections it has cut.
    """

    def __init__(self, host: str, port: int, seed: int) -> None:
        self.weather = Weather()
        self.n_dropped = 0
        self._target = host, port
        self._chance = random.Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()
        self._carrying: set[asyncio.Task[None]] = set()
        self.url = ""

    async def serve(self, ready: threading.Event, stopped: asyncio.Event) -> None:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await stopped.wait()
        server.close()
        self._cut(self._writers)
        if self._carrying:
            await asyncio.wait(self._carrying, timeout=5)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        try:
            onward_reader, onward_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, onward_writer}
        self._writers |= ends
        there = asyncio.create_task(self._pump(reader, onward_writer, ends))
        back = asyncio.create_task(self._pump(onward_reader, writer, ends))
        await asyncio.wait({there, back})
        self._cut(ends)
        self._writers -= ends

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, ends: set[asyncio.StreamWriter]
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(65_536):
                weather, chance = self.weather, self._chance
                half = chance.randrange(1, len(piece)) if len(piece) > 1 and chance.random() < weather.halves else 0
                for part in (piece[:half], piece[half:]):
                    await asyncio.sleep(chance.random() * weather.delay_s)
                    if chance.random() < weather.drops:
                        self.n_dropped += 1
                        self._cut(ends)
                        return
                    sink.write(part)
                    await sink.drain()
            sink.write_eof()

    @staticmethod
    def _cut(ends: set[asyncio.StreamWriter]) -> None:
        for end in ends:
            end.transport.abort()


@contextmanager
def proxied(service, seed: int = 1) -> Iterator[Proxy]:
    """Run a proxy to a service in a thread."""
    host, port = service.url.removeprefix("http://").split(":")
    proxy, ready, loop = Proxy(host, int(port), seed), threading.Event(), asyncio.new_event_loop()
    stopped = asyncio.Event()

    def run() -> None:
        loop.run_until_complete(proxy.serve(ready, stopped))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
