"""The knowledge gradient where some columns are whole numbers or categories."""

import torch
from botorch.acquisition import AcquisitionFunction
from botorch.models.model import Model
from botorch.utils.sampling import draw_sobol_samples
from botorch.utils.transforms import t_batch_mode_transform
from torch import Tensor

_DESIGN, _CHOICES = 1024, 32
_NEIGHBOURS, _STEP = 16, 0.05


class KnowledgeGradient(AcquisitionFunction):
    """How much better the best configuration is expected to look after a run at X.

    BoTorch's own moves its imagined final choices, one per fantasy, along the gradient, and there is none where the
    kernel rounds: they stay where they were drawn, and it suggests what is far from good. Here the final choice is the
    best of X and of the rows that look best now. What the model will expect of a row is then known: a run at X that
    comes out z standard deviations above its prediction raises the row's mean by z times its covariance with X over
    that standard deviation. This is the correlated knowledge gradient that BoTorch cites as Frazier et al. (2008).

    Args:
        model: The fitted surrogate over columns in [0, 1].
        num_fantasies: How many outcomes of the run are imagined, each as likely as the next.
    """

    def __init__(self, model: Model, num_fantasies: int) -> None:
        super().__init__(model)
        shares = (torch.arange(num_fantasies, dtype=torch.double) + 0.5) / num_fantasies
        self._outcomes = torch.special.ndtri(shares)
        self._choices = _promising_rows(model)

    @t_batch_mode_transform(expected_q=1)
    def forward(self, X: Tensor) -> Tensor:  # noqa: N803 -- BoTorch's name
        """Give the values at X of shape (b, 1, columns), shape (b,)."""
        choices = self._choices.expand(*X.shape[:-2], *self._choices.shape)
        posterior = self.model.posterior(torch.cat([choices, X], dim=-2))
        run_sd = self.model.posterior(X, observation_noise=True).variance[..., 0].sqrt()
        slopes = posterior.distribution.covariance_matrix[..., -1] / run_sd
        means: Tensor = posterior.mean.mT + self._outcomes.unsqueeze(-1) * slopes.unsqueeze(-2)
        return (means.amax(dim=-1) - means[..., 0]).mean(dim=-1)  # the first choice is what looks best now


def _promising_rows(model: Model) -> Tensor:
    """Give the row that looks best, then those that may be as good."""
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
        promise = posterior.mean + posterior.variance.sqrt()
        best = posterior.mean.argmax(dim=-2)
    return torch.cat([rows[best], rows[promise.squeeze(-1).topk(_CHOICES).indices]])
