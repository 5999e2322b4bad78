"""The scale that a response is modelled on: more is better, standardized, very bad values compressed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from autotune_service.engine.arrays import Array

_REACH = 4.0  # distances from the median to the best: values further below the median are compressed
_HOPELESS = 1e6  # distances from the median to the best: values further below the knee count as this far below
_FLAT = 1e-12  # share of the values' size: smaller differences are rounding errors
_FARTHEST = 1e6  # on the model's scale: values farther out count as this, so that squares stay finite
_LARGEST, _SMALLEST = float(np.finfo(float).max), 1e-300
_BEYOND = 0.1  # share of the responses' range: the predicted response is no further below the worst one
_EARLIER_COUNTS_AS = 1.0  # response, where the spread of few responses leans on that of earlier experiments
_OTHER_UNIT = float(np.log(1e6))  # a spread that is farther than so many times from the largest response is in another
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


@dataclass(frozen=True, slots=True)
class ResponseScale:
    """Maps responses to the model's scale and predictions back.

    Of a response to be maximized only the upper part has to be modelled well. Values that lie more than four times the
    distance from the median to the best below the median are compressed logarithmically. Otherwise one value of a
    thousand times the usual size would make all others look alike.

    Args:
        sign: 1 where more is better, -1 where less is.
        unit: The largest response's absolute value. Responses are divided by it first, so that squares cannot overflow.
        center: The mean of the signed and compressed responses in that unit, which becomes 0.
        spread: Their standard deviation, which becomes 1; where all responses are equal, 1.
        knee: The signed value, in that unit, below which values are compressed; minus infinity if none are.
        depth: The distance from the median to the best, the scale of the compression.
        floor: The lowest signed value, in that unit, that is ever predicted; minus infinity without a knee.
    """

    sign: float
    unit: float
    center: float
    spread: float
    knee: float
    depth: float
    floor: float = -np.inf

    @classmethod
    def of(cls, responses: Array, sign: float, *, is_objective: bool) -> "ResponseScale":
        """Fit the scale to responses, shape (n,); equal responses all become 0."""
        largest = float(np.max(np.abs(responses)))
        unit = max(largest, _SMALLEST) if largest > 0 else 1.0
        signed = sign * (responses / unit)
        median, best = float(np.median(signed)), float(signed.max())
        is_deep = best - median > _FLAT * max(abs(best), abs(median))
        knee = median - _REACH * (best - median) if is_objective and is_deep else -np.inf
        worst = min(float(signed.min()), knee)
        floor = worst - _BEYOND * (best - worst) if is_objective and is_deep else -np.inf
        compressed = cls(sign, unit, 0.0, 1.0, knee, best - median)._compressed(signed)
        size = max(float(np.abs(compressed).max()), _SMALLEST)
        # Divided by the size first: next to one huge response the others are so small that their squares would vanish.
        spread = float((compressed / size).std())
        spread = spread * size if spread > _FLAT else 1.0
        return cls(sign, unit, float(compressed.mean()), spread, knee, best - median, floor)

    def leaning_on(self, earlier: Sequence["ResponseScale"], n: int) -> "ResponseScale":
        """Return the scale of n responses whose spread is not well known yet, but that of earlier experiments is.

        The logarithm of the spread is the average of theirs and its own, which counts the more the more responses
        there are: so an experiment in another unit misleads for a few runs only.
        """
        if not earlier:
            return self
        theirs = float(np.mean([np.log(one.spread) + np.log(one.unit) for one in earlier])) - np.log(self.unit)
        n_own = n - 1 if self.depth > 0.0 else 0
        sums = n_own * np.log(self.spread) + _EARLIER_COUNTS_AS * np.clip(theirs, -_OTHER_UNIT, _OTHER_UNIT)
        return replace(self, spread=float(np.exp(sums / (n_own + _EARLIER_COUNTS_AS))))

    def to_model(self, responses: Array) -> Array:
        """Map responses, shape (n,), to the model's scale."""
        with np.errstate(over="ignore"):  # a value too large for a float becomes the largest one
            signed = np.clip(self.sign * (responses / self.unit), -_LARGEST, _LARGEST)
            standard = (self._compressed(signed) - self.center) / self.spread
        return np.clip(standard, -_FARTHEST, _FARTHEST)

    def sd_to_model(self, sds: Array) -> Array:
        """Map standard deviations of measurements to the model's scale; those of compressed values are overstated."""
        with np.errstate(over="ignore"):
            return np.minimum(sds / self.unit / self.spread, _FARTHEST)

    def noise_from_model(self, sd: float) -> float:
        """Map a standard deviation between repeats to the response's own unit; above the knee it is the same."""
        return float(self._in_own_unit(np.array(sd * self.spread)))

    def from_model(self, means: Array, sds: Array, widening: float = 1.0) -> tuple[Array, Array]:
        """Map predicted means and standard deviations, shape (n,), to those of the response in its own unit.

        The standard deviations are multiplied by ``widening``. What is too large for a float becomes the largest one.
        """
        middles, spreads = self.moments(means, sds)
        return self._in_own_unit(middles), self._in_own_unit(widening * spreads)

    def moments(self, means: Array, sds: Array) -> tuple[Array, Array]:
        """Map predicted means and standard deviations, shape (n,), to those of the response as shares of ``unit``.

        Unlike responses in their own unit, such shares are subtracted and squared without an overflow.

        Above the knee the map is linear. A prediction that reaches below the knee is spread out there, so that its mean
        and standard deviation are integrals over the response (Gauss-Hermite quadrature). Responses below the floor
        count as the floor: far from every run the exponential would otherwise outweigh everything measured.
        """
        nodes = self.center + self.spread * (means[:, None] + sds[:, None] * _NODES)
        responses = np.maximum(self._decompressed(nodes), self.floor)
        middle = responses @ _WEIGHTS
        sd = np.sqrt(np.square(responses - middle[:, None]) @ _WEIGHTS)
        return self.sign * middle, sd

    def _in_own_unit(self, values: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.clip(values * self.unit, -_LARGEST, _LARGEST)

    def _compressed(self, signed: Array) -> Array:
        if not np.isfinite(self.knee):
            return signed
        below = np.maximum(self.knee - signed, 0.0)
        with np.errstate(over="ignore"):
            below = np.minimum(below / self.depth, _HOPELESS)
        return np.where(signed < self.knee, self.knee - self.depth * np.log1p(below), signed)

    def _decompressed(self, compressed: Array) -> Array:
        if not np.isfinite(self.knee):
            return compressed
        below = np.clip((self.knee - compressed) / self.depth, 0.0, np.log1p(_HOPELESS))
        return np.where(compressed < self.knee, self.knee - self.depth * np.expm1(below), compressed)
