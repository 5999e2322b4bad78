"""The scale that a response is modelled on: more is better, standardized, very bad values compressed."""

from dataclasses import dataclass

import numpy as np

from autotune_service.engine.arrays import Array

_REACH = 4.0  # distances from the median to the best: values further below the median are compressed
_HOPELESS = 1e6  # distances from the median to the best: values further below the knee count as this far below
_FLAT = 1e-12  # share of the values' size: smaller differences are rounding errors
_FARTHEST = 1e6  # on the model's scale: values farther out count as this, so that squares stay finite
_LARGEST, _SMALLEST = 1e308, 1e-300


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
    """

    sign: float
    unit: float
    center: float
    spread: float
    knee: float
    depth: float

    @classmethod
    def of(cls, responses: Array, sign: float, *, is_objective: bool) -> "ResponseScale":
        """Fit the scale to responses, shape (n,); equal responses all become 0."""
        largest = float(np.max(np.abs(responses)))
        unit = max(largest, _SMALLEST) if largest > 0 else 1.0
        signed = sign * (responses / unit)
        median, best = float(np.median(signed)), float(signed.max())
        is_deep = best - median > _FLAT * max(abs(best), abs(median))
        knee = median - _REACH * (best - median) if is_objective and is_deep else -np.inf
        compressed = cls(sign, unit, 0.0, 1.0, knee, best - median)._compressed(signed)
        size = max(float(np.abs(compressed).max()), _SMALLEST)
        # Divided by the size first: next to one huge response the others are so small that their squares would vanish.
        spread = float((compressed / size).std())
        return cls(sign, unit, float(compressed.mean()), spread * size if spread > _FLAT else 1.0, knee, best - median)

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

    def from_model(self, mean: float, sd: float) -> tuple[float, float]:
        """Map a predicted mean and standard deviation to the response's unit.

        The returned standard deviation is half the width of the interval from one standard deviation below the mean
        to one above, each end mapped back. So a prediction that reaches into compressed values has a wide interval.
        """
        low, middle, high = (self._decompressed(self.center + self.spread * (mean + k * sd)) for k in (-1, 0, 1))
        return self._in_own_unit(self.sign * middle), self._in_own_unit((high - low) / 2.0)

    def _in_own_unit(self, value: float) -> float:
        return min(max(float(value) * self.unit, -_LARGEST), _LARGEST)

    def _compressed(self, signed: Array) -> Array:
        if not np.isfinite(self.knee):
            return signed
        below = np.maximum(self.knee - signed, 0.0)
        with np.errstate(over="ignore"):
            below = np.minimum(below / self.depth, _HOPELESS)
        return np.where(signed < self.knee, self.knee - self.depth * np.log1p(below), signed)

    def _decompressed(self, compressed: float) -> float:
        if not np.isfinite(self.knee) or compressed >= self.knee:
            return compressed
        return float(self.knee - self.depth * np.expm1(min((self.knee - compressed) / self.depth, 700.0)))
