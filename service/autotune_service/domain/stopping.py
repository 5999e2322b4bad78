"""When an experiment has had enough runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autotune_wire.responses import Response, objectives_of, primary_of
from autotune_wire.stopping import Plateau, StopRule, StopRules


@dataclass(frozen=True, slots=True)
class Fired:
    """The rule that was met, and why, in a sentence."""

    rule: StopRule
    reason: str


def fired(
    rules: StopRules,
    responses: Mapping[str, Response],
    values: Sequence[float | None],
    expected_gain: float | None,
) -> Fired | None:
    """Say which stop rule is met first, None where none is.

    Args:
        rules: The rules that are given.
        responses: The experiment's responses.
        values: The primary response of every run, oldest first, in its own unit; None for a run that failed or
            that broke a threshold.
        expected_gain: What the model expects the next run to gain, in the same unit; None where it says nothing.

    Returns:
        The rule; a target that is reached comes before a budget that is used up.
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
    gain = None if plateau is None else _gain(plateau, _signed(responses)[1], values)
    if plateau is None or gain is None or gain > plateau.min_gain:
        return None
    reason = f"the last {plateau.n_runs} runs gained {gain:.6g}, no more than {plateau.min_gain:.6g}"
    return Fired("plateau", reason)


def _gain(plateau: Plateau, sign: float, values: Sequence[float | None]) -> float | None:
    before, after = _best(sign, values[: -plateau.n_runs]), _best(sign, values)
    return None if before is None or after is None else after - before


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
