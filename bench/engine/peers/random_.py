"""Random search: what score 0 is."""

import math
import random
from typing import Any


class Random:
    """Draws each covariate uniformly, one with ``log: true`` in log space."""

    def __init__(self, space: dict[str, Any], seed: int, **_: Any) -> None:
        self.space, self.rng = space, random.Random(seed)

    def ask(self) -> dict[str, Any]:
        """Give a random configuration."""
        return {name: self._draw(covariate) for name, covariate in self.space.items()}

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take a value, to no end."""

    def _draw(self, covariate: dict[str, Any]) -> Any:
        if covariate["vtype"] == "cat":
            return self.rng.choice(covariate["options"])
        low, high = covariate["min"], covariate["max"]
        if covariate["vtype"] == "int":
            return self.rng.randint(low, high)
        if covariate.get("log"):
            return math.exp(self.rng.uniform(math.log(low), math.log(high)))
        return self.rng.uniform(low, high)
