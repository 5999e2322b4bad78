"""What the models show about the data: predictions, their accuracy, the covariates' importance, the best runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.acquisition.acceptance import are_acceptable
from autotune_service.engine.acquisition.functions import log_probabilities_of
from autotune_service.engine.acquisition.pareto import hypervolume, pareto_indices, reference_point
from autotune_service.engine.arrays import Array
from autotune_service.engine.importance import importance
from autotune_service.engine.interface import EngineInput, Insights, Prediction
from autotune_service.engine.model.surrogate import Surrogate, fit_feasibility, fit_responses, sign_of
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.region import EmptyRegionError, Region
from autotune_wire.base import Configuration, Value
from autotune_wire.responses import objectives_of, primary_of, thresholds_of
from autotune_wire.space import CatCovariate

_SLICE_POINTS = 25
_SHARE_POINTS = 1024
_BLOCK = 512  # rows predicted at a time, which bounds the memory


@dataclass(frozen=True)
class _Fitted:
    """The models of the responses that were measured, with the input that they are fitted to.

    Args:
        given: The engine's input, with n runs.
        encoding: The space's d columns.
        run_rows: The rows of all runs, shape (n, d).
        surrogates: The model of each response.
    """

    given: EngineInput
    encoding: Encoding
    run_rows: Array
    surrogates: Mapping[str, Surrogate]

    @classmethod
    def of(cls, given: EngineInput, names: Sequence[str] | None = None) -> "_Fitted":
        """Fit the models of some responses; of all responses where ``names`` is None."""
        encoding = Encoding(given.space, given.retired)
        run_rows = encoding.encode([run.covars for run in given.runs])
        return cls(given, encoding, run_rows, fit_responses(given, run_rows, encoding.is_code, names))

    @cached_property
    def acceptable(self) -> NDArray[np.int64]:
        """The indices of the runs that did not fail and meet every threshold."""
        runs = range(len(self.given.runs))
        return np.flatnonzero(are_acceptable(self.given, self.surrogates, self.run_rows, runs))


def predict(given: EngineInput, configurations: Sequence[Configuration]) -> list[dict[str, Prediction]]:
    """Predict the noiseless responses of configurations, each response in its own unit.

    A response that no run has measured is missing.
    """
    fitted = _Fitted.of(given)
    rows = fitted.encoding.encode(configurations)
    predicted = {name: _predicted(surrogate, rows) for name, surrogate in fitted.surrogates.items()}
    return [{name: found[k] for name, found in predicted.items()} for k in range(len(rows))]


def best_predicted(given: EngineInput) -> tuple[Configuration, Prediction] | None:
    """Return the configuration of the run whose predicted primary objective is best, with the prediction.

    Only runs that did not fail and meet every threshold count. Noise affects this choice less than that of the best
    observation.

    Returns:
        The configuration and the prediction; None if no run counts or no run measured the objective.
    """
    names = [primary_of(given.responses)[0], *thresholds_of(given.responses)]
    return _best_predicted(_Fitted.of(given, names))


def insights(given: EngineInput) -> Insights:
    """Compute what the data and the models show; with few observations some parts are empty, which is no error."""
    fitted = _Fitted.of(given)
    encoding, surrogates = fitted.encoding, fitted.surrogates
    best = _best_predicted(fitted)
    guess = {name: covariate.guess for name, covariate in given.space.items()}
    center = encoding.encode([best[0] if best is not None else guess])[0]
    pareto, volume, reference = _front(fitted)
    shares = {name: importance(encoding, surrogate.process, given.seed) for name, surrogate in surrogates.items()}
    return Insights(
        leave_one_out={name: _left_out(fitted, name, surrogate) for name, surrogate in surrogates.items()},
        importance={name: share for name, share in shares.items() if share},
        slices={name: _slices(encoding, surrogate, center) for name, surrogate in surrogates.items()},
        pareto=pareto,
        hypervolume=volume,
        reference=reference,
        best_predicted=best,
        feasible_share=_feasible_share(fitted),
    )


def _best_predicted(fitted: _Fitted) -> tuple[Configuration, Prediction] | None:
    name, objective = primary_of(fitted.given.responses)
    if name not in fitted.surrogates:
        return None
    index = fitted.acceptable
    if not len(index):
        return None
    predicted = _predicted(fitted.surrogates[name], fitted.run_rows[index])
    best = int(np.argmax([sign_of(objective) * prediction.mean for prediction in predicted]))
    return fitted.given.runs[index[best]].covars, predicted[best]


def _left_out(fitted: _Fitted, name: str, surrogate: Surrogate) -> list[Prediction | None]:
    """Predict each run's measurement, its noise included, from the other runs; None if it cannot be predicted.

    A run that the model is not conditioned on, because there are too many, is predicted by the model as it is.
    """
    runs = fitted.given.runs
    found: list[Prediction | None] = [None] * len(runs)
    if len(surrogate.index) < 2:
        return found
    for i, mean, variance in zip(surrogate.index, *surrogate.process.leave_one_out(), strict=True):
        found[i] = Prediction(*surrogate.scale.from_model(mean, np.sqrt(variance)))
    known = set(surrogate.index.tolist())
    for i, run in enumerate(runs):
        if name in run.responses and not run.is_failed and i not in known:
            mean, variance = (values[0] for values in surrogate.process.predict(fitted.run_rows[i : i + 1]))
            noise = surrogate.process.hyperparameters.noise
            if name in run.sds:
                noise = float(surrogate.scale.sd_to_model(np.array([run.sds[name]]))[0]) ** 2
            found[i] = Prediction(*surrogate.scale.from_model(mean, float(np.sqrt(variance + noise))))
    return found


def _slices(encoding: Encoding, surrogate: Surrogate, center: Array) -> dict[str, list[tuple[Value, Prediction]]]:
    """Predict along each covariate that is active at a row, shape (d,), others unchanged and constraints ignored."""
    slices = {}
    for j, column in enumerate(encoding.columns):
        if column.name not in encoding.decode(center):
            continue
        if isinstance(column.covariate, CatCovariate) or (column.is_grid and len(column.grid) <= _SLICE_POINTS):
            places = column.grid
        else:
            places = np.unique(column.snap(np.linspace(0.0, 1.0, _SLICE_POINTS)))
        rows = np.repeat(center[None], len(places), axis=0)
        rows[:, j] = places
        predicted = _predicted(surrogate, encoding.snap(rows))  # a changed value can make other covariates inactive
        slices[column.name] = list(zip(map(column.decode, places.tolist()), predicted, strict=True))
    return slices


def _front(fitted: _Fitted) -> tuple[list[int], float | None, dict[str, float] | None]:
    """Return the indices of the runs on the Pareto front, the hypervolume they dominate and its reference point."""
    objectives, runs = objectives_of(fitted.given.responses), fitted.given.runs
    index = [i for i in fitted.acceptable.tolist() if objectives.keys() <= runs[i].responses.keys()]
    if not index:
        return [], None, None
    signs = np.array([sign_of(objective) for objective in objectives.values()])
    values = signs * np.array([[runs[i].responses[name] for name in objectives] for i in index])
    front = [index[k] for k in pareto_indices(values)]
    if len(objectives) < 2:
        return front, None, None
    references = [objective.reference for objective in objectives.values()]
    wanted = np.array([np.nan if reference is None else reference for reference in references])
    reference = np.where(np.isnan(wanted), reference_point(values), signs * wanted)
    named = dict(zip(objectives, (signs * reference).tolist(), strict=True))
    return front, _volume(values, reference), named


def _volume(values: Array, reference: Array) -> float | None:
    # Computed in shares of each objective's range, as the product of the ranges may be too large for a float.
    heights = np.maximum(values / 2 - reference / 2, 0.0)
    sizes = heights.max(axis=0)
    if not (sizes > 0).all():
        return 0.0
    log_volume = np.log(max(hypervolume(heights / sizes, np.zeros(len(sizes))), 1e-300)) + np.log(2 * sizes).sum()
    return float(np.exp(log_volume)) if log_volume < np.log(np.finfo(float).max) else None


def _feasible_share(fitted: _Fitted) -> float | None:
    """Return the share of the space, within its constraints, that is predicted to work and to meet every threshold."""
    given, encoding = fitted.given, fitted.encoding
    feasibility = fit_feasibility(given.runs, fitted.run_rows, encoding.is_code)
    log_probabilities = log_probabilities_of(given.responses, fitted.surrogates, feasibility)
    if not log_probabilities:
        return None
    region = Region(encoding, given.constraints, {})
    rng = np.random.default_rng(given.seed)
    try:
        rows = region.sample(_SHARE_POINTS, rng.random((_SHARE_POINTS, len(encoding.columns))), rng)
    except EmptyRegionError:
        return None
    blocks = [rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK)]
    logs = [np.sum([probability.values(block) for probability in log_probabilities], axis=0) for block in blocks]
    return float(np.exp(np.concatenate(logs)).mean())


def _predicted(surrogate: Surrogate, rows: Array) -> list[Prediction]:
    blocks = [rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK)]
    return [prediction for block in blocks for prediction in surrogate.predict(block)]
