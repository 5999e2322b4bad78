"""The knowledge gradient for spaces with whole numbers or categories."""

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.models.model import Model
from botorch.utils.sampling import draw_sobol_samples
from botorch.utils.transforms import t_batch_mode_transform
from torch import Tensor

_DESIGN, _CHOICES = 1024, 32
_NEIGHBOURS, _STEP = 16, 0.05


class KnowledgeGradient(AcquisitionFunction):
    """The expected increase of the best predicted mean after a run at X.

    BoTorch's qKnowledgeGradient imagines outcomes of the run, and moves a final choice for each along the gradient. If
    the kernel rounds, the gradient is 0: the final choices stay where they were drawn, and the suggestions are poor.
    Here the final choice is the best of X and of the rows that look best now. The means after the run then have a
    closed form: a run at X that comes out z standard deviations above its prediction raises a row's mean by z times the
    row's covariance with X, divided by that standard deviation. This is the correlated knowledge gradient that BoTorch
    cites as Frazier et al. (2008).

    Args:
        model: The fitted surrogate over columns in [0, 1].
        num_fantasies: How many outcomes of the run are imagined; all are equally likely.
    """

    def __init__(self, model: Model, num_fantasies: int) -> None:
        super().__init__(model)
        shares = (torch.arange(num_fantasies, dtype=torch.double) + 0.5) / num_fantasies
        self._outcomes = torch.special.ndtri(shares)
        self._choices = _promising_rows(model)

    @t_batch_mode_transform(expected_q=1)
    def forward(self, X: Tensor) -> Tensor:  # noqa: N803 -- BoTorch's name
        """Return the values at X of shape (b, 1, columns), shape (b,)."""
        choices = self._choices.expand(*X.shape[:-2], *self._choices.shape)
        posterior = self.model.posterior(torch.cat([choices, X], dim=-2))
        run_sd = self.model.posterior(X, observation_noise=True).variance[..., 0].sqrt()
        slopes = posterior.distribution.covariance_matrix[..., -1] / run_sd
        means: Tensor = posterior.mean.mT + self._outcomes.unsqueeze(-1) * slopes.unsqueeze(-2)
        return (means.amax(dim=-1) - means[..., 0]).mean(dim=-1)  # the first choice is the row that looks best now


def _promising_rows(model: Model) -> Tensor:
    """Return the row with the best mean, then the rows with the best upper bound: mean plus standard deviation."""
    seen = model.train_inputs[0]
    cube = torch.tensor([[0.0], [1.0]]).to(seen).expand(2, seen.shape[-1])
    seed = int(torch.randint(2**31, (1,)).item())
    rows = torch.cat([draw_sobol_samples(cube, n=_DESIGN, q=1, seed=seed).squeeze(-2), seen])
    near = _most_promising(model, rows).repeat(_NEIGHBOURS, 1)
    near = (near + _STEP * torch.randn_like(near)).clamp(0.0, 1.0)
    return _most_promising(model, torch.cat([rows, near]))


def _most_promising(model: Model, rows: Tensor) -> Tensor:
    with torch.no_grad():
        posterior = model.posterior(rows)
        upper = posterior.mean + posterior.variance.sqrt()
        best = posterior.mean.argmax(dim=-2)
    return torch.cat([rows[best], rows[upper.squeeze(-1).topk(_CHOICES).indices]])
