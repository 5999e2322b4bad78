"""Stand-ins for names of BoTorch 0.2 and pandas 1.2 that greattunes 0.0.7 uses, built on today's versions of both."""

from collections.abc import Mapping, Sequence
from types import MethodType, SimpleNamespace
from typing import Any

import botorch.acquisition
import botorch.optim
import pandas as pd
import torch
from botorch.acquisition import AcquisitionFunction
from botorch.acquisition.cost_aware import InverseCostWeightedUtility
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.cost import FixedCostModel
from botorch.models.model import Model
from botorch.posteriors import Posterior
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor
from torch.nn.functional import one_hot

from autotune_service.engine.greattunes.knowledge_gradient import KnowledgeGradient
from autotune_service.engine.greattunes.noise import fit_noise

_BATCH = 64  # rows at which an acquisition function is evaluated at a time


class AppendableFrame(pd.DataFrame):
    """A frame with the ``append`` that pandas 2 dropped."""

    @property
    def _constructor(self) -> type["AppendableFrame"]:
        return AppendableFrame

    def append(self, other: pd.DataFrame, ignore_index: bool = False) -> "AppendableFrame":
        """Return a frame with the other frame's rows after this frame's."""
        parts = [part for part in (self, other) if len(part)] or [self]
        return AppendableFrame(pd.concat(parts, ignore_index=ignore_index))


class PlainGP(SingleTaskGP):
    """A process that leaves the responses as they are, as BoTorch 0.2 did; the adapter standardises them.

    With today's transform, greattunes would pass the scale of older data on to a model of newer data.
    """

    def __init__(self, train_X: Tensor, train_Y: Tensor, train_Yvar: Tensor | None = None) -> None:  # noqa: N803 -- BoTorch's names
        super().__init__(train_X, train_Y, train_Yvar, outcome_transform=None)


class HeteroskedasticGP(PlainGP):
    """A process whose noise depends on the configuration, in its data and in predictions of new observations.

    Args:
        train_X: Rows of columns, shape (n, columns).
        train_Y: Responses of variance 1, shape (n, 1).
        train_Yvar: Variances of the responses' noise, NaN if not known, shape (n, 1).
    """

    def __init__(self, train_X: Tensor, train_Y: Tensor, train_Yvar: Tensor) -> None:  # noqa: N803 -- BoTorch's names
        noise = fit_noise(train_X, train_Y, train_Yvar)
        super().__init__(train_X, train_Y, noise.variance(train_X))
        self._noise = noise
        self.GP_kernel_mapping_covar_identification: list[dict[str, Any]] = []  # set by greattunes

    def noise_at(self, x: Tensor) -> Tensor:
        """Return the noise's variance at x of shape (..., n, columns), shape (..., n, 1)."""
        return self._noise.variance(transform_columns(x, self.GP_kernel_mapping_covar_identification))

    def posterior(self, X: Tensor, observation_noise: bool | Tensor = False, **options: Any) -> Posterior:  # noqa: N803 -- BoTorch's names
        """Return the posterior at X; if ``observation_noise`` is True, with the noise of each row."""
        noise = self.noise_at(X) if observation_noise is True else observation_noise
        return super().posterior(X, observation_noise=noise, **options)


class NoisyExpectedImprovement(botorch.acquisition.NoisyExpectedImprovement):
    """Expected improvement over noisy data, with whole numbers and categories as the model treats them.

    BoTorch's class builds a new model from the fitted parts, without greattunes' transformation of the columns.
    """

    def __init__(self, model: Model, X_observed: Tensor, num_fantasies: int) -> None:  # noqa: N803 -- BoTorch's names
        super().__init__(model, X_observed, num_fantasies=num_fantasies)
        self.model.GP_kernel_mapping_covar_identification = model.GP_kernel_mapping_covar_identification
        self.model.forward = MethodType(type(model).forward, self.model)


class MultiFidelityMaxValueEntropy(botorch.acquisition.qMultiFidelityMaxValueEntropy):
    """Max-value entropy per cost, with the same cost for every run, as greattunes has no fidelities.

    Without a cost, BoTorch's class takes the last column as the fidelity, and would avoid high values of that column.
    """

    def __init__(self, model: Model, candidate_set: Tensor) -> None:
        cost = InverseCostWeightedUtility(FixedCostModel(torch.ones(1, dtype=torch.double)))
        super().__init__(model, candidate_set, cost_aware_utility=cost)


def transform_columns(x: Tensor, columns: Sequence[Mapping[str, Any]]) -> Tensor:
    """Round whole numbers and categories to the configuration that would be run, so that the kernel sees no other.

    The method is that of Garrido-Merchán and Hernández-Lobato (2020), as in greattunes' own function. But that function
    rounds in the covariate's own unit, and takes tensors of two or three dimensions only.

    Args:
        x: Rows of columns, shape (..., columns).
        columns: The columns to round and those of categories, in the form of ``Columns.kernel_columns``.
    """
    moved = x.clone()
    for covariate in columns:
        indices = covariate["column"]
        if covariate["type"] is int:
            moved[..., indices] = torch.round(x[..., indices] * covariate["steps"]) / covariate["steps"]
        elif covariate["type"] is str:
            moved[..., indices] = one_hot(x[..., indices].argmax(dim=-1), len(indices)).to(x)
    return moved


def fit_gpytorch_model(mll: ExactMarginalLogLikelihood) -> None:
    """Fit a model's hyperparameters.

    greattunes would fit SimpleCustomMaternGP with another likelihood than the one that the model predicts with, and the
    noise of the latter would stay at its start value. So the model's own likelihood is fitted.
    """
    mll.likelihood = mll.model.likelihood
    fit_gpytorch_mll(mll)


def optimize_acqf(
    acq_function: AcquisitionFunction, bounds: Tensor, options: dict[str, Any], **settings: Any
) -> tuple[Tensor, Tensor]:
    """Find the best row as BoTorch does, but in bounded memory, and with starts around the best runs as well.

    Late in a search the acquisition function is flat except near the best runs, and from a flat part the search does
    not move. If runs lie outside the bounds, as with a fixed value, BoTorch cannot start around the best runs. Columns
    whose bounds are equal are held there, as the starts around the best runs would leave them.
    """
    held = {int(j): float(bounds[0, j]) for j in torch.nonzero(bounds[0] == bounds[1])}
    if len(held) == bounds.shape[1]:
        return bounds[:1], acq_function(bounds[:1].unsqueeze(0))
    runs = acq_function.model.train_inputs[0]
    is_within = bool(((runs >= bounds[0]) & (runs <= bounds[1])).all())
    options = {**options, "init_batch_limit": _BATCH, "sample_around_best": is_within}
    found: tuple[Tensor, Tensor] = botorch.optim.optimize_acqf(
        acq_function, bounds, options=options, fixed_features=held or None, **settings
    )
    return found


def names_for_greattunes() -> dict[str, dict[str, object]]:
    """Return the names that each module gets besides, or instead of, its own."""
    return {
        "botorch.acquisition": {
            "NoisyExpectedImprovement": NoisyExpectedImprovement,
            "qKnowledgeGradient": KnowledgeGradient,
            "qMultiFidelityMaxValueEntropy": MultiFidelityMaxValueEntropy,
        },
        "botorch.fit": {"fit_gpytorch_model": fit_gpytorch_model},
        "botorch.models": {
            "SingleTaskGP": PlainGP,
            "FixedNoiseGP": PlainGP,
            "HeteroskedasticSingleTaskGP": HeteroskedasticGP,
        },
        "botorch.optim": {"optimize_acqf": optimize_acqf},
        "greattunes.transformed_kernel_models.transformation": {"GP_kernel_transform": transform_columns},
        "pandas": {"DataFrame": AppendableFrame},
        # greattunes would put its tensors on a GPU, and then use them as numpy arrays.
        "torch": {"cuda": SimpleNamespace(is_available=lambda: False)},
    }
