"""Generated problems whose runs report a learning curve, for rules that stop runs early.

The final value is the highest of six rotated bumps, so its optimum is known: the height of the highest bump. A run has
``STEPS`` steps and comes to its final value with the last one, with noise of 1 % of the highest bump on each report.

- ``steady``: all runs learn about as fast, so that curves cross little, and a bad run shows early that it is one.
- ``late``: the better a configuration, the slower it learns: the curves of the best cross those of all others.
"""

from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np

CLASSES = ("steady", "late")
STEPS = 27
"""Three cubed, so that successive halving has rungs at 1, 4 and 16 steps, or at 1, 3, 9 and 27."""
BUDGET = 30 * STEPS
_N_BUMPS = 6
_NOISE = 0.01
_SAMPLED = 4001


@dataclass(frozen=True)
class CurveProblem:
    """A problem whose runs report.

    Args:
        name: The class and the index.
        cls: The class.
        centres: The bumps' places, shape (6, d).
        heights: The bumps' heights, shape (6,).
        widths: The bumps' widths along their own axes, shape (6, d).
        axes: The bumps' axes, shape (6, d, d).
        tilt: How the speed of learning changes over the space, shape (d,).
        median: The median final value of a random configuration.
    """

    name: str
    cls: str
    centres: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    axes: np.ndarray
    tilt: np.ndarray
    median: float = 0.0

    @property
    def space(self) -> dict[str, Any]:
        """Return the covariates in wire form, all numbers from 0 to 1."""
        return {f"x{k}": {"vtype": "cont", "min": 0.0, "max": 1.0} for k in range(len(self.tilt))}

    def final(self, x: dict[str, float]) -> float:
        """Return the value that a run comes to without noise."""
        return float(self._finals(np.array([[x[name] for name in self.space]]))[0])

    def curve(self, x: dict[str, float], rng: np.random.Generator) -> list[float]:
        """Return what a run reports after each of its steps."""
        final, steps = self.final(x), np.arange(1, STEPS + 1)
        place = np.array([x[name] for name in self.space])
        slowness = 3.0 + 3.0 / (1.0 + np.exp(-2.0 * float(self.tilt @ (place - 0.5))))
        if self.cls == "late":
            slowness = 2.0 + 14.0 * final / self.heights.max()
        grown = (1.0 - np.exp(-steps / slowness)) / (1.0 - np.exp(-STEPS / slowness))
        return list(final * grown + rng.normal(0.0, _NOISE * self.heights.max(), STEPS))

    def score(self, final: float) -> float:
        """Return how far a value is on the way from the median of the space to its optimum."""
        return (final - self.median) / (float(self.heights.max()) - self.median)

    def _finals(self, rows: np.ndarray) -> np.ndarray:
        turned = np.einsum("kij,nkj->nki", self.axes, rows[:, None, :] - self.centres)
        return np.asarray((self.heights * np.exp(-0.5 * np.square(turned / self.widths).sum(axis=2))).max(axis=1))


def make(cls: str, index: int) -> CurveProblem:
    """Generate a problem; it depends on its class and index alone."""
    rng = np.random.default_rng(crc32(f"learning curves {cls} {index}".encode()))
    d = int(rng.integers(2, 5))
    problem = CurveProblem(
        name=f"{cls}-{index}",
        cls=cls,
        centres=rng.random((_N_BUMPS, d)),
        heights=rng.uniform(0.3, 1.0, _N_BUMPS),
        widths=rng.uniform(0.15, 0.6, (_N_BUMPS, d)),
        axes=np.stack([np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(_N_BUMPS)]),
        tilt=rng.normal(size=d),
    )
    return replace(problem, median=float(np.median(problem._finals(rng.random((_SAMPLED, d))))))
