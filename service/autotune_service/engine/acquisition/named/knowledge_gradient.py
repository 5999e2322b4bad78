"""The knowledge gradient where columns may hold options."""

import numpy as np
import torch
from torch import Tensor

from autotune_service.engine.acquisition.functions import PredictedMean
from autotune_service.engine.acquisition.named.bridge import ProcessModel, tensor
from autotune_service.engine.acquisition.named.scene import Scene
from autotune_service.engine.arrays import Array
from autotune_service.engine.search.best import find_best

_CHOICES = 32
_OUTCOMES = 32
_LEAST = 1e-10


class KnowledgeGradient:
    """The logarithm of how much better the best row is expected to look after a run.

    BoTorch's own climbs with the final choices, one for each imagined outcome, and an option has no slope to climb.
    Here a final choice is the best of the run's row and of those that may be the best as things stand. A run that
    comes out z standard deviations above its prediction raises a row's mean by z times the covariance of both over
    that standard deviation (Frazier et al. 2009, "The Knowledge-Gradient Policy for Correlated Normal Beliefs").

    Args:
        model: The objective's.
        choices: Rows to choose from in the end, shape (m, d).
    """

    def __init__(self, model: ProcessModel, choices: Array) -> None:
        self._model = model
        self._choices = tensor(choices)
        shares = (torch.arange(_OUTCOMES, dtype=torch.double) + 0.5) / _OUTCOMES
        self._outcomes = torch.special.ndtri(shares).unsqueeze(-1)
        with torch.no_grad():
            self._means = model.posterior(self._choices.unsqueeze(-2)).mean.flatten()

    def __call__(self, rows: Tensor) -> Tensor:
        """Value rows of shape (n, 1, d), shape (n,)."""
        own = self._model.posterior(rows).mean.squeeze(-1)
        means = torch.cat([self._means.expand(len(rows), -1), own], dim=-1)
        after = means.unsqueeze(-2) + self._outcomes * self._model.changes(rows, self._choices).unsqueeze(-2)
        gain: Tensor = after.amax(dim=-1).mean(dim=-1) - self._means.max()
        return gain.clamp_min(_LEAST).log()


def final_choices(scene: Scene) -> Array:
    """Give the row that looks best in the region, then those of which the mean and a standard deviation are highest."""
    process, rng = scene.process, np.random.default_rng(scene.seed)
    known = process.rows[np.argsort(-process.predict(process.rows)[0], kind="stable")]
    best = find_best(PredictedMean(process), scene.region, known, set(), rng).row
    rows = np.concatenate([process.rows, scene.drawn_rows()])
    means, variances = process.predict(rows)
    order = np.argsort(-(means + np.sqrt(variances)), kind="stable")[: _CHOICES - 1]
    return np.unique(np.concatenate([best[None], rows[order]]), axis=0)
