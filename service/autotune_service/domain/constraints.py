"""Which constraints a configuration violates."""

from collections.abc import Mapping, Sequence

from autotune_service.domain.configuration import guess_of
from autotune_service.domain.errors import InvalidError
from autotune_wire.base import Configuration
from autotune_wire.constraints import Constraint, LinearConstraint
from autotune_wire.problems import FieldProblem
from autotune_wire.space import Covariate, listed


def violations(constraints: Sequence[Constraint], configuration: Configuration) -> list[FieldProblem]:
    """List a problem for each constraint that a configuration violates."""
    problems: list[FieldProblem] = []
    for index, constraint in enumerate(constraints):
        if constraint.holds(configuration):
            continue
        if isinstance(constraint, LinearConstraint):
            total = constraint.total(configuration)
            message = f"the sum is {total:.10g}, and must be {constraint.relation} {constraint.bound:.10g}"
        else:
            message = f"{listed([f'{name} = {configuration[name]}' for name in constraint.combination])} is forbidden"
        problems.append(FieldProblem(field=f"constraints.{index}", message=message))
    return problems


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
