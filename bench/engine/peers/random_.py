"""Random search, whose median run has score 0."""

import math
import random
from typing import Any


class Random:
    """Draw each covariate uniformly, a covariate with ``log: true`` in log space, until the constraints are met."""

    def __init__(self, space: dict[str, Any], seed: int, rows: list[dict[str, Any]] | None = None, **_: Any) -> None:
        self.space, self.rng = space, random.Random(seed)
        self.left = None if rows is None else self.rng.sample(rows, len(rows))
        self.constraints: list[dict[str, Any]] = []

    def ask(self, fixed: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a random configuration, with the values that are fixed; of a list, a row that is left."""
        if self.left is not None:
            return self.left.pop()
        while True:
            configuration = {name: self._draw(covariate) for name, covariate in self.space.items()} | (fixed or {})
            if all(_holds(constraint, configuration) for constraint in self.constraints):
                return configuration

    def edit_space(self, space: dict[str, Any], constraints: list[dict[str, Any]]) -> None:
        """Go on in another space; every constraint is a weighted sum that must not exceed its bound."""
        self.space, self.constraints = space, constraints

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Ignore a value."""

    def _draw(self, covariate: dict[str, Any]) -> Any:
        if covariate["vtype"] == "cat":
            return self.rng.choice(covariate["options"])
        low, high = covariate["min"], covariate["max"]
        if covariate["vtype"] == "int":
            return self.rng.randint(low, high)
        if covariate.get("log"):
            return math.exp(self.rng.uniform(math.log(low), math.log(high)))
        return self.rng.uniform(low, high)


def _holds(constraint: dict[str, Any], configuration: dict[str, Any]) -> bool:
    total = sum(weight * configuration[name] for name, weight in constraint["weights"].items())
    return bool(total <= constraint["bound"])
