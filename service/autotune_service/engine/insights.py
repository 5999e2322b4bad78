"""What the models show about the data: predictions, their accuracy, the covariates' importance, the best runs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autotune_service.engine.findings.best import best_by_context, best_in
from autotune_service.engine.findings.candidates import best_left
from autotune_service.engine.findings.earlier import earlier_weights
from autotune_service.engine.findings.fitted import Fitted
from autotune_service.engine.findings.front import front
from autotune_service.engine.findings.health import health, verdict
from autotune_service.engine.findings.importance import descriptor_shares, importance
from autotune_service.engine.findings.slices import slices
from autotune_service.engine.interface import Best, EngineInput, Insights, Prediction
from autotune_service.engine.model.subset import MAX_SHOWN
from autotune_service.engine.model.surrogate import Surrogate
from autotune_service.engine.space.region import EmptyRegionError
from autotune_wire.base import Configuration
from autotune_wire.space import is_active

_SHARE_POINTS = 1024


def predict(given: EngineInput, configurations: Sequence[Configuration]) -> list[dict[str, Prediction]]:
    """Predict the noiseless responses of configurations, each response in its own unit.

    A response that no run has measured is missing.
    """
    fitted = Fitted.of(given)
    rows = fitted.encoding.encode(configurations)
    predicted = fitted.predictions(rows)
    return [{name: found[k] for name, found in predicted.items()} for k in range(len(rows))]


def best_predicted(given: EngineInput) -> Best | None:
    """Return the configuration that may be suggested and whose predicted primary objective is best.

    It is one of the runs that did not fail, meet every threshold and may be suggested again; if there are none, the
    best that the model predicts in the space. It is None if no run was acceptable or none measured the objective.
    """
    fitted = Fitted.of(given)
    return best_in(fitted, fitted.region())


def insights(given: EngineInput) -> Insights:
    """Compute what the data and the models show; with few observations some parts are empty, which is no error."""
    fitted = Fitted.of(given, MAX_SHOWN)
    surrogates = fitted.surrogates
    best = best_in(fitted, fitted.region())
    guesses = {name: covariate.guess for name, covariate in given.space.items()}
    guess = {name: value for name, value in guesses.items() if is_active(given.space, name, guesses)}
    pareto, volume, reference = front(fitted)
    shares = {
        name: importance(fitted.encoding, surrogate.process, given.seed, fitted.held(surrogate.index.tolist()))
        for name, surrogate in surrogates.items()
    }
    found = Insights(
        leave_one_out={name: _left_out(fitted, surrogate) for name, surrogate in surrogates.items()},
        importance={name: share for name, share in shares.items() if share},
        descriptors={
            name: shares
            for name, surrogate in surrogates.items()
            if (shares := descriptor_shares(fitted.encoding, surrogate.process))
        },
        not_varied=[*fitted.held(range(len(given.runs)))] if given.runs else [],
        slices=slices(fitted, guess if best is None else best.covars),
        pareto=pareto,
        hypervolume=volume,
        reference=reference,
        best_predicted=best,
        best_by_context=best_by_context(fitted),
        feasible_share=_feasible_share(fitted),
        noise_sds={name: surrogate.noise_sd for name, surrogate in surrogates.items()},
        n_used=min(len(given.runs), MAX_SHOWN),
        verdict="",
        health=[],
        earlier=earlier_weights(fitted) if given.earlier else {},
        candidates=best_left(fitted),
    )
    return replace(found, verdict=verdict(fitted, found), health=health(fitted, found))


def _left_out(fitted: Fitted, surrogate: Surrogate) -> list[Prediction | None]:
    """Predict each run's measurement, its noise included, from the other runs.

    The prediction is None for a run that the model is not conditioned on, and for a run that is alone.
    """
    found: list[Prediction | None] = [None] * len(fitted.given.runs)
    if len(surrogate.index) > 1:
        for i, prediction in zip(surrogate.index.tolist(), surrogate.left_out(), strict=True):
            found[i] = prediction
    return found


def _feasible_share(fitted: Fitted) -> float | None:
    """Return the share of the space, within its constraints, that is predicted to work and to meet every threshold."""
    if not fitted.log_probabilities:
        return None
    rng = np.random.default_rng(fitted.given.seed)
    shares = rng.random((_SHARE_POINTS, len(fitted.encoding.columns)))
    try:
        rows = fitted.region().sample(_SHARE_POINTS, shares, rng)
    except EmptyRegionError:
        return None
    logs = np.sum([probability.values(rows) for probability in fitted.log_probabilities], axis=0)
    return float(np.exp(logs).mean())
