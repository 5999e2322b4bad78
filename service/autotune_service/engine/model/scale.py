"""The scale that a response is modelled on: more is better, standardized, hopeless values drawn in."""

from dataclasses import dataclass

import numpy as np

from autotune_service.engine.arrays import Array

_REACH = 4.0
_HOPELESS = 1e6  # ways from the median to the best: what lies further below is as good as this
_FLAT = 1e-12  # a share of the values' size: what differs by less is rounding
_FARTHEST = 1e6  # on the model's scale: farther than this, nothing makes a difference, and squares stay finite
_LARGEST, _SMALLEST = 1e308, 1e-300


@dataclass(frozen=True, slots=True)
class ResponseScale:
    """Maps responses to the model's scale and predictions back.

    Of a response to be maximized only its upper part has to be modelled well. What lies further below the median than
    ``reach`` times the way from the median to the best is drawn in logarithmically, so that one failure of a
    thousand times the usual size does not make all else look alike.

    Args:
        sign: 1 where more is better, -1 where less is.
        unit: The largest response's size: divided by it first, squares cannot overflow.
        center: What becomes 0, of the signed responses in that unit, drawn in.
        spread: What becomes 1.
        knee: Below this, signed and in that unit, values are drawn in; minus infinity where none are.
        depth: The way from the median to the best, the scale of the drawing in.
    """

    sign: float
    unit: float
    center: float
    spread: float
    knee: float
    depth: float

    @classmethod
    def of(cls, responses: Array, sign: float, *, is_objective: bool) -> "ResponseScale":
        """Fit the scale to responses, shape (n,); where all are equal they become 0."""
        largest = float(np.max(np.abs(responses)))
        unit = max(largest, _SMALLEST) if largest > 0 else 1.0
        signed = sign * (responses / unit)
        median, best = float(np.median(signed)), float(signed.max())
        is_deep = best - median > _FLAT * max(abs(best), abs(median))
        knee = median - _REACH * (best - median) if is_objective and is_deep else -np.inf
        drawn = cls(sign, unit, 0.0, 1.0, knee, best - median)._drawn_in(signed)
        size = max(float(np.abs(drawn).max()), _SMALLEST)
        spread = float((drawn / size).std())  # divided first: beside one hopeless value, squares of the others vanish
        return cls(sign, unit, float(drawn.mean()), spread * size if spread > _FLAT else 1.0, knee, best - median)

    def to_model(self, responses: Array) -> Array:
        """Map responses, shape (n,), to the model's scale."""
        with np.errstate(over="ignore"):  # what is too large for a number counts as the most that counts
            signed = np.clip(self.sign * (responses / self.unit), -_LARGEST, _LARGEST)
            standard = (self._drawn_in(signed) - self.center) / self.spread
        return np.clip(standard, -_FARTHEST, _FARTHEST)

    def sd_to_model(self, sds: Array) -> Array:
        """Map standard deviations of measurements to the model's scale; those of drawn-in values are overstated."""
        with np.errstate(over="ignore"):
            return np.minimum(sds / self.unit / self.spread, _FARTHEST)

    def from_model(self, mean: float, sd: float) -> tuple[float, float]:
        """Map a predicted mean and standard deviation to the response's unit.

        Where the prediction reaches into what was drawn in, the standard deviation is half the width of the interval
        from one below to one above the mean, mapped end by end.
        """
        low, middle, high = (self._drawn_out(self.center + self.spread * (mean + k * sd)) for k in (-1, 0, 1))
        return self._in_own_unit(self.sign * middle), self._in_own_unit((high - low) / 2.0)

    def _in_own_unit(self, value: float) -> float:
        return min(max(float(value) * self.unit, -_LARGEST), _LARGEST)

    def _drawn_in(self, signed: Array) -> Array:
        if not np.isfinite(self.knee):
            return signed
        below = np.maximum(self.knee - signed, 0.0)
        with np.errstate(over="ignore"):
            below = np.minimum(below / self.depth, _HOPELESS)
        return np.where(signed < self.knee, self.knee - self.depth * np.log1p(below), signed)

    def _drawn_out(self, drawn: float) -> float:
        if not np.isfinite(self.knee) or drawn >= self.knee:
            return drawn
        return float(self.knee - self.depth * np.expm1(min((self.knee - drawn) / self.depth, 700.0)))
