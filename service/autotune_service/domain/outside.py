"""Values of runs that lie outside the space as it is now: which they are, and what is said of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from autotune_service.domain.configuration import has_place, value_in
from autotune_wire.base import Configuration, Value
from autotune_wire.constraints import Constraint
from autotune_wire.space import CatCovariate, Covariate

_MAX_NOTES = 20


def outside(space: Mapping[str, Covariate], configuration: Configuration) -> list[str]:
    """List the covariates whose values in a checked configuration the space does not allow, in the space's order."""
    return [
        name
        for name, covariate in space.items()
        if name in configuration and value_in(covariate, configuration[name]) is None
    ]


def modelled_in(space: Mapping[str, Covariate]) -> Callable[[Configuration], bool]:
    """Build the check whether the model can use a run: every value of its configuration has a place on its scale."""
    on_log_scale = [name for name, covariate in space.items() if not has_place(covariate, 0.0)]
    return lambda configuration: all(float(configuration.get(name, 1.0)) > 0 for name in on_log_scale)


def notes_on(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], configurations: Sequence[Configuration]
) -> list[str]:
    """Write a sentence about each value outside the space and each constraint that is violated, equal ones once.

    Of very many, the last sentence says how many more there are.
    """
    notes = list(dict.fromkeys(note for covars in configurations for note in _notes(space, constraints, covars)))
    n_more = len(notes) - _MAX_NOTES
    return notes if n_more <= 0 else [*notes[:_MAX_NOTES], f"and {n_more} more values outside the space"]


def _notes(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], configuration: Configuration
) -> Iterator[str]:
    for name in outside(space, configuration):
        covariate, value = space[name], configuration[name]
        left_out = "" if has_place(covariate, value) else ", and left out of the model"
        yield f"{name} = {_text(value)} {_why(covariate, value)}; stored as measured{left_out}"
    for constraint in constraints:
        if not constraint.holds(configuration):
            yield f"{constraint.violation(configuration)}; stored as measured"


def _why(covariate: Covariate, value: Value) -> str:
    if isinstance(covariate, CatCovariate):
        return "is no longer an option"
    if not has_place(covariate, value):
        return "has no place on its logarithmic scale"
    if covariate.min == covariate.max:
        return f"is not {_text(covariate.min)}, its only value"
    if not covariate.min <= float(value) <= covariate.max:
        return f"lies outside its range, {_text(covariate.min)} to {_text(covariate.max)}"
    assert covariate.step is not None
    return f"is off its steps of {_text(covariate.step)} from {_text(covariate.min)}"


def _text(value: Value) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)
