"""Errors on the wire: problem documents (RFC 9457) with a stable ``code``."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from autotune_wire.base import Reply

CONTENT_TYPE = "application/problem+json"
_SHOWN_CHARACTERS = 200
_FIELD_CHARACTERS = 1000
MAX_PROBLEMS = 20
_TAGS = {
    "covars": {"int", "cont", "cat"},
    "constraints": {"linear", "forbidden"},
    "responses": {"maximize", "minimize", ">=", "<="},
}
_EXPORTED = {"experiment": 1, "spaces": 2}  # how many parts of a path in an export precede an experiment's field
_SECRET_FIELDS = frozenset({"password", "token", "refresh_token", "client_secret"})


class FieldProblem(Reply):
    """What is wrong with one field."""

    field: str = Field(description="The path of the field, as in covars.color.options; empty for the whole body.")
    message: str = Field(description="What is wrong, and what is allowed there.")
    value: str | int | float | bool | None = Field(
        default=None,
        description="The value that was given: cut if it is long, the length of a list, the names of an object.",
    )


class Problem(Reply):
    """The reply to a request that failed: a problem document (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    code: str = Field(description="The kind of error, stable across versions: decide by it in programs.")
    detail: str
    errors: list[FieldProblem] = Field(default_factory=list)
    current: dict[str, Any] | None = Field(
        default=None, description="With `version_conflict`: the observation as it is stored now."
    )


def field_problems(error: ValidationError) -> list[FieldProblem]:
    """List what a failed validation found, one problem per field; the value of a secret is left out."""
    return [_field_problem(found) for found in error.errors(include_url=False)[:MAX_PROBLEMS]]


def validation_error(title: str, problems: Sequence[FieldProblem]) -> ValidationError:
    """Build the error that a validator raises for problems between several fields.

    ``field_problems`` turns the error into the same problems again.

    Args:
        title: The name of the model that was validated.
        problems: One or more problems, whose field paths start at the model.
    """
    details = [
        InitErrorDetails(
            type=PydanticCustomError("refused", "{message}", {"message": problem.message}),
            loc=(problem.field,) if problem.field else (),
            input=problem.value,
        )
        for problem in problems
    ]
    return ValidationError.from_exception_data(title, details)


def shown(value: Any) -> str | int | float | bool | None:
    """Shorten a value for an error message; a number stays a number only if JSON can hold it exactly."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and abs(value) < 1e15:
        return value
    # A body may hold a number of a million digits or deeply nested lists: nobody needs their whole text.
    if isinstance(value, str):
        text = value
    elif isinstance(value, int):
        text = f"a whole number of {value.bit_length()} bits"
    elif isinstance(value, dict):
        text = "{" + ", ".join(str(key)[:_SHOWN_CHARACTERS] for key in list(value)[:10]) + "}"
    elif isinstance(value, list):
        text = f"a list of {len(value)}"
    else:
        text = repr(value)
    text = text.encode(errors="replace").decode()
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."


def _field_problem(found: Any) -> FieldProblem:
    context = found.get("ctx", {})
    path = [*_without_tags(found["loc"]), *([context["field"]] if "field" in context else [])]
    value = None if _SECRET_FIELDS & {str(part) for part in path} else shown(context.get("value", found["input"]))
    if found["type"] in {"missing", "value_error"} and isinstance(found["input"], dict):
        value = None  # the input is the whole body, which does not help to find the field
    message = found["msg"].removeprefix("Value error, ")
    field = ".".join(str(part) for part in path)
    if len(field) > _FIELD_CHARACTERS:
        field = field[:_FIELD_CHARACTERS] + "..."  # a name may have a million characters, and be refused for that
    return FieldProblem(field=field, message=message, value=value)


def _without_tags(path: Sequence[str | int]) -> list[str | int]:
    # pydantic names the branch of a union between a covariate and its field: covars.color.cat.options.
    # On the websocket it names the operation first: tell.covars.color.
    parts = list(path[1:] if path[:1] in (("ask",), ("tell",), ("renew",), ("abandon",)) else path)
    start = _EXPORTED.get(str(parts[0]), 0) if parts else 0
    if len(parts) > start + 2 and parts[start + 2] in _TAGS.get(str(parts[start]), ()):
        del parts[start + 2]
    return parts
