"""Suggestions: what to try next, and where it came from."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, Json

from autotune_wire.base import Configuration, Moment, Reply, Request
from autotune_wire.space import MAX_COVARIATES

Source = Literal["guess", "sobol", "model"]
MAX_ASK = 100

Fixed = Annotated[Configuration, Field(max_length=MAX_COVARIATES)]
"""Values that an ask fixes: of context covariates, which it must give, and of any other."""


class Predicted(Reply):
    """What the model expects of one response, in its own unit."""

    mean: float
    sd: float = Field(description="Standard deviation of the prediction.")


class Suggestion(Reply):
    """A configuration that the engine proposes."""

    suggestion_uuid: UUID
    covars: Configuration
    fixed: Configuration = Field(default_factory=dict, description="The values that the ask fixed.")
    source: Source = Field(
        description="The user's guess, a Sobol point of the initial design, or the model's acquisition."
    )
    reason: str = Field(description="Why this one, in a sentence.")
    mean: float | None = Field(description="Predicted primary response, in its own unit; None where there is no model.")
    sd: float | None = Field(description="Standard deviation of that prediction, same unit.")
    predictions: dict[str, Predicted] = Field(
        default_factory=dict, description="Predictions of all responses; empty where there is no model."
    )
    acquisition: float | None = Field(
        default=None,
        description="Expected improvement of the primary response, in its own unit; None for other acquisitions.",
    )
    engine_version: str | None = Field(default=None, description="The version of AutoTune that computed it.")
    seed: int | None = Field(default=None, description="The seed that it was computed with.")
    data_rev: int = Field(
        description="The revision of the data that the engine knew: each observation raises it by one, and so does "
        "each change of the space."
    )
    data_seq: int | None = Field(default=None, description="The seq of the last event that the engine knew.")
    seconds: float | None = Field(default=None, description="How long the engine took, for all that it gave at once.")
    time_created: Moment


class Ask(Request):
    """The body of ``POST /experiment/ask/{exp_uuid}``."""

    n: int = Field(default=1, strict=True, ge=1, le=MAX_ASK, description="How many suggestions to take.")
    fixed: Fixed = Field(
        default_factory=dict, description="Values to keep fixed; those of all context covariates must be given."
    )


class AskQuery(Request):
    """The query of ``GET /experiment/ask/{exp_uuid}``."""

    fixed: Json[Fixed] = Field(default_factory=dict, description='As in the POST, as a JSON object: `{"oven": "b"}`.')


class AskReply(Reply):
    """Suggestions, as data and, for pandas' ``read_json``, as JSON text."""

    exp_uuid: UUID
    time_updated: Moment
    covars_next_exp: str = Field(description='JSON text of a list of records, one per suggestion: `[{"x": 1}]`.')
    suggestions: list[Suggestion]
