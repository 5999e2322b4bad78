"""What runs that were stopped early would have come to, as far as the runs that were completed show it.

The final value of such a run is not known. Taken for final, its last value would make the model too sure of itself
where runs improve late; left out, the same region would be tried again and again. So the model is told what the run
would have come to, and how little that is known, by what completed runs had at the same step and came to.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from statistics import fmean
from sys import float_info
from typing import NamedTuple

from autotune_wire.responses import AnyObjective, Target, merit

_PRIOR_RUNS = 2.0
"""How many runs a slope of 1 and the spread of all final values count for: few runs say little of their own."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A run that was completed: its curve and the value that was told for it, in the response's own unit."""

    points: Mapping[int, float]
    final: float


class _Line(NamedTuple):
    """The line by which a value at a step predicts what the run comes to, all as shares of the unit.

    Attributes:
        mean: The mean of the completed runs' values at the step.
        mean_final: The mean of what these runs came to.
        slope: By how much more a run comes to that has one more at the step.
        variance: The variance of what the completed runs came to, about the line.
        weight: The sum of the squared differences from ``mean``, with those that stand for a slope of 1.
        n: How many completed runs there are.
        least: The worst value that one of them had at the step.
    """

    mean: float
    mean_final: float
    slope: float
    variance: float
    weight: float
    n: int
    least: float

    def at(self, value: float) -> tuple[float, float]:
        """Return the prediction for a value, and its standard deviation."""
        offset, below = value - self.mean, max(self.least - value, 0.0)
        doubt = (1 / self.n if self.n else 0.0) + (_limited(offset * offset / self.weight) if self.weight else 0.0)
        final = self.mean_final + self.slope * (offset + below) - max(self.slope, 1.0) * below
        return final, sqrt(self.variance * (1 + doubt))


class Prospects:
    """What runs would have come to that were stopped early.

    The mean is on the line through what the completed runs had at the same step and came to: if they gained alike, it
    is the last value and their gain; if they grew in proportion, the last value times their growth. The line is found
    by least squares; its slope leans towards 1, and the variance about it towards that of all final values, as if two
    more runs said so (Bayesian linear regression: Bishop, Pattern Recognition and Machine Learning, 3.3). The slope is
    never negative, and at least 1 below all of these runs: who was behind stays behind. Where no completed run had
    reported anything by this step, the mean is the last value, and the variance that of all final values. A run may be
    far from all completed ones, as one that diverged: so the mean is no better than the best of what they came to, no
    farther below the worst than their values lie apart, and the standard deviation no more than that.

    Better is higher or lower as the goal says; towards a target, values stand for their distances.

    Args:
        objective: The objective that was reported.
        completed: The runs that were completed, in any order.
    """

    def __init__(self, objective: AnyObjective, completed: Sequence[Completed]) -> None:
        self._objective = objective
        runs = [(sorted(run.points), run) for run in completed]
        merits = [[merit(objective, run.points[at]) for at in steps] for steps, run in runs]
        finals = [merit(objective, run.final) for run in completed]
        # As shares of the largest one, no sum or square of them overflows.
        self._unit = max((abs(each) for each in (*finals, *(one for all_ in merits for one in all_))), default=0.0)
        self._is_known = len(set(finals)) > 1
        if self._is_known:
            self._finals = [each / self._unit for each in finals]
            self._curves = [
                (steps, [one / self._unit for one in all_]) for (steps, _), all_ in zip(runs, merits, strict=True)
            ]
            self._variance = _squares(self._finals) / len(self._finals)
            self._worst, self._best = min(self._finals), max(self._finals)
            values = [*self._finals, *(one for _, all_ in self._curves for one in all_)]
            self._range = max(values) - min(values)
        self._lines: dict[int, _Line] = {}

    def of(self, step: int, value: float) -> tuple[float, float] | None:
        """Return what a run would have come to, and the standard deviation of that, in the response's own unit.

        Args:
            step: The step at which the run was stopped.
            value: The last value of the run, in the response's own unit.

        Returns:
            The mean and the standard deviation; None if fewer than two runs were completed, or if they all came to the
            same: then nothing says how much values differ.
        """
        if not self._is_known:
            return None
        if step not in self._lines:
            self._lines[step] = self._line_at(step)
        own, sd = self._lines[step].at(_limited(merit(self._objective, value) / self._unit))
        own, sd = min(max(own, self._worst - self._range), self._best), min(sd, self._range)
        return self._value_of(_limited(own * self._unit), value), _limited(sd * self._unit)

    def _line_at(self, step: int) -> _Line:
        pairs = [
            (merits[place - 1], final)
            for final, (steps, merits) in zip(self._finals, self._curves, strict=True)
            if (place := bisect_right(steps, step))
        ]
        n = len(pairs)
        if not n:
            return _Line(0.0, 0.0, 1.0, self._variance, 0.0, 0, -float_info.max)
        mean, mean_final = (fmean(column) for column in zip(*pairs, strict=True))
        squares = fsum((at - mean) ** 2 for at, _ in pairs)
        slope_of_1 = _PRIOR_RUNS / n * squares
        weight = squares + slope_of_1
        products = fsum((at - mean) * (final - mean_final) for at, final in pairs)
        slope = max((products + slope_of_1) / weight, 0.0) if weight else 1.0
        rest = fsum((final - mean_final - slope * (at - mean)) ** 2 for at, final in pairs)
        variance = (rest + _PRIOR_RUNS * self._variance) / (n + _PRIOR_RUNS)
        return _Line(mean, mean_final, slope, variance, weight, n, min(at for at, _ in pairs))

    def _value_of(self, of_merit: float, last: float) -> float:
        """Return the value of a merit; of a target, on the side of the last value."""
        objective = self._objective
        if isinstance(objective, Target):
            distance = max(-of_merit, 0.0)
            return _limited(objective.target + (distance if last >= objective.target else -distance))
        return of_merit if objective.goal == "maximize" else -of_merit


def _squares(values: Sequence[float]) -> float:
    """Return the sum of the squared differences from the mean."""
    middle = fmean(values) if values else 0.0
    return fsum((value - middle) ** 2 for value in values)


def _limited(value: float) -> float:
    """Return a value that is too large for a float as the largest one."""
    return max(-float_info.max, min(value, float_info.max))
