"""Suggestions: what to try next, and where it came from."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from autotune_wire.base import Configuration, Moment, Reply, Request

Source = Literal["guess", "sobol", "model"]
MAX_ASK = 100


class Suggestion(Reply):
    """A configuration that the engine proposes."""

    suggestion_uuid: UUID
    covars: Configuration
    source: Source = Field(
        description="The user's guess, a Sobol point of the initial design, or the model's acquisition."
    )
    reason: str = Field(description="Why this one, in a sentence.")
    mean: float | None = Field(description="Predicted response, in its own unit; None where there is no model.")
    sd: float | None = Field(description="Standard deviation of that prediction, same unit.")
    data_rev: int = Field(description="The number of tells that the engine knew when it computed this.")
    time_created: Moment


class Ask(Request):
    """The body of ``POST /experiment/ask/{exp_uuid}``."""

    n: int = Field(default=1, strict=True, ge=1, le=MAX_ASK, description="How many suggestions to take.")


class AskReply(Reply):
    """Suggestions, as data and, for pandas' ``read_json``, as JSON text."""

    exp_uuid: UUID
    time_updated: Moment
    covars_next_exp: str = Field(description='JSON text of a list of records, one per suggestion: `[{"x": 1}]`.')
    suggestions: list[Suggestion]
