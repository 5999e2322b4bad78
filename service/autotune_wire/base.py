"""The types that every message is built from: closed requests, open replies, storable text and finite numbers."""

import math
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

MAX_REASON_LENGTH = 1000
MAX_NAME_LENGTH = 200
_RESEMBLES = 0.7
"""How much the name of an unknown field must resemble that of a field to be a slip of the hand and no secret."""
LIBRARY_TYPES = frozenset(get_args(ErrorType))
"""The names of pydantic's own errors."""
MAX_WHOLE = 2**53
"""Largest whole number that JSON readers of every language keep exactly (RFC 8259, section 6)."""


class Request(BaseModel):
    """What a client sends: a body, a query or a frame. An unknown field is an error: most are misspelt names."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Confidential(Request):
    """A request that bears a secret. An error about it repeats nothing of what was sent.

    A secret may stand under a misspelt name or in another field, or alone in place of the whole body. So no value is
    kept in the error, and no name of an unknown field unless it resembles one of the fields.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _keep_to_itself(cls, given: Any, validate: ModelWrapValidatorHandler["Confidential"]) -> "Confidential":
        try:
            return validate(given)
        except ValidationError as error:
            details = [cls._without_values(found) for found in error.errors(include_url=False)]
            raise ValidationError.from_exception_data(error.title, details) from None

    @classmethod
    def _without_values(cls, found: ErrorDetails) -> InitErrorDetails:
        kind, context, path = found["type"], found.get("ctx", {}), found["loc"]
        if kind in LIBRARY_TYPES - {"extra_forbidden"}:
            return InitErrorDetails(type=kind, loc=path, input=None, ctx=context)
        message = found["msg"]
        if kind == "extra_forbidden":
            is_slip = get_close_matches(str(path[-1]), cls.model_fields, cutoff=_RESEMBLES)
            message = "is not a field here; it may be misspelt" if is_slip else "has a field that is not one here"
            path = path if is_slip else path[:-1]
        error = PydanticCustomError("refused", "{message}", {"message": message})
        return InitErrorDetails(type=error, loc=path, input=None)


class Reply(BaseModel):
    """What the service sends. Unknown fields are ignored, so that an older client can read a newer service."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


def storable(text: str) -> str:
    """Return the text unchanged if Postgres can store it.

    Raises:
        ValueError: If the text holds a NUL character or a lone surrogate. Neither is visible, so the message names it.
    """
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds a lone surrogate, which is not a character") from None
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is blank")
    return text


def _whole(value: Any) -> Any:
    # pandas writes a column of whole numbers as floats as soon as one value is missing.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _value(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a number or a text")
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        raise ValueError(f"a whole number must lie between -{MAX_WHOLE} and {MAX_WHOLE}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


def _option(value: Any) -> Any:
    if isinstance(value, bool):
        # Taken as a text, the option False would be true for a user's function.
        raise ValueError('must be a text or a number, not a truth value: give the texts "True" and "False"')
    if isinstance(value, str) and not 1 <= len(value) <= MAX_NAME_LENGTH:
        raise ValueError(f"a text must have 1 to {MAX_NAME_LENGTH} characters")
    return _not_blank(_value(value)) if isinstance(value, str) else _value(value)


Text = Annotated[str, Field(strict=True), AfterValidator(storable)]
Name = Annotated[
    str,
    Field(strict=True, min_length=1, max_length=MAX_NAME_LENGTH),
    AfterValidator(storable),
    AfterValidator(_not_blank),
]
Reason = Annotated[str, Field(strict=True, min_length=1, max_length=MAX_REASON_LENGTH), AfterValidator(storable)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A finite number; a bool, or a text that looks like a number, is refused."""

Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=-MAX_WHOLE, le=MAX_WHOLE)]
Value = Annotated[int | float | str, BeforeValidator(_value)]
"""A value of a covariate: a whole number, a finite number or an option. The type is kept: 8 is not "8"."""

Option = Annotated[int | float | str, BeforeValidator(_option)]
"""One option of a `cat` covariate: a number, or a text of 1 to 200 characters that is not blank."""

IDEMPOTENCY_HEADER = "Idempotency-Key"
Key = Annotated[str, Field(strict=True, min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
"""The name that a sender gives a request, so that the request is carried out once, however often it is sent."""

Configuration = dict[str, Value]
"""A value for every covariate, by the covariate's name."""

Moment = datetime
"""An aware UTC time, ISO 8601 on the wire."""
