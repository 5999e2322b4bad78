"""Run many watchers of one experiment in one process; ``watchers.py`` starts several such processes.

A turn is a line of JSON. The process answers with a line when all watch, and with another line after the turn.
"""

import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime

import msgspec
import uvloop
from sockets import Watching, watching

_AT_A_TIME = 20
_LATE_S = 30.0
"""How late the last event may be before it counts as lost."""


@dataclass(frozen=True)
class Turn:
    """A turn: watchers of an experiment, who expect ``n_events`` events after the seq ``after``."""

    port: int
    token: str
    exp_uuid: str
    after: int
    n_watchers: int
    n_events: int
    within_s: float


class Head(msgspec.Struct):
    """The part of an event that is read."""

    seq: int
    at: datetime


class Seen:
    """The events that one watcher has seen; ``is_ordered`` is whether each seq was its predecessor plus 1."""

    def __init__(self, after: int, last_seq: int, delays_s: list[float]) -> None:
        self.seq = after
        self.is_ordered = True
        self.has_last = asyncio.Event()
        self._last_seq = last_seq
        self._delays_s = delays_s

    def text(self, text: bytes) -> None:
        """Take an event."""
        event = _decode(text)
        self._delays_s.append(time.time() - event.at.timestamp())
        self.is_ordered &= event.seq == self.seq + 1
        self.seq = event.seq
        if self.seq >= self._last_seq:
            self.has_last.set()


_decode = msgspec.json.Decoder(Head).decode


async def play(turn: Turn) -> dict[str, object]:
    """Open all streams, report that, follow them to the last event, and return the figures."""
    delays_s: list[float] = []
    last_seq = turn.after + turn.n_events
    watchers = [Seen(turn.after, last_seq, delays_s) for _ in range(turn.n_watchers)]
    async with AsyncExitStack() as stack:
        protocols: list[Watching] = []
        for start in range(0, turn.n_watchers, _AT_A_TIME):
            opening = [_open(turn, watcher, stack) for watcher in watchers[start : start + _AT_A_TIME]]
            protocols.extend(await asyncio.gather(*opening))
        print(json.dumps("watching"), flush=True)
        used_s = time.process_time()
        with suppress(TimeoutError):
            async with asyncio.timeout(turn.within_s + _LATE_S):
                await asyncio.gather(*(watcher.has_last.wait() for watcher in watchers))
        used_s = time.process_time() - used_s
        n_open = sum(protocol.is_open for protocol in protocols)
    return {
        "delays_s": delays_s,
        "n_complete": sum(watcher.seq == last_seq and watcher.is_ordered for watcher in watchers),
        "n_open": n_open,
        "used_s": used_s,
    }


async def _open(turn: Turn, seen: Seen, stack: AsyncExitStack) -> Watching:
    opened = watching(turn.port, turn.token, turn.exp_uuid, turn.after, seen.text)
    protocol: Watching = await stack.enter_async_context(opened)
    return protocol


def main() -> None:
    """Play turns until the input ends."""
    for line in sys.stdin:
        print(json.dumps(uvloop.run(play(Turn(**json.loads(line))))), flush=True)


if __name__ == "__main__":
    main()
