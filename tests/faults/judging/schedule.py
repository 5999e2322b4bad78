"""Schedules: which fault strikes what, when and for how long, drawn from a seed."""

import random
from dataclasses import dataclass

KINDS = (
    "kill service",
    "kill worker",
    "kill engine",
    "kill postgres",
    "kill backend",
    "pause service",
    "pause worker",
    "pause postgres",
    "cut database",
    "hold database",
    "lose database answers",
    "cut clients",
    "hold clients",
    "lose client answers",
    "slow lines",
    "clock of service",
    "clock of worker",
    "read only",
    "disk full",
    "login refused",
    "connection limit",
)
FAILOVERS = ("failover lagging", "failover synchronous")
LENGTH_S = 3.0
_LONG = {"pause worker": (2.6, 3.2), "kill postgres": (0.1, 0.4), "hold database": (0.5, 2.5)}


@dataclass(frozen=True)
class Fault:
    """One fault: it strikes process ``target`` (0 or 1 of its kind) at a time and is over ``lasts_s`` later."""

    at_s: float
    kind: str
    target: int
    lasts_s: float
    shift_s: float = 0.0

    def __str__(self) -> str:
        shift = f" by {self.shift_s:+.0f} s" if self.shift_s else ""
        return f"{self.at_s:.2f} s: {self.kind} {self.target}{shift} for {self.lasts_s:.2f} s"


def schedule_of(seed: int, *, has_failover: bool = True) -> list[Fault]:
    """Draw the faults of a schedule, in the order in which they strike.

    Seeds that follow each other go through all kinds; every fifteenth ends in a failover, if there are any.
    """
    chance = random.Random(seed)
    kinds = [KINDS[seed % len(KINDS)], *chance.sample(KINDS, k=chance.randrange(3))]
    faults = [_fault(chance, kind) for kind in kinds]
    if has_failover and seed % 15 == 7:
        faults.append(Fault(LENGTH_S * 0.6, FAILOVERS[seed // 15 % 2], 0, chance.uniform(0.5, 1.0)))
    return sorted(faults, key=lambda fault: fault.at_s)


def _fault(chance: random.Random, kind: str) -> Fault:
    lasts_s = chance.uniform(*_LONG.get(kind, (0.2, 1.2)))
    shift_s = 0.0
    if kind.startswith("clock"):
        shift_s = chance.choice((-1, 1)) * chance.choice((2.0, 20.0, 3600.0, 259_200.0))
        lasts_s = chance.uniform(0.8, 2.0)
    return Fault(chance.uniform(0.3, LENGTH_S * 0.6), kind, chance.randrange(2), lasts_s, shift_s)
