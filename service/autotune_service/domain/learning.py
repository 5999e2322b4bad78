"""What an experiment can learn from an earlier one."""

from collections.abc import Collection, Iterator

from autotune_wire.problems import FieldProblem, shown
from autotune_wire.space import CatCovariate, Covariate, Space, listed, units_of


def learning_problems(
    field: str, space: Space, responses: Collection[str], earlier: Space, earlier_responses: Collection[str]
) -> Iterator[FieldProblem]:
    """Find what keeps an experiment from learning from an earlier one: what it lacks, or has in other units.

    Args:
        field: The field that names the earlier experiment.
        space: The new experiment's covariates; ranges and options may differ from the earlier ones.
        responses: The names of the new experiment's responses.
        earlier: The earlier experiment's covariates.
        earlier_responses: The names of its responses.
    """
    missing = [name for name in space if name not in earlier]
    if missing:
        message = (
            f"has no covariate {listed(missing)}: an experiment to learn from has all covariates of the new one, by "
            f"the same names; its own are {listed(list(earlier))}"
        )
        yield FieldProblem(field=field, message=message)
    for name, covariate in space.items():
        if name in earlier and _kind(covariate) != _kind(earlier[name]):
            message = f"has {shown(name)} as {_kind(earlier[name])}, and the new experiment as {_kind(covariate)}"
            yield FieldProblem(field=field, message=message)
    own, theirs = units_of(space), units_of(earlier)
    for name in space:
        if name in own and name in theirs and own[name] != theirs[name]:
            message = (
                f"has {shown(name)} in {shown(theirs[name])}, and the new experiment in {shown(own[name])}: values are "
                "taken as they are, so both must have the same unit"
            )
            yield FieldProblem(field=field, message=message)
    if not set(responses) & set(earlier_responses):
        message = (
            f"measures none of the new experiment's responses, {listed(list(responses))}; its own are "
            f"{listed(list(earlier_responses))}"
        )
        yield FieldProblem(field=field, message=message)


def _kind(covariate: Covariate) -> str:
    return "options" if isinstance(covariate, CatCovariate) else "a number"
