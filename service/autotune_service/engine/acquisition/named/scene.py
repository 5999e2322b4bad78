"""The input of the named acquisition functions, and the parts that several of them share."""

from dataclasses import dataclass

import numpy as np

from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.search.ascent import Acquisition
from autotune_service.engine.space.region import Region

_DRAWN = 256  # rows spread over the region
_LEAST = 1e-10  # the smallest height above the floor, for responses of variance one; smaller heights count as equal


@dataclass(frozen=True, slots=True)
class Scene:
    """A model of the objective, and the region to explore with it.

    Args:
        process: The objective's model; more is better.
        region: The rows that may be suggested.
        pending: Rows that are suggested but not told, shape (p, d).
        incumbents: The rows to improve on, at least one, shape (m, d).
        seed: The seed of every random draw.
    """

    process: GaussianProcess
    region: Region
    pending: Array
    incumbents: Array
    seed: int

    @property
    def best(self) -> float:
        """The value to improve on: the incumbents' highest predicted mean; noise misleads the highest observation."""
        return float(self.process.expect(self.incumbents).max())

    @property
    def best_incumbent(self) -> Array:
        """The incumbent of the highest predicted mean, shape (1, d)."""
        return self.incumbents[[int(np.argmax(self.process.expect(self.incumbents)))]]

    def drawn_rows(self) -> Array:
        """Draw rows spread over the region, shape (n, d); every call returns the same."""
        rng = np.random.default_rng(self.seed)
        return self.region.sample(_DRAWN, rng.random((_DRAWN, len(self.region.encoding.columns))), rng)


@dataclass(frozen=True, slots=True)
class LogAbove:
    """The logarithm of an acquisition function's height above a floor, to be added to log probabilities.

    Args:
        acquisition: The acquisition function, a response level: a mean or a confidence bound.
        floor: The value that counts as that of a run that fails.
    """

    acquisition: Acquisition
    floor: float

    def values(self, rows: Array) -> Array:
        """Compute the value, shape (n,), at each of n rows, shape (n, d)."""
        return np.log(np.maximum(self.acquisition.values(rows) - self.floor, _LEAST))

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Compute the values, shape (n,), and their derivatives by the rows, shape (n, d)."""
        values, gradients = self.acquisition.values_with_gradients(rows)
        above = np.maximum(values - self.floor, _LEAST)
        return np.log(above), gradients / above[:, None]


def conditioned_on_predictions(process: GaussianProcess, rows: Array) -> GaussianProcess:
    """Condition a process on its own predictions at m rows, with the median noise of the runs.

    The predicted means stay as they are; near the rows the standard deviation shrinks.
    """
    if not len(rows):
        return process
    return process.conditioned_on(
        np.concatenate([process.rows, rows]),
        np.concatenate([process.targets, process.predict(rows)[0]]),
        np.concatenate([process.noises, np.full(len(rows), float(np.median(process.noises)))]),
    )
