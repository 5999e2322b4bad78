"""The importance of covariates: each covariate's share in the variation of a model's predicted mean."""

from collections.abc import Mapping

import numpy as np
from scipy.stats import qmc

from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.space.encoding import Encoding
from autotune_wire.space import CatCovariate

_MIN_POINTS, _MAX_POINTS, _MAX_ROWS = 64, 1024, 8192
_FLAT = 1e-9  # share of the data's spread, which is 1 on the model's scale


def importance(
    encoding: Encoding, process: GaussianProcess, seed: int, held: Mapping[str, float] | None = None
) -> dict[str, float]:
    """Return each covariate's share in the variation of the predicted mean over the space, constraints ignored.

    A covariate's total effect is half the mean squared change of the predicted mean if that covariate alone is drawn
    anew. An interaction counts for each covariate in it (Saltelli et al. 2010, "Variance based sensitivity analysis of
    model output", table 2 (f)). The effects are divided by their sum. A covariate has no effect at points where it is
    inactive.

    Args:
        encoding: The space's d columns.
        process: The model, whose predictions stay on its own scale, very bad values compressed.
        seed: The seed of the points.
        held: The place of each covariate that had one value in the data, by name. What it does is unknown, so it keeps
            that place, and has no share.

    Returns:
        Shares that sum to 1, by covariate; empty if the model is flat.
    """
    d = len(encoding.columns)
    n = 1 << int(np.log2(np.clip(_MAX_ROWS // (d + 1), _MIN_POINTS, _MAX_POINTS)))
    shares = np.minimum(qmc.Sobol(2 * d, rng=np.random.default_rng(seed)).random(n), np.nextafter(1.0, 0.0))
    first, second = shares[:, :d], shares[:, d:]
    held = held or {}
    kept = [j for j, column in enumerate(encoding.columns) if column.name in held]
    places = [held[encoding.columns[j].name] for j in kept]

    def means_at(points: Array) -> Array:
        rows = encoding.from_unit(points)
        rows[:, kept] = places
        return process.expect(encoding.with_inactive_places(rows))

    means = means_at(first)
    effects = np.zeros(d)
    for j in range(d):
        if j not in kept:
            redrawn = first.copy()
            redrawn[:, j] = second[:, j]
            effects[j] = 0.5 * np.mean((means - means_at(redrawn)) ** 2)
    if effects.sum() <= _FLAT**2:
        return {}
    names = [column.name for column in encoding.columns]
    return dict(zip(names, (effects / effects.sum()).tolist(), strict=True))


def descriptor_shares(encoding: Encoding, process: GaussianProcess) -> dict[str, dict[str, float]]:
    """Return each descriptor's share in how unlike the model takes two options of a covariate to be, on average.

    Shares are large first, and sum to 1; a descriptor that is the same for all options has none.
    """
    found = {}
    for one, part in zip(process.kinds.described, process.kinds.parts, strict=True):
        column = encoding.columns[one.column]
        assert isinstance(column.covariate, CatCovariate)
        unlike = process.hyperparameters.precisions[part] * one.places.var(axis=0)
        shares = dict(zip(column.covariate.descriptor_names, (unlike / unlike.sum()).tolist(), strict=True))
        found[column.name] = dict(sorted(shares.items(), key=lambda share: -share[1]))
    return found
