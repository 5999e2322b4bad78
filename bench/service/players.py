"""Processes that play turns: a line of JSON in, a line of JSON out."""

import asyncio
import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self


class Player:
    """A process that was started once and plays many turns, so that no turn pays for its start."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(self) -> str:
        """Wait for a line of output and return it."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args!r} ended with {self._process.wait()}")
        return line.strip()

    def say(self, message: object) -> None:
        """Send a message as a line of JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    async def play(self, turn: object) -> Any:
        """Send a turn and return the player's answer."""
        self.say(turn)
        return json.loads(await asyncio.to_thread(self.line))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)


@contextmanager
def players(commands: Sequence[Sequence[str]]) -> Iterator[list[Player]]:
    """Start several players, all at once, and end them."""
    started = [Player(*command) for command in commands]
    try:
        yield started
    finally:
        for player in started:
            player.__exit__()
