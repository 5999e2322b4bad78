"""The stop rules: when an experiment has had enough runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autotune_wire.responses import Response, objectives_of, primary_of
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

    Returns:
        The first rule that is met, in the order target, budget, plateau, expected gain; None if no rule is met.
    """
    if len(objectives_of(responses)) > 1:
        return _budget(rules, values)
    return (
        _target(rules, responses, values)
        or _budget(rules, values)
        or _plateau(rules, responses, values)
        or _expected_gain(rules, expected_gain)
    )


def _target(rules: StopRules, responses: Mapping[str, Response], values: Sequence[float | None]) -> Fired | None:
    name, sign = _signed(responses)
    best = _best(sign, values)
    if rules.target is None or best is None or best < sign * rules.target:
        return None
    return Fired("target", f"{name} reached {sign * best:.6g}, the target is {rules.target:.6g}")


def _budget(rules: StopRules, values: Sequence[float | None]) -> Fired | None:
    if rules.budget is None or len(values) < rules.budget:
        return None
    return Fired("budget", f"{len(values)} runs were told, the budget is {rules.budget}")


def _plateau(rules: StopRules, responses: Mapping[str, Response], values: Sequence[float | None]) -> Fired | None:
    plateau = rules.plateau
    if plateau is None:
        return None
    _, sign = _signed(responses)
    before, now = _best(sign, values[: -plateau.n_runs]), _best(sign, values)
    if before is None or now is None or now - before > plateau.min_gain:
        return None
    reason = f"the last {plateau.n_runs} runs gained {now - before:.6g}, no more than {plateau.min_gain:.6g}"
    return Fired("plateau", reason)


def _expected_gain(rules: StopRules, expected_gain: float | None) -> Fired | None:
    least = rules.min_expected_gain
    if least is None or expected_gain is None or expected_gain >= least:
        return None
    return Fired("min_expected_gain", f"the next run is expected to gain {expected_gain:.6g}, less than {least:.6g}")


def _signed(responses: Mapping[str, Response]) -> tuple[str, float]:
    name, objective = primary_of(responses)
    return name, 1.0 if objective.goal == "maximize" else -1.0


def _best(sign: float, values: Sequence[float | None]) -> float | None:
    return max((sign * value for value in values if value is not None), default=None)
