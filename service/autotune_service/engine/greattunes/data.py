"""The runs as greattunes takes them: one response, more is better, mean 0 and variance 1."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.interface import EngineInput, Prediction
from autotune_wire.base import Configuration
from autotune_wire.responses import primary_of


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps responses to the model's scale and predictions back."""

    center: float
    spread: float
    sign: float

    @classmethod
    def of(cls, responses: NDArray[np.float64], is_maximized: bool) -> "Scale":
        """Fit the scale to responses of shape (n,), n at least 1; where all are equal, the spread is 1."""
        # Responses near the largest double would overflow in the squares of the standard deviation.
        largest = float(np.max(np.abs(responses)))
        unit = largest if largest > 0 and np.isfinite(1 / largest) else 1.0
        share = float(np.std(responses / unit))
        center = float(np.mean(responses / unit)) * unit
        return cls(center, share * unit if share > 1e-12 else unit, 1.0 if is_maximized else -1.0)

    def to_model(self, responses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map responses to the model's scale."""
        return self.sign * (responses / self.spread - self.center / self.spread)

    def from_model(self, mean: float, sd: float) -> Prediction:
        """Map a prediction to the response's unit."""
        return Prediction(self.sign * mean * self.spread + self.center, sd * self.spread)


@dataclass(frozen=True, slots=True)
class Data:
    """The runs that a model can learn from, and what became of the others.

    Args:
        response: The name of the response.
        configurations: The n configurations, oldest first.
        responses: Their responses, on the model's scale, shape (n,).
        variances: The variances of their noise, on the model's scale, nan where not told, shape (n,).
        scale: What leads back to the response's own unit.
        left_out: How many runs are left out and why; empty where all are in.
    """

    response: str
    configurations: list[Configuration]
    responses: NDArray[np.float64]
    variances: NDArray[np.float64]
    scale: Scale
    left_out: str


def data_of(given: EngineInput) -> Data:
    """Give the runs that have the primary response."""
    name, objective = primary_of(given.responses)
    runs = [run for run in given.runs if not run.is_failed and name in run.responses]
    responses = np.array([run.responses[name] for run in runs], dtype=np.float64)
    scale = Scale.of(responses, objective.goal == "maximize") if runs else Scale(0.0, 1.0, 1.0)
    sds = np.array([run.sds.get(name, nan) for run in runs], dtype=np.float64)
    return Data(
        response=name,
        configurations=[run.covars for run in runs],
        responses=scale.to_model(responses),
        variances=(sds / scale.spread) ** 2,
        scale=scale,
        left_out=_left_out(given, name, len(runs)),
    )


def _left_out(given: EngineInput, name: str, n_used: int) -> str:
    n_failed = sum(run.is_failed for run in given.runs)
    n_missing = len(given.runs) - n_failed - n_used
    parts = [f"{n_failed} failed"] if n_failed else []
    parts += [f"{n_missing} without {name}"] if n_missing else []
    return f"{' and '.join(parts)} left out" if parts else ""
