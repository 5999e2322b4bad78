"""The surrogate: a Gaussian process over the space, and the responses on the scale that it is fitted on."""

from dataclasses import dataclass

import numpy as np
import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.kernels import CategoricalKernel
from botorch.models.model import Model
from botorch.models.transforms.factory import get_rounding_input_transform
from botorch.models.transforms.input import InputTransform
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from gpytorch.kernels import Kernel
from gpytorch.mlls import ExactMarginalLogLikelihood
from numpy.typing import NDArray

from autotune_service.engine.encoding import Encoding
from autotune_wire.experiments import Direction
from autotune_wire.space import IntCovariate


@dataclass(frozen=True, slots=True)
class ResponseScale:
    """Standardises responses so that more is better, mean 0 and standard deviation 1."""

    center: float
    scale: float
    sign: float

    @classmethod
    def of(cls, responses: NDArray[np.float64], direction: Direction) -> "ResponseScale":
        """Fit the scale to responses of shape (n,); where all are equal, the scale is 1."""
        # Responses near the largest double would overflow in the squares of the standard deviation.
        largest = float(np.max(np.abs(responses)))
        unit = largest if largest > 0 and np.isfinite(1 / largest) else 1.0
        spread = float(np.std(responses / unit)) * unit
        center = float(np.mean(responses / unit)) * unit
        is_flat = spread <= 1e-12 * unit
        return cls(center, unit if is_flat else spread, 1.0 if direction == "maximize" else -1.0)

    def to_model(self, responses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Map responses to the model's scale."""
        return self.sign * (responses / self.scale - self.center / self.scale)

    def from_model(self, mean: float, sd: float) -> tuple[float, float]:
        """Map a predicted mean and standard deviation back to the response's unit."""
        return self.sign * mean * self.scale + self.center, sd * self.scale


def fit_surrogate(encoding: Encoding, rows: NDArray[np.float64], targets: NDArray[np.float64]) -> Model:
    """Fit a Gaussian process by maximum a posteriori, with BoTorch's default priors.

    Whole numbers are rounded inside the model, so the acquisition sees the configurations that would be run.

    Args:
        encoding: The columns.
        rows: Encoded configurations, shape (n, d).
        targets: Responses on the model's scale, shape (n,).

    Raises:
        ModelFittingError: If no hyperparameters could be found.
    """
    x = torch.from_numpy(rows)
    y = torch.from_numpy(targets).unsqueeze(-1)
    model = SingleTaskGP(
        x, y, covar_module=_kernel(encoding), outcome_transform=None, input_transform=_rounding(encoding)
    )
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return model


def _kernel(encoding: Encoding) -> Kernel:
    # A product, so that what a number does may differ from option to option.
    numeric = [column for column in range(len(encoding.space)) if column not in encoding.cat_columns]
    parts: list[Kernel] = []
    if numeric:
        parts.append(get_covar_module_with_dim_scaled_prior(ard_num_dims=len(numeric), active_dims=numeric))
    if encoding.cat_columns:
        parts.append(CategoricalKernel(ard_num_dims=len(encoding.cat_columns), active_dims=encoding.cat_columns))
    return parts[0] if len(parts) == 1 else parts[0] * parts[1]


def _rounding(encoding: Encoding) -> InputTransform | None:
    if not encoding.int_columns:
        return None
    # Only whole numbers are stretched to their own unit and rounded there; (0, 1) leaves a column as it is.
    bounds = torch.tensor([[0.0] * len(encoding.space), [1.0] * len(encoding.space)], dtype=torch.double)
    for column, covariate in enumerate(encoding.covariates):
        if isinstance(covariate, IntCovariate):
            bounds[1, column] = covariate.max - covariate.min
    return get_rounding_input_transform(one_hot_bounds=bounds, integer_indices=encoding.int_columns)
