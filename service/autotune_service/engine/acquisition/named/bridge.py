"""Our Gaussian process as a model for BoTorch, and BoTorch's acquisition functions as ones for our search."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from botorch.models.gpytorch import GPyTorchModel
from botorch.posteriors import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from linear_operator.operators import DenseLinearOperator
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch import Tensor

from autotune_service.engine.arrays import Array
from autotune_service.engine.model.earlier import WEIGHT_SD
from autotune_service.engine.model.gaussian_process import GaussianProcess

_SQRT5 = 5.0**0.5
_LEAST_SQUARE = 1e-30  # the square root has no derivative at 0, where the kernel's derivative is 0
_LEAST_VARIANCE = 1e-12  # a share of the prior's variance, as in our own process
_BLOCK = 256  # rows whose value is computed at a time, which bounds the memory


class ProcessModel(GPyTorchModel):  # type: ignore[misc] # BoTorch is untyped
    """Our Gaussian process as a model for BoTorch.

    The model predicts the same as our process. Its predictions are differentiable by the rows; their derivative by a
    code is 0. BoTorch's own model of the same kernel over one-hot codes computes the same numbers, but takes several
    times as long.
    """

    def __init__(self, process: GaussianProcess) -> None:
        super().__init__()
        self._posterior = _Posterior(process)
        self.train_inputs = (tensor(process.rows),)  # BoTorch reads the batch shape from these
        self._num_outputs = 1

    def posterior(
        self,
        X: Tensor,  # noqa: N803 -- BoTorch's name
        output_indices: list[int] | None = None,
        observation_noise: bool = False,
        posterior_transform: None = None,
    ) -> GPyTorchPosterior:
        """Return the joint posterior at rows of shape (..., q, d)."""
        return GPyTorchPosterior(self._posterior.at(X, has_noise=observation_noise))

    def changes(self, rows: Tensor, choices: Tensor) -> Tensor:
        """Compute how much the predicted means change if a response lies one standard deviation above its prediction.

        Args:
            rows: The run's row, shape (..., 1, d).
            choices: The m other rows, shape (m, d).

        Returns:
            The changes of the means, shape (..., m + 1), at the m rows first and at the run's own row last.
        """
        return self._posterior.changes(rows, choices)


class _Posterior:
    """The posterior of our process, computed in torch."""

    def __init__(self, process: GaussianProcess) -> None:
        own = process.hyperparameters
        is_code, described = process.kinds.is_code, process.kinds.described
        self._codes = [int(j) for j in np.flatnonzero(is_code)]
        self._numbers = [int(j) for j in np.flatnonzero(~is_code)]
        self._precisions = own.precisions
        self._roots = tensor(np.sqrt(own.precisions[self._numbers]))
        effects = own.effects if len(own.effects) else np.zeros(len(self._codes) + len(described))
        self._effects, likeness = effects[: len(self._codes)], effects[len(self._codes) :]
        self._unlike = [
            (one.column, _between(one.places * np.sqrt(own.precisions[part])), float(effect))
            for one, part, effect in zip(described, process.kinds.parts, likeness, strict=True)
        ]
        self._variance, self._total_variance = own.variance, own.total_variance
        self._mean, self._noise = process.mean, float(np.median(process.noises))
        self._rows = tensor(process.rows)
        earlier = process.earlier
        self._earlier = [_Posterior(one) for one in earlier.processes] if earlier is not None else []
        self._earlier_weight = earlier.weight if earlier is not None else 0.0
        factor = torch.linalg.cholesky(self._kernel(self._rows, self._rows) + torch.diag(tensor(process.noises)))
        residual = (tensor(process.targets) - self._prior_mean(self._rows)).unsqueeze(-1)
        self._weights = torch.cholesky_solve(residual, factor).squeeze(-1)
        identity = torch.eye(len(factor), dtype=torch.double)
        self._spreading = torch.linalg.solve_triangular(factor, identity, upper=False).mT

    def at(self, rows: Tensor, *, has_noise: bool) -> MultivariateNormal:
        """Return the joint distribution at rows of shape (..., q, d), with the noise of a run if ``has_noise``."""
        is_shared = _are_shared(rows)
        if is_shared.any():
            mean, covariance = self._joint_with_shared(rows, is_shared)
        else:
            mean, covariance, _ = self._joint(rows)
        if has_noise:
            covariance = covariance + self._noise * torch.eye(rows.shape[-2], dtype=torch.double)
        return MultivariateNormal(mean, DenseLinearOperator(covariance))

    def changes(self, rows: Tensor, choices: Tensor) -> Tensor:
        """Compute the changes of the means as described in ``ProcessModel.changes``."""
        spread = self._kernel(rows, self._rows) @ self._spreading
        variance = self._bounded(rows, spread)
        to_choices = self._kernel(rows, choices) - spread @ (self._kernel(choices, self._rows) @ self._spreading).mT
        covariance = torch.cat([to_choices.squeeze(-2), variance], dim=-1)
        return covariance / (variance + self._noise).sqrt()

    def _joint(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute means (..., q), covariance (..., q, q), and the spread (..., q, n) that cross-covariances need."""
        to_known = self._kernel(rows, self._rows)
        spread = to_known @ self._spreading
        if rows.shape[-2] == 1:
            covariance = self._bounded(rows, spread).unsqueeze(-1)
        else:
            covariance = self._kernel(rows, rows) - spread @ spread.mT
        return self._prior_mean(rows) + to_known @ self._weights, covariance, spread

    def _joint_with_shared(self, rows: Tensor, is_shared: Tensor) -> tuple[Tensor, Tensor]:
        """Compute mean and covariance for a batch in which some of the q rows are shared: these are predicted once."""
        shared, own = rows[0, is_shared].detach(), rows[:, ~is_shared]
        shared_mean, shared_covariance, shared_spread = self._joint(shared)
        own_mean, own_covariance, own_spread = self._joint(own)
        cross = self._kernel(own, shared) - own_spread @ shared_spread.mT
        upper = torch.cat([shared_covariance.expand(len(rows), -1, -1), cross.mT], dim=-1)
        covariance = torch.cat([upper, torch.cat([cross, own_covariance], dim=-1)], dim=-2)
        mean = torch.cat([shared_mean.expand(len(rows), -1), own_mean], dim=-1)
        places = torch.arange(rows.shape[-2])
        order = torch.cat([places[is_shared], places[~is_shared]]).argsort()
        return mean[:, order], covariance[:, order][:, :, order]

    def _prior_mean(self, rows: Tensor) -> Tensor:
        """Compute the prior's mean at rows of shape (..., n, d), shape (..., n)."""
        means = torch.full(rows.shape[:-1], self._mean, dtype=torch.double)
        return means + self._earlier_weight * self._predictions(rows).sum(dim=-1) if self._earlier else means

    def _predictions(self, rows: Tensor) -> Tensor:
        """Compute what each of the s earlier experiments predicts at rows of shape (..., n, d), shape (..., n, s)."""
        means = [one._prior_mean(rows) + one._kernel(rows, one._rows) @ one._weights for one in self._earlier]
        return torch.stack(means, dim=-1)

    def _bounded(self, rows: Tensor, spread: Tensor) -> Tensor:
        variance: Tensor = self._total_variance - spread.square().sum(dim=-1)
        if self._earlier:
            variance = variance + (WEIGHT_SD * self._predictions(rows)).square().sum(dim=-1)
        return variance.clamp_min(_LEAST_VARIANCE * self._total_variance)

    def _kernel(self, a: Tensor, b: Tensor) -> Tensor:
        """Compute the prior covariance, shape (..., n, m), between rows (..., n, d) and (..., m, d)."""
        scaled_a, scaled_b = a[..., self._numbers] * self._roots, b[..., self._numbers] * self._roots
        products = scaled_a @ scaled_b.mT
        sums = scaled_a.square().sum(dim=-1).unsqueeze(-1) + scaled_b.square().sum(dim=-1).unsqueeze(-2)
        squares = (sums - 2.0 * products).clamp_min(0.0)
        shared = torch.zeros_like(squares)
        for j, effect in zip(self._codes, self._effects, strict=True):
            differ = a[..., j].detach().unsqueeze(-1) != b[..., j].unsqueeze(-2)
            squares = squares + float(self._precisions[j]) * differ
            shared = shared + float(effect) * ~differ
        for j, table, effect in self._unlike:
            unlike = table[a[..., j].detach().long().unsqueeze(-1), b[..., j].detach().long().unsqueeze(-2)]
            squares = squares + unlike
            shared = shared + _matern(effect, unlike)
        covariance = _matern(self._variance, squares) + shared
        if self._earlier:
            covariance = covariance + WEIGHT_SD**2 * self._predictions(a) @ self._predictions(b).mT
        return covariance


def _matern(variance: float, squares: Tensor) -> Tensor:
    distances = _SQRT5 * squares.clamp_min(_LEAST_SQUARE).sqrt()
    return variance * (1.0 + distances + (5.0 / 3.0) * squares) * torch.exp(-distances)


def _between(places: Array) -> Tensor:
    """Return the squared distances of places, shape (o, m), from each other, shape (o, o)."""
    return tensor(cdist(places, places, "sqeuclidean"))


class TorchAcquisition:
    """An acquisition function that torch computes, in the form that our search needs.

    Args:
        forward: Maps rows of shape (n, 1, d) to values of shape (n,).
    """

    def __init__(self, forward: Callable[[Tensor], Tensor]) -> None:
        self._forward = forward

    def values(self, rows: Array) -> Array:
        """Compute the value, shape (n,), at each of n rows, shape (n, d)."""
        with undisturbed(), torch.no_grad():
            blocks = torch.split(tensor(rows).unsqueeze(-2), _BLOCK)
            return array(torch.cat([self._forward(block) for block in blocks]))

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Compute the values, shape (n,), and their derivatives by the rows, shape (n, d)."""
        with undisturbed(), torch.enable_grad():
            variables = tensor(rows).requires_grad_()
            values = self._forward(variables.unsqueeze(-2))
            (gradients,) = torch.autograd.grad(values.sum(), variables)
        return array(values), np.nan_to_num(array(gradients), posinf=0.0, neginf=0.0)


def _are_shared(rows: Tensor) -> Tensor:
    """Find which of the q rows are the same in every element of the batch, shape (q,).

    If all q rows are the same, none is reported: the candidate, which is not shared, may be the same by chance.
    """
    if rows.dim() != 3 or len(rows) == 1:
        return torch.zeros(rows.shape[-2], dtype=torch.bool)
    is_shared = (rows.detach() == rows.detach()[:1]).all(dim=-1).all(dim=0)
    return is_shared & ~is_shared.all()


@contextmanager
def undisturbed(seed: int | None = None) -> Iterator[None]:
    """Run a block of BoTorch's code without a lasting effect on torch's generator and on the warning filters.

    Args:
        seed: The seed of torch's generator within the block; None for a block that draws nothing.
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # BoTorch's hints at other acquisitions and at small samples
        if seed is not None:
            torch.manual_seed(seed)
        yield


def tensor(values: Array) -> Tensor:
    """Copy an array to a tensor of doubles."""
    return torch.tensor(values, dtype=torch.double)


def array(values: Tensor) -> NDArray[np.float64]:
    """Return a tensor's numbers as an array, without their gradients; the memory is shared."""
    return np.asarray(values.detach().numpy(), dtype=np.float64)
