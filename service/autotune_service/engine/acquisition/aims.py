"""What makes a predicted response better: more of it, or less distance from a target."""

from dataclasses import dataclass

import numpy as np

from autotune_service.engine.acquisition.log_improvement import log_improvement
from autotune_service.engine.acquisition.log_match import log_match_improvement
from autotune_service.engine.arrays import Array
from autotune_service.engine.model.surrogate import Surrogate
from autotune_wire.responses import Response, Target


@dataclass(frozen=True, slots=True)
class Aim:
    """The aim of an objective on its model's scale.

    The merit of a response, of which more is better, is the response itself or minus its distance from the target.

    Args:
        target: The value to match; None if more is better.
    """

    target: float | None = None

    @classmethod
    def of(cls, response: Response, surrogate: Surrogate) -> "Aim":
        """Return the aim of an objective with this model."""
        if not isinstance(response, Target):
            return cls()
        return cls(float(surrogate.scale.to_model(np.array([response.target]))[0]))

    def merits(self, means: Array) -> Array:
        """Return the merits of predicted means, any shape."""
        return means if self.target is None else -np.abs(means - self.target)

    def slopes(self, means: Array) -> Array:
        """Return the derivatives of the merits by the means, of the same shape."""
        return np.ones_like(means) if self.target is None else np.sign(self.target - means)

    def log_improvement(self, mean: Array, sd: Array, best: Array | float) -> tuple[Array, Array, Array]:
        """Compute the logarithm of the expected improvement over a merit, and its derivatives by mean and sd.

        Args:
            mean: Predicted means, any shape.
            sd: Predicted standard deviations, all above 0, in a shape that broadcasts with that of the means.
            best: The merit to improve on, in a shape that broadcasts with that of the means.
        """
        if self.target is None:
            return log_improvement(mean, sd, best)
        return log_match_improvement(mean - self.target, sd, -np.asarray(best))


MORE = Aim()
"""The aim of a response to maximize or minimize."""
