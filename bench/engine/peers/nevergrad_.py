"""Nevergrad's NGOpt, which chooses a method for the space, the budget and the number of workers."""

import warnings
from collections import deque
from typing import Any

warnings.filterwarnings("ignore")

import nevergrad as ng  # noqa: E402 -- it warns while it is imported


class Nevergrad:
    """NGOpt minimises, so it is told values with their sign changed; it asks for the budget, and gets it."""

    def __init__(self, space: dict[str, Any], seed: int, n_init: int, budget: int, workers: int = 1) -> None:
        parameters = ng.p.Dict(**{name: _parameter(covariate) for name, covariate in space.items()})
        parameters.random_state.seed(seed)
        self.optimizer = ng.optimizers.NGOpt(parametrization=parameters, budget=budget, num_workers=workers)
        self.out: deque[Any] = deque()

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        self.out.append(self.optimizer.ask())
        return dict(self.out[-1].value)

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the candidate that has been out longest."""
        self.optimizer.tell(self.out.popleft(), -y)


def _parameter(covariate: dict[str, Any]) -> Any:
    if covariate["vtype"] == "cat":
        return ng.p.Choice(covariate["options"])
    kind = ng.p.Log if covariate.get("log") else ng.p.Scalar
    parameter = kind(lower=covariate["min"], upper=covariate["max"])
    return parameter.set_integer_casting() if covariate["vtype"] == "int" else parameter
