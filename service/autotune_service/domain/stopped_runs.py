"""What runs that were stopped early would have come to, as far as the runs that were completed show it.

The final value of such a run is not known. Taken for final, its last value would make the model too sure of itself
where runs improve late; left out, the same region would be tried again and again. So the model is told what the run
would have come to, and how little that is known: its last value, and what completed runs gained after the same step.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from statistics import fmean, median
from sys import float_info

from autotune_wire.responses import AnyObjective, Target, merit

_PRIOR_RUNS = 2.0
"""How many runs the spread of all final values counts for, as that of the gains: few gains say little of their own."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A run that was completed: its curve and the value that was told for it, in the response's own unit."""

    points: Mapping[int, float]
    final: float


class Prospects:
    """What runs would have come to that were stopped early.

    The mean is the last value and the mean gain of the completed runs from the same step to their end, but no better
    than the median of what they came to: the run was stopped for not being among the better ones. The variance is that
    of the gains, where the variance of the completed runs' final values counts as two more of them. It is all that is
    known where no completed run had reported anything by this step.

    Gains are differences of values, in the direction that makes them better; towards a target, of the distances.

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
            self._middle, self._squares = median(self._finals), _squares(self._finals)
        self._gains: dict[int, tuple[float, float]] = {}

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
        if step not in self._gains:
            self._gains[step] = self._gain_after(step)
        gain, sd = self._gains[step]
        own = min(merit(self._objective, value) / self._unit + gain, self._middle)
        return self._value_of(_limited(own * self._unit), value), _limited(sd * self._unit)

    def _gain_after(self, step: int) -> tuple[float, float]:
        """Return the mean and the standard deviation of the gains from a step to the end, as shares of the unit."""
        gains = [
            final - merits[place - 1]
            for final, (steps, merits) in zip(self._finals, self._curves, strict=True)
            if (place := bisect_right(steps, step))
        ]
        squares = _squares(gains) + _PRIOR_RUNS * self._squares / len(self._finals)
        return fmean(gains) if gains else 0.0, sqrt(squares / (len(gains) + _PRIOR_RUNS))

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
