"""BoTorch as its documentation shows: a default model, LogEI and the default optimizers, nothing added."""

import math
import warnings
from collections import deque
from typing import Any

import torch
from botorch.acquisition import AcquisitionFunction, LogExpectedImprovement, qLogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import MixedSingleTaskGP, SingleTaskGP
from botorch.models.model import Model
from botorch.optim import optimize_acqf
from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor

warnings.filterwarnings("ignore")
torch.set_default_dtype(torch.double)


class BoTorch:
    """A Gaussian process over numbers scaled to the unit interval and options counted; the model standardises outcomes.

    If configurations are out, qLogEI takes them as pending; else LogEI is used.
    """

    def __init__(self, space: dict[str, Any], seed: int, n_init: int, budget: int, workers: int = 1) -> None:
        torch.manual_seed(seed)
        self.space, self.n_init = space, n_init
        self.sobol = torch.quasirandom.SobolEngine(len(space), scramble=True, seed=seed)  # type: ignore[no-untyped-call]  # torch has no types here
        kinds = [covariate["vtype"] for covariate in space.values()]
        self.options = {
            j: [float(i) for i in range(len(c["options"]))] for j, c in enumerate(space.values()) if kinds[j] == "cat"
        }
        self.levels = {
            j: [i / (c["max"] - c["min"]) for i in range(c["max"] - c["min"] + 1)]
            for j, c in enumerate(space.values())
            if kinds[j] == "int"
        }
        upper = [len(self.options[j]) - 1.0 if j in self.options else 1.0 for j in range(len(space))]
        self.bounds = torch.tensor([[0.0] * len(space), upper])
        self.rows: list[Tensor] = []
        self.values: list[float] = []
        self.out: deque[Tensor] = deque()

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        is_early = len(self.rows) + len(self.out) < self.n_init or len(self.rows) < 2
        row = self._spread() if is_early else self._improving()
        self.out.append(row)
        return {
            name: _value(covariate, float(place))
            for (name, covariate), place in zip(self.space.items(), row, strict=True)
        }

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the row that has been out longest."""
        self.rows.append(self.out.popleft())
        self.values.append(y)

    def _spread(self) -> Tensor:
        row = self.sobol.draw(1, dtype=torch.double)[0]
        for j, values in (self.options | self.levels).items():
            row[j] = values[min(int(row[j] * len(values)), len(values) - 1)]
        return row

    def _improving(self) -> Tensor:
        rows, values = torch.stack(self.rows), torch.tensor(self.values).unsqueeze(-1)
        model = MixedSingleTaskGP(rows, values, list(self.options)) if self.options else SingleTaskGP(rows, values)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        acquisition = self._acquisition(model, values)
        if not self.options and not self.levels:
            found, _ = optimize_acqf(acquisition, self.bounds, q=1, num_restarts=8, raw_samples=256)
        else:
            found, _ = optimize_acqf_mixed_alternating(
                acquisition,
                self.bounds,
                discrete_dims=self.levels,
                cat_dims=self.options,
                q=1,
                num_restarts=8,
                raw_samples=256,
            )
        row: Tensor = found.squeeze(0).detach()
        return row

    def _acquisition(self, model: Model, values: Tensor) -> AcquisitionFunction:
        if not self.out:
            return LogExpectedImprovement(model, best_f=values.max())
        return qLogExpectedImprovement(model, best_f=values.max(), X_pending=torch.stack(list(self.out)))


def _value(covariate: dict[str, Any], place: float) -> Any:
    if covariate["vtype"] == "cat":
        return covariate["options"][round(place)]
    low, high, place = covariate["min"], covariate["max"], min(max(place, 0.0), 1.0)
    if covariate["vtype"] == "int":
        return low + round(place * (high - low))
    if covariate.get("log"):
        return min(max(math.exp(math.log(low) + place * math.log(high / low)), low), high)
    return low + place * (high - low)
