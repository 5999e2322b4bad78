"""Whether a configuration lies in a space, and whether two configurations are the same."""

import math
from collections.abc import Callable, Mapping, Sequence

from autotune_service.domain.errors import InvalidError
from autotune_wire.base import Configuration, Value
from autotune_wire.constraints import Constraint
from autotune_wire.problems import FieldProblem, shown
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, IntCovariate, is_active, listed

_BOUND_SLACK = 1e-9
"""Share of a range by which a number may miss its bound: a text of ten digits misses the double by that much."""

_SAME_WITHIN = 1e-6
"""Share of a range within which two numbers are the same setting of one instrument."""

_TEXT_ROUNDING = 5e-11
"""pandas' to_json() writes ten decimals, whatever the size of the number."""

_MAX_SLACK = 1e-3
"""Share of a range that rounding may cost: in a range of 1e-11, ten decimals tell nothing apart."""

_STEP_SLACK = 0.25
"""Share of a step that rounding may cost: no number is near two values of a grid."""


def checked_configuration(
    space: Mapping[str, Covariate],
    covars: Configuration,
    path: str = "covars",
    *,
    earlier: Sequence[Mapping[str, Covariate]] = (),
) -> Configuration:
    """Give the configuration with each value in its covariate's own type, in the space's order.

    Input constraints are not asked for: what was run was run.

    Args:
        space: The covariates by name.
        covars: A value for every covariate that plays a part.
        path: Where the configuration stands in the body, for the messages.
        earlier: The same experiment's former spaces; a value that one of them allows is good.

    Raises:
        InvalidError: With one entry for every covariate that is missing, unknown, of another type, out of bounds, or
            given where it plays no part.
    """

    def judge(name: str, field: str) -> _Verdict:
        covariate = space[name]
        if name not in covars:
            missing = FieldProblem(field=field, message=f"is missing; {allowed(covariate)}")
            return missing if is_active(space, name, covars) else None
        if not any(name in one and is_active(one, name, covars) for one in (space, *earlier)):
            message = f"plays no part in this configuration, leave it out; {_when_active(covariate)}"
            return FieldProblem(field=field, message=message, value=shown(covars[name]))
        versions = [covariate, *(former[name] for former in earlier if name in former)]
        return _checked_value(versions, covars[name], field)

    return _judged(space, covars, path, judge)


def checked_fixed(
    space: Mapping[str, Covariate], fixed: Configuration, path: str = "fixed", *, needs_context: bool = True
) -> Configuration:
    """Give the values that an ask settles, each in its covariate's own type, in the space's order.

    Args:
        space: The covariates by name.
        fixed: Values for some of the covariates.
        path: Where they stand in the body, for the messages.
        needs_context: Whether every context must be among them.

    Raises:
        InvalidError: With one entry for every value that is unknown, of another type, out of bounds or of a covariate
            that need not play a part, and for every context that is missing.
    """

    def judge(name: str, field: str) -> _Verdict:
        covariate = space[name]
        if name not in fixed:
            missing = FieldProblem(field=field, message=f"is a context, and missing; {allowed(covariate)}")
            return missing if needs_context and covariate.role == "context" else None
        if not is_active(space, name, fixed):
            message = f"can only be fixed together with what gives it a part; {_when_active(covariate)}"
            return FieldProblem(field=field, message=message, value=shown(fixed[name]))
        return _checked_value([covariate], fixed[name], field)

    return _judged(space, fixed, path, judge)


def guess_of(space: Mapping[str, Covariate], fixed: Mapping[str, Value] | None = None) -> Configuration:
    """Give the configuration that the user guessed: the guess of every covariate that plays a part in it.

    Args:
        space: The covariates by name.
        fixed: Values that go before their covariates' guesses; checked ones.
    """
    guess: Configuration = {name: covariate.guess for name, covariate in space.items()} | dict(fixed or {})
    return {name: value for name, value in guess.items() if is_active(space, name, guess)}


def is_same(space: Mapping[str, Covariate], first: Configuration, second: Configuration) -> bool:
    """Whether two checked configurations are the same setting, up to how numbers are written as text."""
    return first.keys() == second.keys() and all(
        _is_same_value(space[name], value, second[name]) for name, value in first.items()
    )


def is_feasible(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], configuration: Configuration
) -> bool:
    """Whether a configuration lies in the space and meets every constraint."""
    try:
        checked_configuration(space, configuration)
    except InvalidError:
        return False
    return all(constraint.holds(configuration) for constraint in constraints)


def allowed(covariate: Covariate) -> str:
    """Say what a covariate takes."""
    if isinstance(covariate, CatCovariate):
        return f"one of {listed(covariate.options)}"
    kind = "a whole number" if isinstance(covariate, IntCovariate) else "a number"
    steps = "" if covariate.step is None else f" in steps of {covariate.step}"
    return f"{kind} from {covariate.min} to {covariate.max}{steps}"


def value_in(covariate: Covariate, value: Value) -> Value | None:
    """Give a value in the covariate's own type, None where the covariate cannot have it.

    A number that rounding moved over a bound or off the grid comes back on it.
    """
    if isinstance(covariate, CatCovariate):
        return covariate.option_of(value) if covariate.is_value(value) else None
    if isinstance(value, str) or not math.isfinite(value):
        return None
    if isinstance(covariate, IntCovariate):
        return int(value) if covariate.is_value(value) else None
    near = min(max(float(value), covariate.min), covariate.max)
    if covariate.step is not None:
        near = covariate.value_at(covariate.index_near(value))
    return near if abs(value - near) <= _slack(covariate, _BOUND_SLACK, near) else None


_Verdict = Value | FieldProblem | None
"""The value checked, what is wrong, or None where there is neither."""


def _judged(
    space: Mapping[str, Covariate], given: Configuration, path: str, judge: Callable[[str, str], _Verdict]
) -> Configuration:
    message = f"is no covariate of this experiment; it has {listed(list(space))}"
    problems = [FieldProblem(field=f"{path}.{shown(name)}", message=message) for name in given if name not in space]
    verdicts = {name: judge(name, f"{path}.{name}") for name in space}
    for name, verdict in verdicts.items():
        condition = space[name].active_if
        # Where what a condition asks of is wrong itself, nobody knows whether the covariate plays a part.
        is_known = condition is None or not isinstance(verdicts[condition.covariate], FieldProblem)
        if isinstance(verdict, FieldProblem) and is_known:
            problems.append(verdict)
    if problems:
        raise InvalidError.of(problems)
    return {
        name: verdict
        for name, verdict in verdicts.items()
        if verdict is not None and not isinstance(verdict, FieldProblem)
    }


def _checked_value(versions: Sequence[Covariate], value: Value, field: str) -> _Verdict:
    values = (value_in(covariate, value) for covariate in versions)
    checked = next((value for value in values if value is not None), None)
    if checked is None:
        return FieldProblem(field=field, message=f"must be {allowed(versions[0])}", value=shown(value))
    return checked


def _when_active(covariate: Covariate) -> str:
    condition = covariate.active_if
    assert condition is not None
    return f"it counts only where {condition.covariate} is {listed(condition.values)}"


def _is_same_value(covariate: Covariate, first: Value, second: Value) -> bool:
    if not isinstance(covariate, ContCovariate):
        return first == second
    distance = abs(float(first) - float(second))
    return distance <= _slack(covariate, _SAME_WITHIN, max(float(first), float(second)))


def _slack(covariate: ContCovariate, share: float, value: float) -> float:
    # With log, what rounding may cost is counted in shares of the value: all of them are positive.
    span = (
        value * (math.log(covariate.max) - math.log(covariate.min)) if covariate.log else covariate.max - covariate.min
    )
    slack = max(share * span, min(_TEXT_ROUNDING, _MAX_SLACK * span))
    return slack if covariate.step is None else min(slack, _STEP_SLACK * covariate.step)
