"""The stop rules: when an experiment has had enough runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from autotune_wire.responses import AnyObjective, Response, merit, objectives_of, primary_of
from autotune_wire.stopping import StopRule, StopRules


@dataclass(frozen=True, slots=True)
class Fired:
    """The stop rule that was met, and the reason in a sentence."""

    rule: StopRule
    reason: str


def fired(
    rules: StopRules,
    responses: Mapping[str, Response],
    values: Sequence[float | None],
    expected_gain: float | None,
    is_allowed: Callable[[int], bool] = lambda _: True,
) -> Fired | None:
    """Find the stop rule that is met.

    With several objectives only the budget is checked.

    Args:
        rules: The experiment's stop rules.
        responses: The experiment's responses.
        values: The primary response of every run, oldest first, in its own unit; None for a run that failed or
            that missed a threshold.
        expected_gain: The gain that the model expects of the next run, in the same unit; None if the model gives no
            expected gain.
        is_allowed: Whether the run of an index may be made in the present space. Only such runs count as progress: a
            better run from before the space was narrowed would hide all progress since. A target that was reached
            stays reached.

    Returns:
        The first rule that is met, in the order target, budget, plateau, expected gain; None if no rule is met.
    """
    if len(objectives_of(responses)) > 1:
        return _budget(rules, values)
    return (
        _target(rules, responses, values)
        or _budget(rules, values)
        or _plateau(rules, responses, values, is_allowed)
        or _expected_gain(rules, expected_gain)
    )


def _target(rules: StopRules, responses: Mapping[str, Response], values: Sequence[float | None]) -> Fired | None:
    name, objective = primary_of(responses)
    best = _best(objective, values)
    if rules.target is None or best is None or merit(objective, best) < merit(objective, rules.target):
        return None
    return Fired("target", f"{name} reached {best:.6g}, the target is {rules.target:.6g}")


def _budget(rules: StopRules, values: Sequence[float | None]) -> Fired | None:
    if rules.budget is None or len(values) < rules.budget:
        return None
    return Fired("budget", f"{len(values)} runs were told, the budget is {rules.budget}")


def _plateau(
    rules: StopRules,
    responses: Mapping[str, Response],
    values: Sequence[float | None],
    is_allowed: Callable[[int], bool],
) -> Fired | None:
    plateau = rules.plateau
    if plateau is None:
        return None
    _, objective = primary_of(responses)
    before = _best(objective, values[: -plateau.n_runs], is_allowed)
    now = _best(objective, values, is_allowed)
    if before is None or now is None:
        return None
    gain = merit(objective, now) - merit(objective, before)
    if gain > plateau.min_gain:
        return None
    reason = f"the last {plateau.n_runs} runs gained {gain:.6g}, no more than {plateau.min_gain:.6g}"
    return Fired("plateau", reason)


def _expected_gain(rules: StopRules, expected_gain: float | None) -> Fired | None:
    least = rules.min_expected_gain
    if least is None or expected_gain is None or expected_gain >= least:
        return None
    return Fired("min_expected_gain", f"the next run is expected to gain {expected_gain:.6g}, less than {least:.6g}")


def _best(
    objective: AnyObjective, values: Sequence[float | None], is_allowed: Callable[[int], bool] = lambda _: True
) -> float | None:
    measured = [(merit(objective, value), i, value) for i, value in enumerate(values) if value is not None]
    # The best first, as most often it is allowed, and the check costs more than all the rest.
    return next((value for _, i, value in sorted(measured, reverse=True) if is_allowed(i)), None)
