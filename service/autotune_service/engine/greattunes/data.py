"""The runs in greattunes' form: one response, more is better, mean 0 and variance 1."""

from dataclasses import dataclass
from math import nan
from sys import float_info

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.interface import EngineInput, Prediction
from autotune_wire.base import Configuration
from autotune_wire.responses import primary_of

_LARGEST = float_info.max
_LARGEST_SD = 1e6  # of noise, on the model's scale: such a measurement says nothing, and its square is a finite number


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps responses to the model's scale and predictions back.

    Args:
        center: The responses' mean, which becomes 0.
        spread: Their standard deviation, which becomes 1.
        sign: 1 for a response to be maximized, -1 for one to be minimized.
    """

    center: float
    spread: float
    sign: float

    @classmethod
    def of(cls, responses: NDArray[np.float64], is_maximized: bool) -> "Scale":
        """Fit the scale to responses of shape (n,), n at least 1; responses that are all equal become 0."""
        # Divided by the largest response first, as squares of responses near the largest float would overflow.
        largest = float(np.max(np.abs(responses)))
        unit = largest if largest > 0 and np.isfinite(1 / largest) else 1.0
        share = float(np.std(responses / unit))
        center = float(np.mean(responses / unit)) * unit
        return cls(center, share * unit if share > 1e-12 else unit, 1.0 if is_maximized else -1.0)

    def to_model(self, responses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map responses to the model's scale."""
        return self.sign * (responses / self.spread - self.center / self.spread)

    def from_model(self, mean: float, sd: float) -> Prediction:
        """Map a predicted mean and standard deviation to the response's unit, too large ones to the largest float."""
        own_mean = self.sign * mean * self.spread + self.center
        return Prediction(min(max(own_mean, -_LARGEST), _LARGEST), min(sd * self.spread, _LARGEST))


@dataclass(frozen=True, slots=True)
class Data:
    """The runs that a model can learn from, and a note about the others.

    Args:
        response: The name of the response.
        configurations: The n configurations, oldest first.
        responses: The responses of these, on the model's scale, shape (n,).
        variances: The variances of the responses' noise, on the model's scale, NaN if not known, shape (n,).
        scale: The map between the model's scale and the response's own unit.
        left_out: How many runs are left out and why; empty if none are.
    """

    response: str
    configurations: list[Configuration]
    responses: NDArray[np.float64]
    variances: NDArray[np.float64]
    scale: Scale
    left_out: str


def data_of(given: EngineInput) -> Data:
    """Return the runs that did not fail and measured the primary response."""
    name, objective = primary_of(given.responses)
    runs = [run for run in given.runs if not run.is_failed and name in run.responses]
    responses = np.array([run.responses[name] for run in runs], dtype=np.float64)
    scale = Scale.of(responses, objective.goal == "maximize") if runs else Scale(0.0, 1.0, 1.0)
    sds = np.array([run.sds.get(name, nan) for run in runs], dtype=np.float64)
    with np.errstate(over="ignore"):
        sds = np.minimum(sds / scale.spread, _LARGEST_SD)
    return Data(
        response=name,
        configurations=[run.covars for run in runs],
        responses=scale.to_model(responses),
        variances=sds**2,
        scale=scale,
        left_out=_left_out(given, name, len(runs)),
    )


def _left_out(given: EngineInput, name: str, n_used: int) -> str:
    n_failed = sum(run.is_failed for run in given.runs)
    n_missing = len(given.runs) - n_failed - n_used
    parts = [f"{n_failed} failed"] if n_failed else []
    parts += [f"{n_missing} without {name}"] if n_missing else []
    return f"{' and '.join(parts)} left out" if parts else ""
