"""The Pareto front of what was measured, and the volume that it dominates."""

import numpy as np

from autotune_service.engine.acquisition.pareto import hypervolume, pareto_indices, reference_point
from autotune_service.engine.arrays import Array
from autotune_service.engine.findings.fitted import Fitted
from autotune_wire.responses import merit, objectives_of


def front(fitted: Fitted) -> tuple[list[int], float | None, dict[str, float] | None]:
    """Return the indices of the runs on the Pareto front, the hypervolume they dominate and its reference point."""
    objectives, runs = objectives_of(fitted.given.responses), fitted.given.runs
    index = [i for i in np.flatnonzero(fitted.is_acceptable).tolist() if objectives.keys() <= runs[i].responses.keys()]
    if not index:
        return [], None, None
    values = np.array(
        [[merit(objective, runs[i].responses[name]) for name, objective in objectives.items()] for i in index]
    )
    indices = [index[k] for k in pareto_indices(values)]
    if len(objectives) < 2:
        return indices, None, None
    references = [objective.reference for objective in objectives.values()]
    wanted = np.array([np.nan if reference is None else reference for reference in references])
    # Of a target, the distance from it, which is minimized.
    signs = np.array([1.0 if objective.goal == "maximize" else -1.0 for objective in objectives.values()])
    reference = np.where(np.isnan(wanted), reference_point(values), signs * wanted)
    named = dict(zip(objectives, (signs * reference).tolist(), strict=True))
    return indices, _volume(values, reference), named


def _volume(values: Array, reference: Array) -> float | None:
    # Computed in shares of each objective's range: a range may be too large for a float, and their product, too.
    heights = np.maximum(values / 2 - reference / 2, 0.0)
    sizes = heights.max(axis=0)
    if not (sizes > 0).all():
        return 0.0
    share = max(hypervolume(heights / sizes, np.zeros(len(sizes))), 1e-300)
    log_volume = np.log(share) + np.log(sizes).sum() + len(sizes) * np.log(2)
    return float(np.exp(log_volume)) if log_volume < np.log(np.finfo(float).max) else None
