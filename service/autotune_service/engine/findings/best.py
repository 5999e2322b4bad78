"""The best predicted configuration: over all, and in each context."""

import numpy as np

from autotune_service.engine.acquisition.aims import Aim
from autotune_service.engine.acquisition.incumbents import best_predicted_row
from autotune_service.engine.findings.fitted import Fitted
from autotune_service.engine.interface import Best
from autotune_service.engine.space.region import EmptyRegionError, Region
from autotune_wire.base import Configuration
from autotune_wire.responses import primary_of

_MOST_CONTEXTS = 8
_FEW_RUNS = 3  # in a context with fewer runs, the best of them says little beside what other contexts tell the model


def best_in(fitted: Fitted, region: Region, least_runs: int = 1) -> Best | None:
    """Find the configuration of a region whose predicted primary objective is best.

    Noise affects this choice less than that of the best observation. Only runs that did not fail, meet every threshold
    and may be suggested in the region count. If they are too few, the whole region is searched.

    Args:
        fitted: The models.
        region: The rows that may be suggested.
        least_runs: With fewer runs the region is searched first.

    Returns:
        The best; None if no run was acceptable, none measured the objective, or no configuration of the region is
        predicted to meet every threshold.
    """
    primary, objective = primary_of(fitted.given.responses)
    if primary not in fitted.surrogates or not fitted.is_acceptable.any():
        return None
    process, aim = fitted.surrogates[primary].process, Aim.of(objective, fitted.surrogates[primary])
    index = np.flatnonzero(fitted.is_acceptable & region.contains(fitted.run_rows))
    if len(index) < least_runs:
        try:
            rng = np.random.default_rng(fitted.given.seed)
            row = best_predicted_row(process, region, fitted.log_probabilities, rng, aim)
        except EmptyRegionError:
            return None
        best = _best_at(fitted, region.decode(row))
        if fitted.missed_threshold(best.predictions) is None:
            return best
    if not len(index):
        return None
    rows = fitted.run_rows[index]
    return _best_at(fitted, region.setting(rows[int(np.argmax(aim.merits(process.expect(rows))))]))


def _best_at(fitted: Fitted, covars: Configuration) -> Best:
    predicted = fitted.predictions(fitted.encoding.encode([covars]))
    return Best(covars, {name: found[0] for name, found in predicted.items()})


def best_by_context(fitted: Fitted) -> list[tuple[Configuration, Best]]:
    """Find the best predicted configuration in each context that was run, that of the newest run first."""
    contexts = [name for name, covariate in fitted.given.space.items() if covariate.role == "context"]
    seen: dict[tuple[object, ...], Configuration] = {}
    for run in reversed(fitted.given.runs if contexts else []):
        context = {name: run.covars[name] for name in contexts if name in run.covars}
        if not any(value in fitted.given.retired.get(name, []) for name, value in context.items()):
            seen.setdefault(tuple(context.items()), context)
        if len(seen) == _MOST_CONTEXTS:
            break
    found = [(context, best_in(fitted, fitted.region(context), _FEW_RUNS)) for context in seen.values()]
    return [(context, best) for context, best in found if best is not None]
