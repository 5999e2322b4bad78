"""Values on the command line: ``minutes=30 oven=b taste=0.93``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from autotune.errors import InvalidInputError
from autotune.inputs.checks import checked
from autotune_wire.observations import Told
from autotune_wire.problems import FieldProblem, field_problems
from autotune_wire.responses import RESPONSE, Responses
from autotune_wire.space import CatCovariate, Space, listed
from autotune_wire.told_cells import CellError, Options, value_of
from autotune_wire.told_columns import Role, assigned_roles
from autotune_wire.told_rows import Sheet, Terms, read_sheet

_OF_RUN = ("sd", "status", "failed_because", "stopped_step")
_PLACE = "the run"


def named_values(words: Sequence[str], known: Iterable[str]) -> dict[str, str]:
    """Split words at their equals signs.

    Args:
        words: The words, each ``NAME=VALUE``.
        known: Names that may hold an equals sign themselves; the longest of them that fits is meant.

    Raises:
        InvalidInputError: If a word has no equals sign, or a name comes twice.
    """
    names = list(known)
    values: dict[str, str] = {}
    for word in words:
        fitting = [name for name in names if word.startswith(f"{name}=")]
        name = max(fitting, key=len) if fitting else word.partition("=")[0]
        if not name or not word.startswith(f"{name}="):
            raise InvalidInputError(f"{word!r} is no value: write NAME=VALUE, one of {listed(names)}")
        if name in values:
            raise InvalidInputError(f"{name} is given twice: {values[name]!r} and {word[len(name) + 1 :]!r}")
        values[name] = word[len(name) + 1 :]
    return values


def run_of(words: Sequence[str], space: Space, responses: Responses, suggestion_uuid: UUID | None) -> Told:
    """Read a run that is told on the command line, as the row of a table of runs is read.

    Args:
        words: The values of the covariates and of the responses, and optionally ``sd``, ``status`` (``ok``,
            ``failed`` or ``stopped``), ``failed_because`` and ``stopped_step``.
        space: The covariates.
        responses: The responses; one without a name is ``response``.
        suggestion_uuid: The suggestion that was run.

    Raises:
        InvalidInputError: If a name is none of the experiment's, a covariate is missing or a value is not valid.
    """
    values = named_values(words, [*space, *responses, *_OF_RUN])
    wrong = _wrong_names(values, space, responses)
    if wrong:
        raise InvalidInputError("this run is not valid:", wrong)
    sheet = Sheet(list(values), [list(values.values())], [_PLACE])
    try:
        (record,) = read_sheet(sheet, space, list(responses), Terms()).records
    except ValidationError as error:
        problems = [
            problem.model_copy(update={"field": problem.field.removeprefix(_PLACE).removeprefix(".")})
            for problem in field_problems(error)
        ]
        raise InvalidInputError("this run is not valid:", problems) from None
    with checked("this run"):
        return Told.model_validate({**record, **({"suggestion_uuid": suggestion_uuid} if suggestion_uuid else {})})


def fixed_of(words: Sequence[str], space: Space) -> Mapping[str, Any]:
    """Read the values that an ask fixes.

    Raises:
        InvalidInputError: If a name is no covariate, or a value is none that it can have.
    """
    found: dict[str, Any] = {}
    for name, text in named_values(words, space).items():
        covariate = space.get(name)
        if covariate is None:
            problem = FieldProblem(field=name, message=f"is no covariate; they are {listed(list(space))}", value=text)
            raise InvalidInputError("this ask is not valid:", [problem])
        try:
            options = Options(covariate) if isinstance(covariate, CatCovariate) else None
            found[name] = value_of(covariate, options, text, ".")
        except CellError as error:
            raise InvalidInputError("", [FieldProblem(field=name, message=str(error), value=text)]) from None
    return found


def _wrong_names(values: Mapping[str, str], space: Space, responses: Responses) -> list[FieldProblem]:
    """Return what is wrong with the names of a run's values, before any value is read."""
    assigned = assigned_roles(list(values), list(space), list(responses))
    known = listed([*space, *map(_shown, responses), *_OF_RUN])
    wrong = [
        FieldProblem(field=name, message=f"is not one of this experiment; they are {known}", value=values[name])
        for name in assigned.extra
    ]
    given = set(assigned.roles)
    wrong += [
        FieldProblem(field=name, message="is missing; a run needs a value for each covariate")
        for name, covariate in space.items()
        if covariate.active_if is None and Role("covars", name) not in given
    ]
    has_outcome = any(role is not None and role.part in {"responses", "status"} for role in given)
    if not has_outcome and not wrong:
        wrong = [FieldProblem(field=_shown(next(iter(responses))), message="is missing; or give status=failed")]
    return wrong


def _shown(response: str) -> str:
    return "response" if response == RESPONSE else response
