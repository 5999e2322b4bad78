"""The rules that stop a run early: pure functions of the curves that were reported.

A curve has the value of each reported step. Curves are compared by merit, of which more is better, so that a rule reads
the same for a response to maximize, to minimize and to match.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from statistics import fmean

from autotune_wire.reports import DEFAULT_REDUCTION_FACTOR, EarlyStop
from autotune_wire.responses import AnyObjective, merit

Points = Mapping[int, float]
"""The value of each step that a run reported, in the response's own unit; in any order."""


@dataclass(frozen=True, slots=True)
class OtherRun:
    """Another run of the experiment: its curve, and whether it was completed rather than stopped or still under way."""

    points: Points
    is_completed: bool


def why_stopped(
    rule: EarlyStop, objective: AnyObjective, points: Points, step: int, others: Sequence[OtherRun]
) -> str | None:
    """Judge a run at a step that it reported.

    No run is stopped whose value is at least as good as the last one that any other run had reported by this step: the
    rules look back at former steps or ahead to few runs, and may be wrong about the best.

    Args:
        rule: The experiment's rule.
        objective: The objective that is reported.
        points: The curve of the run.
        step: The step, one of the curve's.
        others: The other runs, those that failed or do not count left out.

    Returns:
        Why the run is to be stopped, in a sentence with the numbers; None if it is to go on.
    """
    if step < rule.min_steps:
        return None
    last = [_merit_at(objective, other.points, step) for other in others]
    if merit(objective, points[step]) >= max((value for value in last if value is not None), default=float("-inf")):
        return None
    if rule.rule == "median":
        return _below_median(rule, objective, points, step, others)
    return _below_rung(rule, objective, points, step, others)


def _below_median(
    rule: EarlyStop, objective: AnyObjective, points: Points, step: int, others: Sequence[OtherRun]
) -> str | None:
    """Compare the best value so far with the median of the completed runs' averages up to this step.

    The median rule of Google Vizier (Golovin et al. 2017), as the reference of Vertex AI states it under
    ``MedianAutomatedStoppingSpec``.
    """
    averages = [
        _mean(found)
        for other in others
        if other.is_completed and (found := [*_merits_until(objective, other.points, step)])
    ]
    if len(averages) < rule.min_runs:
        return None
    best, middle = max(_merits_until(objective, points, step)), _median(averages)
    if best >= middle:
        return None
    return (
        f"by step {step} its best, {_shown(objective, best)}, is worse than {_shown(objective, middle)}, the median of "
        f"the averages that {len(averages)} completed runs had by then"
    )


def _below_rung(
    rule: EarlyStop, objective: AnyObjective, points: Points, step: int, others: Sequence[OtherRun]
) -> str | None:
    """Compare the value at the highest rung that this report reaches with the values that all other runs had there.

    A run is judged once at each rung, by its first report at the rung's step or after it, against the runs that have
    come as far by then: the stopping variant of asynchronous successive halving (Li et al. 2020, "A System for
    Massively Parallel Hyperparameter Tuning"), as the documentation of Syne Tune states it. In the paper a run that is
    not among the best waits.
    """
    factor = rule.reduction_factor or DEFAULT_REDUCTION_FACTOR
    rung = rule.min_steps
    while rung * factor <= step:
        rung *= factor
    if step != min(at for at in points if at >= rung):
        return None
    reached = [_merit_of_rung(objective, other.points, rung) for other in others]
    there = sorted((value for value in reached if value is not None), reverse=True)
    if len(there) < rule.min_runs:
        return None
    own, n_promoted = merit(objective, points[step]), max((len(there) + 1) // factor, 1)
    if own >= there[n_promoted - 1]:
        return None
    return (
        f"at step {rung} its value, {_shown(objective, own)}, is not among the best {n_promoted} of {len(there) + 1} "
        f"runs that have come as far; the last of these has {_shown(objective, there[n_promoted - 1])}"
    )


def _merit_at(objective: AnyObjective, points: Points, step: int) -> float | None:
    """Return the merit of the last value that was reported by a step; None if none was."""
    last = max((at for at in points if at <= step), default=None)
    return None if last is None else merit(objective, points[last])


def _merit_of_rung(objective: AnyObjective, points: Points, rung: int) -> float | None:
    """Return the merit of the first value that was reported at a rung or after it; None if none was."""
    first = min((at for at in points if at >= rung), default=None)
    return None if first is None else merit(objective, points[first])


def _merits_until(objective: AnyObjective, points: Points, step: int) -> Iterable[float]:
    """Yield the merits of all values up to a step, in any order: neither a maximum nor an exact sum depends on it."""
    return (merit(objective, value) for at, value in points.items() if at <= step)


def _mean(values: Sequence[float]) -> float:
    try:
        return fmean(values)
    except OverflowError:
        return fsum(value / len(values) for value in values)


def _median(values: Sequence[float]) -> float:
    ordered, half = sorted(values), len(values) // 2
    # Halved first: the sum of both may be too large for a float.
    return ordered[half] if len(ordered) % 2 else ordered[half - 1] / 2 + ordered[half] / 2


def _shown(objective: AnyObjective, of_merit: float) -> str:
    if objective.goal == "match":
        return f"a distance of {-of_merit:.6g}"
    return f"{of_merit if objective.goal == 'maximize' else -of_merit:.6g}"
