"""Random search, whose median run has score 0."""

import math
import random
from typing import Any


class Random:
    """Draw each covariate uniformly, a covariate with ``log: true`` in log space."""

    def __init__(self, space: dict[str, Any], seed: int, **_: Any) -> None:
        self.space, self.rng = space, random.Random(seed)

    def ask(self) -> dict[str, Any]:
        """Return a random configuration."""
        return {name: self._draw(covariate) for name, covariate in self.space.items()}

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
