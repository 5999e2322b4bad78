"""What a named acquisition is computed from, and the parts that several of them share."""

from dataclasses import dataclass

import numpy as np

from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.search.ascent import Acquisition
from autotune_service.engine.space.region import Region

_DRAWN = 256
_LEAST = 1e-10  # a value, of responses of variance one, below which nothing differs


@dataclass(frozen=True, slots=True)
class Scene:
    """A model of the objective and where it is to be explored.

    Args:
        process: The objective's, more is better.
        region: Where suggestions may lie.
        pending: Rows that are suggested but not told, shape (m, d).
        seed: Of all that is drawn.
    """

    process: GaussianProcess
    region: Region
    pending: Array
    seed: int

    @property
    def best(self) -> float:
        """What has to be improved on: the highest predicted mean, which noise misleads less than observations."""
        return float(self.process.predict(self.process.rows)[0].max())

    def believing(self, pending: Array) -> "Scene":
        """Give the scene as if pending rows had come out as predicted: surer there, and no better."""
        return Scene(believing(self.process, pending), self.region, self.pending, self.seed)

    def drawn_rows(self) -> Array:
        """Give rows spread over the region."""
        rng = np.random.default_rng(self.seed)
        return self.region.sample(_DRAWN, rng.random((_DRAWN, len(self.region.encoding.columns))), rng)


@dataclass(frozen=True, slots=True)
class LogAbove:
    """The logarithm of how far an acquisition is above a floor: to be added to logarithms of probabilities.

    Args:
        acquisition: Any.
        floor: What it is worth where a run fails.
    """

    acquisition: Acquisition
    floor: float

    def values(self, rows: Array) -> Array:
        """Value rows, shape (n, d), to shape (n,)."""
        return np.log(np.maximum(self.acquisition.values(rows) - self.floor, _LEAST))

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Value rows and give the derivatives by them, shape (n, d)."""
        values, gradients = self.acquisition.values_with_gradients(rows)
        above = np.maximum(values - self.floor, _LEAST)
        return np.log(above), gradients / above[:, None]


def believing(process: GaussianProcess, rows: Array) -> GaussianProcess:
    """Condition a process on its own predictions at m rows, with the noise of a run."""
    if not len(rows):
        return process
    return GaussianProcess(
        np.concatenate([process.rows, rows]),
        np.concatenate([process.targets, process.predict(rows)[0]]),
        np.concatenate([process.noises, np.full(len(rows), float(np.median(process.noises)))]),
        process.hyperparameters,
        process.is_code,
        mean=process.mean,
    )
