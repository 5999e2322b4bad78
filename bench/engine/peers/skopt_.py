"""scikit-optimize: a Gaussian process, and the one of three acquisitions that did best so far."""

import warnings
from collections import deque
from typing import Any

from skopt import Optimizer
from skopt.space import Categorical, Dimension, Integer, Real

warnings.filterwarnings("ignore")


class Skopt:
    """scikit-optimize minimises, so it is told values with their sign changed.

    If several configurations are out, a copy of the optimizer is told the least value so far for each of them and then
    asked, as `ask(n_points)` does within a batch.
    """

    def __init__(self, space: dict[str, Any], seed: int, n_init: int, budget: int, workers: int = 1) -> None:
        self.names = list(space)
        dimensions = [_dimension(covariate) for covariate in space.values()]
        self.optimizer = Optimizer(dimensions, base_estimator="GP", n_initial_points=n_init, random_state=seed)
        self.n_init = n_init
        self.out: deque[list[Any]] = deque()

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        optimizer = self.optimizer
        if self.out and len(optimizer.yi) >= self.n_init:
            optimizer = optimizer.copy(random_state=optimizer.rng.randint(2**31))
            optimizer.tell(list(self.out), [min(optimizer.yi)] * len(self.out))
        self.out.append(optimizer.ask())
        return dict(zip(self.names, self.out[-1], strict=True))

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the point that has been out longest."""
        self.optimizer.tell(self.out.popleft(), -y)


def _dimension(covariate: dict[str, Any]) -> Dimension:
    if covariate["vtype"] == "cat":
        return Categorical(covariate["options"])
    kind = Integer if covariate["vtype"] == "int" else Real
    prior = "log-uniform" if covariate.get("log") else "uniform"
    return kind(covariate["min"], covariate["max"], prior=prior)
