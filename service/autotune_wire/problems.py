"""Errors on the wire: problem documents (RFC 9457) with a stable ``code``."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from autotune_wire.base import LIBRARY_TYPES, Reply

CONTENT_TYPE = "application/problem+json"
SHOWN_CHARACTERS = 200
_FIELD_CHARACTERS = 1000
MAX_PROBLEMS = 20
_TAGS = {
    "covars": ("int", "cont", "cat"),
    "constraints": ("linear", "forbidden"),
    "responses": ("maximize", "minimize", "match", ">=", "<="),
}
_OPERATIONS = ("ask", "tell", "renew", "abandon", "report")
_KINDS = {"vtype": _TAGS["covars"], "ctype": _TAGS["constraints"], "goal": _TAGS["responses"], "op": _OPERATIONS}
"""The fields that say which kind of object is meant, and what they may be."""

_SAYS = (
    {
        "missing": "is missing",
        "extra_forbidden": "is not a field here; it may be misspelt",
        "json_invalid": "is not valid JSON: {error}",
        "json_type": "must be a text that holds JSON",
        "recursion_loop": "is nested too deeply",
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be at most {le}",
        "finite_number": "must be a finite number",
        "string_too_short": "must have at least {min_length} characters",
        "string_too_long": "must have at most {max_length} characters",
        "string_pattern_mismatch": "must match the pattern {pattern}",
        "too_short": "must have at least {min_length} members, not {actual_length}",
        "too_long": "must have at most {max_length} members",
        "literal_error": "must be {expected}",
        "list_type": "must be a list",
        "timezone_aware": "must name its time zone, as in 2026-01-31T12:00:00Z",
    }
    | dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "must be an object, in Python a dict")
    | dict.fromkeys(("string_type", "string_unicode"), "must be a text")
    | dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false")
    | dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "must be a whole number")
    | dict.fromkeys(("float_type", "float_parsing"), "must be a number")
    | dict.fromkeys(("uuid_type", "uuid_parsing", "uuid_version"), "must be a uuid")
    | dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_object_invalid", "datetime_from_date_parsing"),
        "must be a moment, as in 2026-01-31T12:00:00Z",
    )
)
"""What is said for each error of pydantic that the messages can have, in the words of all other errors."""

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
    retry_after_s: int | None = Field(
        default=None,
        description="After how many seconds the same request may succeed, as in the header Retry-After, which an "
        "answer on a websocket does not have.",
    )

    @property
    def unset_fields(self) -> set[str]:
        """The fields that say nothing of this problem, and are left out of its document."""
        return {name for name in ("current", "retry_after_s") if getattr(self, name) is None}


def field_problems(error: ValidationError) -> list[FieldProblem]:
    """List what a failed validation found, one problem per field; the value of a secret is left out."""
    return [_field_problem(found) for found in error.errors(include_url=False)[:MAX_PROBLEMS]]


def validation_error(title: str, problems: Sequence[FieldProblem]) -> ValidationError:
    """Build the error that a validator raises for problems between several fields.

    ``field_problems`` turns the error into the same problems again.

    Args:
        title: The name of the model that was validated.
        problems: One or more problems, whose field paths start at the model; ``MAX_PROBLEMS`` of them are kept.
    """
    details = [
        InitErrorDetails(
            type=PydanticCustomError("refused", "{message}", {"message": problem.message}),
            loc=(problem.field,) if problem.field else (),
            input=problem.value,
        )
        for problem in problems[:MAX_PROBLEMS]
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
        text = "{" + ", ".join(str(key)[:SHOWN_CHARACTERS] for key in list(value)[:10]) + "}"
    elif isinstance(value, list):
        text = f"a list of {len(value)}"
    else:
        text = repr(value)
    text = text.encode(errors="replace").decode()
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def _field_problem(found: Any) -> FieldProblem:
    context = found.get("ctx", {})
    path, message, given = _without_tags(found["loc"]), _message(found), context.get("value", found["input"])
    if "field" in context:
        path.append(context["field"])
    elif "discriminator" in context:
        kind = context["discriminator"].strip("'")
        path.append(kind)
        given = given.get(kind) if isinstance(given, Mapping) else None
    elif path[-1:] == ["[key]"]:
        path, message = path[:-1], f"as a name, {message}"
    # A secret may stand under a misspelt name, or alone in place of the whole body.
    is_hidden = found["type"] == "extra_forbidden" or (not path and not isinstance(given, list | dict))
    value = None if is_hidden or _SECRET_FIELDS & {str(part) for part in path} else shown(given)
    if found["type"] in {"missing", "value_error"} and isinstance(found["input"], dict):
        value = None  # the input is the whole body, which does not help to find the field
    field = ".".join(str(part) for part in path)
    if len(field) > _FIELD_CHARACTERS:
        field = field[:_FIELD_CHARACTERS] + "..."  # a name may have a million characters, and be refused for that
    return FieldProblem(field=field, message=message, value=value)


def _message(found: Any) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if context.get("field_type") == "Value" and kind in {"too_short", "too_long"}:
        kind = f"string_{kind}"  # pydantic's name where a text is checked by a function of ours first
    if kind.startswith("union_tag_"):
        is_missing = kind == "union_tag_not_found"
        allowed = ", ".join(_KINDS[context["discriminator"].strip("'")])
        return f"{'is missing; ' if is_missing else ''}must be one of {allowed}"
    if kind in {"string_too_short", "too_short"} and context["min_length"] == 1:
        return "must not be empty"
    if kind in _SAYS:
        return _SAYS[kind].format(**context)
    if kind in LIBRARY_TYPES and kind != "value_error":
        return "is not valid"
    return str(found["msg"]).removeprefix("Value error, ")


def _without_tags(path: Sequence[str | int]) -> list[str | int]:
    # pydantic names the branch of a union between a covariate and its field: covars.color.cat.options.
    # On the websocket it names the operation first: tell.covars.color.
    parts = list(path[1:] if path and path[0] in _OPERATIONS else path)
    start = _EXPORTED.get(str(parts[0]), 0) if parts else 0
    if len(parts) > start + 2 and parts[start + 2] in _TAGS.get(str(parts[start]), ()):
        del parts[start + 2]
    return parts
