"""The surrogates of an experiment: one Gaussian process for each response, one for whether a run works at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array
from autotune_service.engine.interface import EngineInput, Prediction, Run
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters
from autotune_service.engine.model.likelihood import LogPosterior, Prior
from autotune_service.engine.model.named import FITS
from autotune_service.engine.model.scale import ResponseScale
from autotune_service.engine.model.subset import MAX_CONDITIONED, max_fitted, representatives
from autotune_wire.experiments import ModelType
from autotune_wire.responses import MAX_RESPONSES, Objective, Response

_LABEL_NOISE = 0.05  # variance of the labels 1 and -1: works and fails are seldom a matter of chance


@dataclass(frozen=True, slots=True)
class Surrogate:
    """The model of one response.

    Args:
        process: The Gaussian process on the model's scale, where more is better.
        scale: That scale.
        index: Which runs the process is conditioned on, shape (n,).
    """

    process: GaussianProcess
    scale: ResponseScale
    index: NDArray[np.int64]

    def predict(self, rows: Array) -> list[Prediction]:
        """Predict the noiseless response at rows, shape (m, d), in its own unit."""
        means, variances = self.process.predict(rows)
        return [Prediction(*self.scale.from_model(m, s)) for m, s in zip(means, np.sqrt(variances), strict=True)]


def fit_responses(
    given: EngineInput, told: Array, is_code: NDArray[np.bool_], names: Sequence[str] | None = None
) -> dict[str, Surrogate]:
    """Fit the model of every response that was measured.

    Args:
        given: Its responses and runs.
        told: The rows of all runs, shape (n, d).
        is_code: Which columns hold option codes, shape (d,).
        names: The responses; all where absent.
    """
    n_fitted = max_fitted(len(given.responses))
    fitted = {name: _fit_response(given, name, told, is_code, n_fitted) for name in names or given.responses}
    return {name: surrogate for name, surrogate in fitted.items() if surrogate is not None}


def _fit_response(
    given: EngineInput, name: str, told: Array, is_code: NDArray[np.bool_], n_fitted: int
) -> Surrogate | None:
    response, runs = given.responses[name], given.runs
    index = np.array([i for i, run in enumerate(runs) if name in run.responses and not run.is_failed], dtype=np.int64)
    if not len(index):
        return None
    values = np.array([runs[i].responses[name] for i in index], dtype=np.float64)
    scale = ResponseScale.of(values, sign_of(response), is_objective=isinstance(response, Objective))
    targets = scale.to_model(values)
    sds = np.array([runs[i].sds.get(name, np.nan) for i in index], dtype=np.float64)
    noises = scale.sd_to_model(sds) ** 2
    rows = told[index]
    merits = _merits(response, targets, scale)
    kept = representatives(rows, merits, MAX_CONDITIONED, is_code)
    taught = representatives(rows[kept], merits[kept], n_fitted, is_code)
    data = (rows[kept].tobytes(), targets[kept].tobytes(), noises[kept].tobytes(), is_code.tobytes(), taught.tobytes())
    return Surrogate(_fitted(given.model_type, *data), scale, index[kept])


def _merits(response: Response, targets: Array, scale: ResponseScale) -> Array:
    """Give how much each run is worth knowing: the best of an objective, and of a threshold what is near its bound."""
    if isinstance(response, Objective):
        return targets
    return -np.abs(targets - scale.to_model(np.array([response.bound])))


@lru_cache(maxsize=MAX_RESPONSES)
def _fitted(
    model_type: ModelType, rows: bytes, targets: bytes, noises: bytes, is_code: bytes, taught: bytes
) -> GaussianProcess:
    # Whoever asks for a suggestion asks of the same data what is predicted, too. The key is all that a fit depends
    # on, so what is remembered saves work and cannot change an answer.
    codes = np.frombuffer(is_code, dtype=np.bool_)
    numbers = [np.frombuffer(one, dtype=np.float64) for one in (rows, targets, noises)]
    told = (numbers[0].reshape(-1, len(codes)), numbers[1], numbers[2])
    return FITS[model_type](*told, codes, np.frombuffer(taught, dtype=np.int64))


def fit_feasibility(runs: Sequence[Run], told: Array, is_code: NDArray[np.bool_]) -> GaussianProcess | None:
    """Fit a model of whether a run works, 1 or -1, to all runs; None where none failed.

    A regression on labels whose prior mean is 0: far from every run the odds are even.

    Args:
        runs: The runs, n of them.
        told: Their rows, shape (n, d).
        is_code: Which columns hold option codes, shape (d,).
    """
    if not any(run.is_failed for run in runs):
        return None
    labels = np.array([-1.0 if run.is_failed else 1.0 for run in runs])
    kept = representatives(told, -labels, MAX_CONDITIONED, is_code)  # the failures first: they are what has to be known
    rows, labels = told[kept], labels[kept]
    noises = np.full(len(labels), _LABEL_NOISE)
    if np.ptp(labels) > 0:
        taught = representatives(rows, -labels, max_fitted(1), is_code)
        learnt = LogPosterior(rows[taught], labels[taught], noises[taught], is_code, Prior()).maximize()
    else:
        d = rows.shape[1]
        learnt = Hyperparameters(np.exp(Prior().location(is_code)[:d] + 1.5), 1.0, _LABEL_NOISE)
    return GaussianProcess(rows, labels, noises, learnt, is_code, mean=0.0)


def sign_of(response: Response) -> float:
    """Give 1 for a response of which more is better, or has to be at least its bound; else -1."""
    return 1.0 if response.goal in {"maximize", ">="} else -1.0
