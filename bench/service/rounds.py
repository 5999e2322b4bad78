"""Alternate rounds of several cases in one run, and write the table of their figures.

A machine is faster at one moment than at another. Cases that take turns meet the same moments, so that their medians
can be compared; the least and the greatest show how far the machine strayed.
"""

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import median

Case = Callable[[], Awaitable[Mapping[str, float]]]
"""Run once and return the figures by name."""


def options(description: str, *, rounds: int, seconds: float) -> argparse.ArgumentParser:
    """Make the parser of a script, with the options that all have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help=f"how often each case has its turn ({rounds})")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"how long one turn lasts ({seconds:g})")
    return parser


async def alternate(cases: Mapping[str, Case], n_rounds: int) -> dict[str, list[float]]:
    """Run each case once in every round; every second round goes backwards."""
    found: dict[str, list[float]] = defaultdict(list)
    names = list(cases)
    for index in range(n_rounds):
        for name in names if index % 2 == 0 else reversed(names):
            for figure, value in (await cases[name]()).items():
                found[f"{name}: {figure}" if figure else name].append(value)
        print(f"round {index + 1} of {n_rounds} done", file=sys.stderr)
    return found


def table(found: Mapping[str, Sequence[float]]) -> str:
    """Write the figures as a table."""
    head = "| what | median | least | greatest |\n|---|---|---|---|"
    rows = [f"| {name} | {_text(median(v))} | {_text(min(v))} | {_text(max(v))} |" for name, v in found.items()]
    return "\n".join([head, *rows])


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that ``percent`` % of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _text(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
