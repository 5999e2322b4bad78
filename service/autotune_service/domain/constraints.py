"""Which constraints a configuration violates."""

from collections.abc import Mapping, Sequence

from autotune_service.domain.configuration import checked_configuration, guess_of
from autotune_service.domain.errors import InvalidError
from autotune_wire.base import Configuration
from autotune_wire.constraints import Constraint
from autotune_wire.problems import FieldProblem
from autotune_wire.space import Covariate


def violations(constraints: Sequence[Constraint], configuration: Configuration) -> list[FieldProblem]:
    """List a problem for each constraint that a configuration violates."""
    return [
        FieldProblem(field=f"constraints.{index}", message=constraint.violation(configuration))
        for index, constraint in enumerate(constraints)
        if not constraint.holds(configuration)
    ]


def why_not_suggested(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], configuration: Configuration
) -> str | None:
    """Describe the first reason why a configuration would not be suggested; None if it may be."""
    try:
        checked_configuration(space, configuration, "")
    except InvalidError as error:
        problem = error.errors[0]
        return f"{problem.field.removeprefix('.')} {problem.message}"
    return next((problem.message for problem in violations(constraints, configuration)), None)


def check_guess(space: Mapping[str, Covariate], constraints: Sequence[Constraint]) -> None:
    """Check that the guess meets every constraint: the guess is the first suggestion, and every suggestion does.

    Raises:
        InvalidError: With one entry for every constraint that the guess violates.
    """
    problems = violations(constraints, guess_of(space))
    if problems:
        raise InvalidError.of(
            [
                FieldProblem(field=problem.field, message=f"the guess violates this constraint: {problem.message}")
                for problem in problems
            ]
        )
