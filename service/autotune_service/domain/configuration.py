"""Whether a configuration lies in a space, and whether two configurations are the same."""

import math
from collections.abc import Mapping

from autotune_service.domain.errors import InvalidError
from autotune_wire.base import Configuration, Value
from autotune_wire.problems import FieldProblem, shown
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, IntCovariate

_BOUND_SLACK = 1e-9
"""Share of a range by which a number may miss its bound: a text of ten digits misses the double by that much."""

_SAME_WITHIN = 1e-6
"""Share of a range within which two numbers are the same setting of one instrument."""

_TEXT_ROUNDING = 5e-11
"""pandas' to_json() writes ten decimals, whatever the size of the number."""

_MAX_SLACK = 1e-3
"""Share of a range that rounding may cost: in a range of 1e-11, ten decimals tell nothing apart."""


def checked_configuration(space: Mapping[str, Covariate], covars: Configuration, path: str = "covars") -> Configuration:
    """Give the configuration with each value in its covariate's own type, in the space's order.

    Args:
        space: The covariates by name.
        covars: One value per covariate.
        path: Where the configuration stands in the body, for the messages.

    Raises:
        InvalidError: With one entry for every covariate that is missing, unknown, of another type or out of bounds.
    """
    message = f"is no covariate of this experiment; it has {shown(', '.join(space))}"
    problems = [FieldProblem(field=f"{path}.{shown(name)}", message=message) for name in covars if name not in space]
    checked: Configuration = {}
    for name, covariate in space.items():
        if name not in covars:
            problems.append(FieldProblem(field=f"{path}.{name}", message=f"is missing; {allowed(covariate)}"))
            continue
        value = _checked_value(covariate, covars[name])
        if value is None:
            problems.append(
                FieldProblem(field=f"{path}.{name}", message=f"must be {allowed(covariate)}", value=shown(covars[name]))
            )
        else:
            checked[name] = value
    if problems:
        raise InvalidError.of(problems)
    return checked


def is_same(space: Mapping[str, Covariate], first: Configuration, second: Configuration) -> bool:
    """Whether two checked configurations are the same setting, up to how numbers are written as text."""
    return all(_is_same_value(covariate, first[name], second[name]) for name, covariate in space.items())


def guess_of(space: Mapping[str, Covariate]) -> Configuration:
    """Give the configuration that the user guessed."""
    return {name: covariate.guess for name, covariate in space.items()}


def allowed(covariate: Covariate) -> str:
    """Say what a covariate takes."""
    if isinstance(covariate, IntCovariate):
        return f"a whole number from {covariate.min} to {covariate.max}"
    if isinstance(covariate, ContCovariate):
        return f"a number from {covariate.min} to {covariate.max}"
    return f"one of {shown(', '.join(covariate.options))}"


def _checked_value(covariate: Covariate, value: Value) -> Value | None:
    if isinstance(covariate, CatCovariate):
        return value if isinstance(value, str) and value in covariate.options else None
    if isinstance(value, str | bool) or not math.isfinite(value):
        return None
    if isinstance(covariate, IntCovariate):
        return int(value) if value == int(value) and covariate.min <= value <= covariate.max else None
    slack = _slack(covariate, _BOUND_SLACK)
    if covariate.min - slack <= value <= covariate.max + slack:
        return float(min(max(value, covariate.min), covariate.max))
    return None


def _is_same_value(covariate: Covariate, first: Value, second: Value) -> bool:
    if not isinstance(covariate, ContCovariate):
        return first == second
    return abs(float(first) - float(second)) <= _slack(covariate, _SAME_WITHIN)


def _slack(covariate: ContCovariate, share: float) -> float:
    span = covariate.max - covariate.min
    return max(share * span, min(_TEXT_ROUNDING, _MAX_SLACK * span))
