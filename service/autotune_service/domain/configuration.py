"""Whether a configuration lies in a space, and whether two configurations are the same."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from autotune_service.domain.errors import InvalidError
from autotune_wire.base import MAX_WHOLE, Configuration, Value
from autotune_wire.constraints import Constraint
from autotune_wire.problems import MAX_PROBLEMS, FieldProblem, shown
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, IntCovariate, is_active, listed

_BOUND_SLACK = 1e-9
"""Share of a range by which a number may lie beyond its bound: writing a number with ten digits moves it that far."""

_SAME_WITHIN = 1e-6
"""Share of a range: numbers that differ by no more than this count as the same setting of an instrument."""

_TEXT_ROUNDING = 5e-11
"""Largest rounding error of pandas' to_json(), which writes ten decimals whatever the size of the number."""

_MAX_SLACK = 1e-3
"""Largest share of a range that the slack may be: written with ten decimals, all numbers of a tiny range are equal."""

_STEP_SLACK = 0.25
"""Largest share of a step that the slack may be, so that no number is near two values of a grid."""


def checked_configuration(
    space: Mapping[str, Covariate],
    covars: Configuration,
    path: str = "covars",
    *,
    earlier: Sequence[Mapping[str, Covariate]] = (),
) -> Configuration:
    """Check a configuration to suggest; return it with each value in its covariate's own type, in the space's order.

    A context may have any value of its type, as nobody chooses it: its range says what is expected. Constraints are not
    checked.

    Args:
        space: The covariates by name.
        covars: A value for every covariate that is active.
        path: Path of the configuration in the body, for the error messages.
        earlier: The same experiment's former spaces; a value that one of them allows is accepted.

    Raises:
        InvalidError: With one entry for every covariate that is missing, unknown, of another type, out of bounds, or
            has a value although it is not active.
    """

    def check(versions: Sequence[Covariate], value: Value, field: str) -> _Verdict:
        check_value = _checked_context if _is_context(versions[0]) else _checked
        return check_value(versions, value, field)

    return _checked_active(space, covars, path, earlier, check)


def checked_run(
    space: Mapping[str, Covariate],
    covars: Configuration,
    path: str = "covars",
    *,
    earlier: Sequence[Mapping[str, Covariate]] = (),
    is_modelled: bool = False,
) -> Configuration:
    """Check the configuration of a run; return it with each value in its covariate's own type, in the space's order.

    A run took place whatever the space allows. So a number may lie beyond its range or between two steps, where it is
    kept as measured, and constraints are not checked.

    Args:
        space: The covariates by name.
        covars: A value for every covariate that was active.
        path: Path of the configuration in the body, for the error messages.
        earlier: The same experiment's former spaces; an option that one of them had is accepted.
        is_modelled: Whether the model must have a place for every number; see ``has_place``.

    Raises:
        InvalidError: With one entry for every covariate that is missing, unknown, has a value that it cannot have
            whatever its range, or has a value although it is not active.
    """
    return _checked_active(space, covars, path, earlier, _checked_context if is_modelled else _checked_measurement)


def checked_fixed(
    space: Mapping[str, Covariate], fixed: Configuration, path: str = "fixed", *, needs_context: bool = True
) -> Configuration:
    """Check the values that an ask fixes; return each in its covariate's own type, in the space's order.

    Args:
        space: The covariates by name.
        fixed: Values for some of the covariates.
        path: Path of the fixed values in the body, for the error messages.
        needs_context: Whether every context must have a fixed value.

    Raises:
        InvalidError: With one entry for every value that is unknown, of another type, out of bounds (except of a
            context) or of a covariate that the other fixed values do not make active, and for every context that is
            missing.
    """

    def check(name: str, field: str) -> _Verdict:
        covariate = space[name]
        if name not in fixed:
            message = f"is missing: every ask needs a value for this context; expected is {allowed(covariate)}"
            is_needed = needs_context and covariate.role == "context"
            return FieldProblem(field=field, message=message) if is_needed else None
        if not is_active(space, name, fixed):
            message = f"cannot be fixed unless the fixed values make it active; {_when_active(covariate)}"
            return FieldProblem(field=field, message=message, value=shown(fixed[name]))
        check_value = _checked_context if _is_context(covariate) else _checked
        return check_value([covariate], fixed[name], field)

    return _check_each(space, fixed, path, check)


def guess_of(space: Mapping[str, Covariate], fixed: Mapping[str, Value] | None = None) -> Configuration:
    """Return the configuration that the user guessed: the guess of every covariate that is active in it.

    Args:
        space: The covariates by name.
        fixed: Checked values that replace the guesses of their covariates.
    """
    guess: Configuration = {name: covariate.guess for name, covariate in space.items()} | dict(fixed or {})
    return {name: value for name, value in guess.items() if is_active(space, name, guess)}


def is_same(space: Mapping[str, Covariate], first: Configuration, second: Configuration) -> bool:
    """Return whether two checked configurations are the same setting, apart from the rounding of numbers as text."""
    return first.keys() == second.keys() and all(
        is_same_value(space[name], value, second[name]) for name, value in first.items()
    )


def is_same_value(covariate: Covariate, first: Value, second: Value) -> bool:
    """Return whether two checked values of a covariate are the same setting, apart from the rounding as text."""
    if first == second or not isinstance(covariate, ContCovariate):
        return first == second
    distance = abs(float(first) - float(second))
    return distance <= _slack(covariate, _SAME_WITHIN, max(float(first), float(second)))


def is_feasible(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], configuration: Configuration
) -> bool:
    """Return whether a configuration may be suggested: in the space, contexts aside, and meeting every constraint."""
    try:
        checked_configuration(space, configuration)
    except InvalidError:
        return False
    return all(constraint.holds(configuration) for constraint in constraints)


def allowed(covariate: Covariate) -> str:
    """Describe the values that a covariate can have, to stand after "must be" in a message."""
    if isinstance(covariate, CatCovariate):
        return f"one of {listed(covariate.options)}"
    kind = _kind(covariate)
    if covariate.min == covariate.max:
        return f"{covariate.min}, its only value"
    steps = "" if covariate.step is None else f" in steps of {covariate.step}"
    return f"{kind} from {covariate.min} to {covariate.max}{steps}"


def value_in(covariate: Covariate, value: Value) -> Value | None:
    """Return a value in the covariate's own type, or None if the covariate cannot have the value.

    A number of a ``cont`` covariate that rounding moved beyond a bound or off the grid is moved back.
    """
    if isinstance(covariate, CatCovariate):
        return covariate.option_of(value) if covariate.is_value(value) else None
    if isinstance(value, str) or not math.isfinite(value):
        return None
    if isinstance(covariate, IntCovariate):
        return int(value) if covariate.is_value(value) else None
    if covariate.n_values is None and covariate.min <= value <= covariate.max:
        return float(value)
    near = min(max(float(value), covariate.min), covariate.max)
    if covariate.n_values is not None:
        near = covariate.value_at(covariate.index_near(value))
    return near if abs(value - near) <= _slack(covariate, _BOUND_SLACK, near) else None


def measured_value(covariate: Covariate, value: Value) -> Value | None:
    """Return the value that a run had, in the covariate's own type; None if no run can have it, whatever the range."""
    inside = value_in(covariate, value)
    if inside is not None or isinstance(covariate, CatCovariate) or isinstance(value, str):
        return inside
    if isinstance(covariate, IntCovariate):
        return int(value) if abs(value) <= MAX_WHOLE and value == int(value) else None
    return float(value) if math.isfinite(value) else None


def has_place(covariate: Covariate, value: Value) -> bool:
    """Return whether a value has a place on its covariate's scale: a logarithmic one has none for 0 and below."""
    return isinstance(covariate, CatCovariate) or not covariate.log or float(value) > 0


_Verdict = Value | FieldProblem | None
"""The checked value, the problem with it, or None if a covariate has no value and needs none."""


def _check_each(
    space: Mapping[str, Covariate], covars: Configuration, path: str, check: Callable[[str, str], _Verdict]
) -> Configuration:
    problems = list(_unknown_problems(space, covars, path))
    verdicts = {name: check(name, f"{path}.{name}") for name in space}
    for name, verdict in verdicts.items():
        condition = space[name].active_if
        # If the covariate named by the condition has a wrong value, whether this one is active is unknown.
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


def _unknown_problems(space: Mapping[str, Covariate], covars: Configuration, path: str) -> Iterator[FieldProblem]:
    unknown = list(islice((name for name in covars if name not in space), MAX_PROBLEMS))
    if unknown:
        message = f"is not a covariate of this experiment; the covariates are {listed(list(space))}"
        yield from (FieldProblem(field=f"{path}.{shown(name)}", message=message) for name in unknown)


def _checked_active(
    space: Mapping[str, Covariate],
    covars: Configuration,
    path: str,
    earlier: Sequence[Mapping[str, Covariate]],
    check_value: Callable[[Sequence[Covariate], Value, str], _Verdict],
) -> Configuration:
    def check(name: str, field: str) -> _Verdict:
        covariate = space[name]
        if name not in covars:
            missing = FieldProblem(field=field, message=f"is missing; must be {allowed(covariate)}")
            return missing if is_active(space, name, covars) else None
        if not any(name in version and is_active(version, name, covars) for version in (space, *earlier)):
            message = f"is not active in this configuration, leave it out; {_when_active(covariate)}"
            return FieldProblem(field=field, message=message, value=shown(covars[name]))
        versions = [covariate, *(former[name] for former in earlier if name in former)]
        return check_value(versions, covars[name], field)

    return _check_each(space, covars, path, check)


def _checked(versions: Sequence[Covariate], value: Value, field: str) -> _Verdict:
    """Check a value that the newest version of a covariate, which comes first, or an earlier one allows."""
    checked = _value_in_any(versions, value)
    return _not_allowed(versions[0], value, field) if checked is None else checked


def _checked_measurement(versions: Sequence[Covariate], value: Value, field: str) -> _Verdict:
    """Check a value that a run had; a value that no version allows is kept as it is."""
    checked = _value_in_any(versions, value)
    if checked is not None:
        return checked
    covariate = versions[0]
    if isinstance(covariate, CatCovariate):
        return _not_allowed(covariate, value, field)
    measured = measured_value(covariate, value)
    if measured is None:
        return FieldProblem(field=field, message=f"must be {_kind(covariate)}", value=shown(value))
    return measured


def _value_in_any(versions: Sequence[Covariate], value: Value) -> Value | None:
    values = (value_in(covariate, value) for covariate in versions)
    return next((found for found in values if found is not None), None)


def _not_allowed(covariate: Covariate, value: Value, field: str) -> FieldProblem:
    are_texts = isinstance(covariate, CatCovariate) and isinstance(covariate.options[0], str)
    kind = "a text, " if are_texts and not isinstance(value, str) else ""
    return FieldProblem(field=field, message=f"must be {kind}{allowed(covariate)}", value=shown(value))


def _checked_context(versions: Sequence[Covariate], value: Value, field: str) -> _Verdict:
    """Check a value that may lie outside its range, and that the model needs a place for."""
    measured = _checked_measurement(versions, value, field)
    if measured is None or isinstance(measured, FieldProblem) or has_place(versions[0], measured):
        return measured
    return FieldProblem(field=field, message="must be more than 0, as its scale is logarithmic", value=shown(value))


def _is_context(covariate: Covariate) -> bool:
    return covariate.role == "context"


def _kind(covariate: IntCovariate | ContCovariate) -> str:
    return "a whole number" if isinstance(covariate, IntCovariate) else "a number"


def _when_active(covariate: Covariate) -> str:
    condition = covariate.active_if
    assert condition is not None
    return f"it is active only where {condition.covariate} is {listed(condition.values)}"


def _slack(covariate: ContCovariate, share: float, value: float) -> float:
    # On a log scale, the slack is a share of the value and not of the range; a constant has no range but its own size.
    span = covariate.max - covariate.min
    if span == 0:
        span = abs(covariate.min)
    elif covariate.log:
        span = max(value, 0.0) * (math.log(covariate.max) - math.log(covariate.min))
    slack = max(share * span, min(_TEXT_ROUNDING, _MAX_SLACK * span))
    return slack if covariate.step is None else min(slack, _STEP_SLACK * covariate.step)
