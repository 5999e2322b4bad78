"""What greattunes 0.0.7 expects of BoTorch 0.2 and pandas 1.2, for today's versions of both."""

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

_BATCH = 64  # rows that an acquisition values at a time


class AppendableFrame(pd.DataFrame):
    """A frame with the ``append`` that pandas 2 dropped."""

    @property
    def _constructor(self) -> type["AppendableFrame"]:
        return AppendableFrame

    def append(self, other: pd.DataFrame, ignore_index: bool = False) -> "AppendableFrame":
        """Give a frame with the other's rows after its own."""
        parts = [part for part in (self, other) if len(part)] or [self]
        return AppendableFrame(pd.concat(parts, ignore_index=ignore_index))


class PlainGP(SingleTaskGP):
    """A process that leaves the responses as they are, as in BoTorch 0.2; the adapter standardises them.

    With today's transform greattunes would carry the scale of older data over to a model of newer data.
    """

    def __init__(self, train_X: Tensor, train_Y: Tensor, train_Yvar: Tensor | None = None) -> None:  # noqa: N803 -- BoTorch's names
        super().__init__(train_X, train_Y, train_Yvar, outcome_transform=None)


class HeteroskedasticGP(PlainGP):
    """A process whose noise differs from place to place, in its data as in what it predicts of new ones.

    Args:
        train_X: Rows of columns, shape (n, columns).
        train_Y: Responses of variance one, shape (n, 1).
        train_Yvar: Variances of their noise, nan where not told, shape (n, 1).
    """

    def __init__(self, train_X: Tensor, train_Y: Tensor, train_Yvar: Tensor) -> None:  # noqa: N803 -- BoTorch's names
        noise = fit_noise(train_X, train_Y, train_Yvar)
        super().__init__(train_X, train_Y, noise.variance(train_X))
        self._noise = noise
        self.GP_kernel_mapping_covar_identification: list[dict[str, Any]] = []  # greattunes sets it

    def noise_at(self, x: Tensor) -> Tensor:
        """Give the noise's variance at x of shape (..., n, columns), shape (..., n, 1)."""
        return self._noise.variance(transform_columns(x, self.GP_kernel_mapping_covar_identification))

    def posterior(self, X: Tensor, observation_noise: bool | Tensor = False, **options: Any) -> Posterior:  # noqa: N803 -- BoTorch's names
        """Predict, with the noise of the place where noise is asked for."""
        noise = self.noise_at(X) if observation_noise is True else observation_noise
        return super().posterior(X, observation_noise=noise, **options)


class NoisyExpectedImprovement(botorch.acquisition.NoisyExpectedImprovement):
    """Expected improvement over noisy data, which sees whole numbers and categories as the model does.

    BoTorch's own builds a new model of the fitted parts, and greattunes' transformation is not one of them.
    """

    def __init__(self, model: Model, X_observed: Tensor, num_fantasies: int) -> None:  # noqa: N803 -- BoTorch's names
        super().__init__(model, X_observed, num_fantasies=num_fantasies)
        self.model.GP_kernel_mapping_covar_identification = model.GP_kernel_mapping_covar_identification
        self.model.forward = MethodType(type(model).forward, self.model)


class MultiFidelityMaxValueEntropy(botorch.acquisition.qMultiFidelityMaxValueEntropy):
    """Max-value entropy per cost, where every run costs the same: greattunes knows no fidelity.

    BoTorch's own takes the last column for the fidelity where no cost is given, and so would shun high values of it.
    """

    def __init__(self, model: Model, candidate_set: Tensor) -> None:
        cost = InverseCostWeightedUtility(FixedCostModel(torch.ones(1, dtype=torch.double)))
        super().__init__(model, candidate_set, cost_aware_utility=cost)


def transform_columns(x: Tensor, columns: Sequence[Mapping[str, Any]]) -> Tensor:
    """Move whole numbers and categories to the configuration that would be run, so that the kernel sees no other.

    Garrido-Merchán and Hernández-Lobato (2020), as in greattunes' function of this purpose; but that one rounds in the
    covariate's own unit and takes tensors of two or three dimensions only.

    Args:
        x: Rows of columns, shape (..., columns).
        columns: What to round and what is a category, as ``Columns.kernel_columns`` has it.
    """
    moved = x.clone()
    for covariate in columns:
        places = covariate["column"]
        if covariate["type"] is int:
            moved[..., places] = torch.round(x[..., places] * covariate["steps"]) / covariate["steps"]
        elif covariate["type"] is str:
            moved[..., places] = one_hot(x[..., places].argmax(dim=-1), len(places)).to(x)
    return moved


def fit_gpytorch_model(mll: ExactMarginalLogLikelihood) -> None:
    """Fit a model's hyperparameters.

    greattunes gives SimpleCustomMaternGP another likelihood to be fitted with than the one it predicts with, whose
    noise would stay at its start value.
    """
    mll.likelihood = mll.model.likelihood
    fit_gpytorch_mll(mll)


def optimize_acqf(
    acq_function: AcquisitionFunction, bounds: Tensor, options: dict[str, Any], **settings: Any
) -> tuple[Tensor, Tensor]:
    """Find the best row as BoTorch does, but in a bounded memory, and starting around the best runs as well.

    Late in a search the acquisition is flat but for there, and a start on the plain leads nowhere. BoTorch cannot start
    there where runs lie outside the bounds, as they do where a value is fixed.
    """
    seen = acq_function.model.train_inputs[0]
    is_within = bool(((seen >= bounds[0]) & (seen <= bounds[1])).all())
    options = {**options, "init_batch_limit": _BATCH, "sample_around_best": is_within}
    found: tuple[Tensor, Tensor] = botorch.optim.optimize_acqf(acq_function, bounds, options=options, **settings)
    return found


def names_for_greattunes() -> dict[str, dict[str, object]]:
    """Give what each module has to have besides, or instead of, its own names."""
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
        # greattunes would put its tensors on a GPU, and then take them for numpy arrays.
        "torch": {"cuda": SimpleNamespace(is_available=lambda: False)},
    }
