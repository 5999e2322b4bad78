"""A user's description of an experiment, which may use shorthands, converted to what the service takes."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from autotune.errors import InvalidInputError
from autotune.inputs.candidates import described_by, read_rows
from autotune.inputs.checks import checked
from autotune.inputs.covariate_text import covariate_of_text
from autotune.inputs.descriptors import described
from autotune.inputs.distributions import covariate_of_distribution
from autotune.inputs.frames import covariates_of_frame, is_frame
from autotune.inputs.guessing import fitted
from autotune.inputs.linear_text import AT_LEAST, AT_MOST, parsed_linear
from autotune.inputs.typed import typed_number
from autotune.values import plain
from autotune_wire.constraints import Constraint
from autotune_wire.experiments import NewExperiment, SpaceEdit
from autotune_wire.numerals import number_of
from autotune_wire.problems import FieldProblem
from autotune_wire.space import Space

Constraints = str | Mapping[str, Any] | Constraint | Sequence[str | Mapping[str, Any] | Constraint]
"""One constraint or several, each as a text (``a + b <= 1``) or as the dict that the service takes."""

_BOUNDS = dict.fromkeys(AT_MOST, "<=") | dict.fromkeys(AT_LEAST, ">=")
_VALUE = re.compile(rf"\s*(?P<goal>{'|'.join(_BOUNDS)}|==?)\s*(?P<value>\S+)\s*")
_RESPONSE = re.compile(rf"(?P<name>.+?)\s*(?P<wanted>(?:{'|'.join(_BOUNDS)}|==?).+)")
_GOALS = {"max": "maximize", "min": "minimize"}


def new_experiment(
    name: str,
    covars: Any,
    *,
    responses: Mapping[str, Any] | None,
    constraints: Constraints,
    guess: Mapping[str, Any] | None = None,
    early_stop: Any = None,
    made: Collection[str] = (),
    candidates: Any = None,
    **others: Any,
) -> NewExperiment:
    """Build the body that creates an experiment; for an argument that is None, the service's default applies.

    Args:
        name: The name.
        covars: The covariates by name, each a text, a dict or a distribution, or a DataFrame of past runs.
        responses: The responses by name, with their goals.
        constraints: The constraints.
        guess: First values to try by covariate, in the place of those that ``covars`` has.
        early_stop: The rule that stops runs early, by its name or with its options.
        candidates: The list that suggestions are taken from; its columns describe what ``covars`` leaves out.
        made: Covariates whose dict has a guess that nobody gave: it may move until it meets the linear constraints.
        others: Other fields of the body.

    Raises:
        InvalidInputError: If an argument is not valid; the message names the field.
    """
    table = None if candidates is None else read_rows(candidates)
    covars = covars if table is None else described_by(covars, table)
    covariates = _guessed(_covariates(covars, responses), guess or {})
    rules = _constraints(constraints, covariates)
    body = {
        "name": name,
        "covars": fitted(covariates, {*_unguessed(covars, covariates), *made} - set(guess or ()), rules),
        "responses": None if responses is None else goals_of(responses),
        "constraints": rules or None,
        "early_stop": {"rule": early_stop} if isinstance(early_stop, str) else plain(early_stop),
        "candidates": None if table is None else table.typed(covariates),
        **others,
    }
    with checked("this experiment"):
        return NewExperiment.model_validate({field: value for field, value in body.items() if value is not None})


def space_edit(
    space: Space, covars: Mapping[str, Any], constraints: Constraints | None, backfill: Mapping[str, Any]
) -> SpaceEdit:
    """Build the body that changes a space.

    Args:
        space: The covariates so far.
        covars: The covariates that change or are new. A dict without ``vtype`` holds only the fields that change.
        constraints: All constraints from now on; None leaves the constraints as they are.
        backfill: For each new covariate, the value that all runs so far had.

    Raises:
        InvalidInputError: If an argument is not valid; the message names the field.
    """
    covariates: dict[str, Any] = {name: covariate.model_dump(exclude_unset=True) for name, covariate in space.items()}
    for name, new in _covariates(covars).items():
        is_part = name in covariates and isinstance(new, dict) and "vtype" not in new
        covariates[name] = {**covariates[name], **new} if is_part else new
    body = {"covars": _covariates(covariates), "backfill": plain(dict(backfill))}
    if constraints is not None:
        body["constraints"] = _constraints(constraints, covariates)
    with checked("this change of the space"):
        return SpaceEdit.model_validate(body)


def response_of_text(text: str) -> tuple[str, str]:
    """Split ``cost <= 5`` or ``pH = 7.4`` into the name of a response and its goal.

    Raises:
        InvalidInputError: If the text is no bound and no target.
    """
    found = _RESPONSE.fullmatch(text.strip())
    if found is None:
        raise InvalidInputError(f'{text!r} is no bound and no target of a response\nwrite "cost <= 5" or "pH = 7.4"')
    return found["name"], found["wanted"]


def _covariates(covars: Any, responses: Any = None) -> dict[str, Any]:
    if is_frame(covars):
        try:
            covars = covariates_of_frame(covars, responses)
        except ValueError as error:
            raise _refusal("covars", f"the DataFrame {error}", covars) from None
    if not isinstance(covars, Mapping):
        raise _refusal("covars", "must be a dict with a covariate for each name, or a DataFrame of past runs", covars)
    covariates = {plain(name): _described(name, covariate) for name, covariate in covars.items()}
    return {name: _with_condition(covariate, covariates) for name, covariate in covariates.items()}


def _described(name: str, given: Any) -> Any:
    """Replace a text, a distribution or a list of options by the dict that the service takes."""
    try:
        if isinstance(given, str):
            return covariate_of_text(given)
        if isinstance(given, Mapping) and given.get("descriptors") is not None:
            return plain(described(dict(given)))
        return plain(covariate_of_distribution(given) or given)
    except ValueError as error:
        raise _refusal(f"covars.{name}", str(error), given) from None


def _guessed(covariates: dict[str, Any], guess: Mapping[str, Any]) -> dict[str, Any]:
    for name in guess:
        if name not in covariates:
            raise _refusal(f"guess.{name}", f"is not a covariate; the covariates are {', '.join(covariates)}", name)
    return {
        name: {**covariate, "guess": plain(guess[name])} if name in guess else covariate
        for name, covariate in covariates.items()
    }


def _unguessed(covars: Any, covariates: Collection[str]) -> set[str]:
    """Return the covariates that were described without a guess: not by a dict, which has one."""
    if is_frame(covars):
        return set(covariates)
    return {plain(name) for name, described in covars.items() if not isinstance(described, Mapping | BaseModel)}


def _with_condition(covariate: Any, names: Collection[str]) -> Any:
    """Replace the shorthand ``"active_if": {"kernel": "rbf"}`` by ``{"covariate": "kernel", "values": ["rbf"]}``."""
    condition = covariate.get("active_if") if isinstance(covariate, dict) else None
    if not isinstance(condition, dict) or len(condition) != 1 or next(iter(condition)) not in names:
        return covariate
    [(name, values)] = condition.items()
    return {**covariate, "active_if": {"covariate": name, "values": _listed(values)}}


def goals_of(responses: Any) -> dict[str, Any]:
    """Replace goals that are texts, such as ``max`` or ``<= 5``, by the dicts that the service takes.

    Raises:
        InvalidInputError: If a text is no goal, or ``responses`` is no dict.
    """
    if not isinstance(responses, Mapping):
        raise _refusal("responses", 'must be a dict such as {"yield": "maximize", "cost": "<= 5"}', responses)
    return {name: _response(name, plain(wanted)) for name, wanted in responses.items()}


def _response(name: str, wanted: Any) -> Any:
    if not isinstance(wanted, str):
        return wanted
    goal = wanted.strip().lower()
    goal = _GOALS.get(goal, goal)
    if goal in _GOALS.values():
        return {"goal": goal}
    match = _VALUE.fullmatch(wanted)
    if match is None:
        return _no_goal(name, wanted)
    try:
        with_comma = typed_number(match["value"])
    except InvalidInputError as error:
        raise _refusal(f"responses.{name}", str(error), wanted) from None
    value = number_of(match["value"], ".") if with_comma is None else with_comma
    if value is None:
        return _no_goal(name, wanted)
    bound = _BOUNDS.get(match["goal"])
    return {"goal": "match", "target": value} if bound is None else {"goal": bound, "bound": value}


def _no_goal(name: str, wanted: str) -> Any:
    message = 'must be "maximize", "minimize", a target such as "= 7.4" or a bound such as "<= 0.05"'
    raise _refusal(f"responses.{name}", message, wanted)


def _constraints(given: Constraints, names: Collection[str]) -> list[Any]:
    several = [given] if isinstance(given, str | Mapping | BaseModel) else given
    if not isinstance(several, Sequence):
        raise _refusal("constraints", "must be a list of texts and dicts", given)
    parts = (_constraint(index, plain(constraint), names) for index, constraint in enumerate(several))
    return [constraint for part in parts for constraint in part]


def _constraint(index: int, given: Any, names: Collection[str]) -> Iterator[Any]:
    if isinstance(given, str):
        try:
            yield from parsed_linear(given, names)
        except ValueError as error:
            raise _refusal(f"constraints.{index}", str(error), given) from None
    elif isinstance(given, dict) and isinstance(given.get("combination"), dict):
        combination = {name: _listed(values) for name, values in given["combination"].items()}
        yield {"ctype": "forbidden", **given, "combination": combination}
    elif isinstance(given, dict) and "weights" in given:
        yield {"ctype": "linear", **given}
    elif isinstance(given, dict) and "ctype" not in given:
        message = 'must have "weights" or "combination", or be a text such as "a + 2*b <= 1"'
        raise _refusal(f"constraints.{index}", message, given)
    else:
        yield given


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _refusal(field: str, message: str, value: Any) -> InvalidInputError:
    shown = value if isinstance(value, str) else type(value).__name__
    return InvalidInputError("this experiment is not valid:", [FieldProblem(field=field, message=message, value=shown)])
