"""The knowledge gradient for rows that may hold options."""

import numpy as np
import torch
from torch import Tensor

from autotune_service.engine.acquisition.functions import PredictedMerit
from autotune_service.engine.acquisition.named.bridge import ProcessModel, tensor
from autotune_service.engine.acquisition.named.scene import Scene
from autotune_service.engine.arrays import Array
from autotune_service.engine.search.best import find_best

_CHOICES = 32
_QUANTILES = 32
_LEAST = 1e-10


class KnowledgeGradient:
    """The logarithm of the expected rise of the highest predicted mean after a run.

    BoTorch's own knowledge gradient optimises a final choice for each imagined response by climbing, but options have
    no gradient to climb. Here the final choice is the best of the run's own row and a fixed set of rows. A response z
    standard deviations above its prediction raises a row's mean by z times the covariance of both, divided by that
    standard deviation (Frazier et al. 2009, "The Knowledge-Gradient Policy for Correlated Normal Beliefs").

    Args:
        model: The objective's model.
        choices: The rows to choose from after the run, shape (m, d).
    """

    def __init__(self, model: ProcessModel, choices: Array) -> None:
        self._model = model
        self._choices = tensor(choices)
        shares = (torch.arange(_QUANTILES, dtype=torch.double) + 0.5) / _QUANTILES
        self._quantiles = torch.special.ndtri(shares).unsqueeze(-1)
        with torch.no_grad():
            self._means = model.posterior(self._choices.unsqueeze(-2)).mean.flatten()

    def __call__(self, rows: Tensor) -> Tensor:
        """Compute the value, shape (n,), at each of n rows, shape (n, 1, d)."""
        own = self._model.posterior(rows).mean.squeeze(-1)
        means = torch.cat([self._means.expand(len(rows), -1), own], dim=-1)
        after = means.unsqueeze(-2) + self._quantiles * self._model.changes(rows, self._choices).unsqueeze(-2)
        gain: Tensor = after.amax(dim=-1).mean(dim=-1) - self._means.max()
        return gain.clamp_min(_LEAST).log()


def final_choices(scene: Scene) -> Array:
    """Choose the rows that may have the highest predicted mean after a run, shape (m, d).

    They are the region's row of the highest mean now, and of the runs and drawn rows those of the highest mean plus
    standard deviation.
    """
    process, rng = scene.process, np.random.default_rng(scene.seed)
    known = process.rows[np.argsort(-process.predict(process.rows)[0], kind="stable")]
    best = find_best(PredictedMerit(process), scene.region, known, set(), rng).row
    rows = np.concatenate([scene.incumbents, scene.drawn_rows()])
    means, variances = process.predict(rows)
    order = np.argsort(-(means + np.sqrt(variances)), kind="stable")[: _CHOICES - 1]
    return np.unique(np.concatenate([best[None], rows[order]]), axis=0)
