"""A small discrete-event simulation: processes that wait in queues, first come, first served."""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Self

from rounds import percentile as percentile_of

__all__ = ["Many", "One", "Simulation", "Step", "percentile_of"]

Step = Callable[["Simulation", "Process"], None]
"""Lets a process go on, now or later."""
Process = Iterator[Step]


@dataclass
class One:
    """A lock, which a process holds from taking it until giving it back."""

    is_held: bool = False
    waiting: deque[Process] = field(default_factory=deque)

    def take(self) -> Step:
        """Wait for the lock."""

        def step(simulation: "Simulation", process: Process) -> None:
            if self.is_held:
                self.waiting.append(process)
            else:
                self.is_held = True
                simulation.go_on(process, 0.0)

        return step

    def give(self) -> Step:
        """Pass the lock to the process that has waited longest."""

        def step(simulation: "Simulation", process: Process) -> None:
            if self.waiting:
                simulation.go_on(self.waiting.popleft(), 0.0)
            else:
                self.is_held = False
            simulation.go_on(process, 0.0)

        return step


@dataclass
class Many:
    """Servers that share one queue."""

    n: int
    n_busy: int = 0
    waiting: deque[tuple[Process, float]] = field(default_factory=deque)

    def use(self, takes_ms: float) -> Step:
        """Wait for a server and use it for so many milliseconds."""

        def step(simulation: "Simulation", process: Process) -> None:
            if self.n_busy == self.n:
                self.waiting.append((process, takes_ms))
            else:
                self.n_busy += 1
                self._serve(simulation, process, takes_ms)

        return step

    def _serve(self, simulation: "Simulation", process: Process, takes_ms: float) -> None:
        simulation.call(takes_ms, lambda: self._served(simulation, process))

    def _served(self, simulation: "Simulation", process: Process) -> None:
        simulation.advance(process)
        if self.waiting:
            self._serve(simulation, *self.waiting.popleft())
        else:
            self.n_busy -= 1


class Simulation:
    """A clock, and an agenda of what happens when.

    Args:
        seed: Seed of all that is drawn.
    """

    def __init__(self, seed: int) -> None:
        self.now_ms = 0.0
        self.draw = random.Random(seed)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def call(self, in_ms: float, act: Callable[[], None]) -> None:
        """Schedule a call in so many milliseconds."""
        heapq.heappush(self._agenda, (self.now_ms + in_ms, next(self._numbers), act))

    def start(self, at_ms: float, process: Process) -> None:
        """Schedule the begin of a process at a moment."""
        self.call(at_ms - self.now_ms, lambda: self.advance(process))

    def go_on(self, process: Process, in_ms: float) -> None:
        """Schedule the next step of a process in so many milliseconds."""
        self.call(in_ms, lambda: self.advance(process))

    def advance(self, process: Process) -> None:
        """Run a process until its next wait."""
        step = next(process, None)
        if step is not None:
            step(self, process)

    def run(self) -> Self:
        """Run until the agenda is empty."""
        while self._agenda:
            self.now_ms, _, act = heapq.heappop(self._agenda)
            act()
        return self
