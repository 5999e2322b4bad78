"""Suggestions: what to try next, and where it came from."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, Json

from autotune_wire.base import Configuration, Moment, Name, Number, Reply, Request, Text
from autotune_wire.space import MAX_COVARIATES

Source = Literal["guess", "sobol", "model"]
State = Literal["open", "leased", "told", "abandoned", "expired", "superseded"]
AcquisitionKind = Literal[
    "expected_improvement",
    "aimed_higher",
    "expected_hypervolume_improvement",
    "probability_of_improvement",
    "mean",
    "confidence_bound",
    "above_worst",
    "knowledge_gradient",
    "information",
    "information_per_cost",
    "probability_of_success",
    "greattunes",
]
"""What an acquisition's value tells."""

_KINDS = """What the acquisition's value is:

- expected_improvement: what the run is expected to gain on the best, in the primary response's unit.
- aimed_higher: the same over more than the best, to give options another try.
- expected_hypervolume_improvement: how much more volume the run is expected to dominate; in the product of the
  objectives' units, where what is far worse than the median counts less.
- probability_of_improvement: from 0 to 1.
- mean, confidence_bound: of the primary response, in its unit.
- above_worst: how far that is above the worst that a run may be worth; these two give it where runs have failed.
- knowledge_gradient: how much better the best is expected to look after the run, in the primary response's unit.
- information: how much the run is expected to tell of the highest value, in nats; information_per_cost: the same by
  what it costs.
- probability_of_success: that the run works and meets the thresholds, where no objective was measured yet.
- greattunes: as that package computes it, of responses of mean 0 and variance 1.

Where runs have failed, or there are thresholds, all but mean and confidence_bound are times the chance that the run
works and meets them. A newer service may send others; None where no model chose."""
MAX_ASK = 100
DEFAULT_LEASE_S = 86_400.0
MAX_LEASE_S = 30 * 86_400.0

LeaseSeconds = Annotated[Number, Field(ge=1, le=MAX_LEASE_S)]
"""How long a suggestion is held for whoever took it."""

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
        description="The acquisition's value, which is the highest of all that may be suggested; acquisition_kind "
        "says what it tells. None where no model chose.",
    )
    acquisition_kind: str | None = Field(default=None, description=_KINDS)
    engine_version: str | None = Field(default=None, description="The version of AutoTune that computed it.")
    seed: int | None = Field(default=None, description="The seed that it was computed with.")
    data_rev: int = Field(
        description="The revision of the data that the engine knew: each observation raises it by one, and so does "
        "each change of the space."
    )
    data_seq: int | None = Field(default=None, description="The seq of the last event that the engine knew.")
    seconds: float | None = Field(default=None, description="How long the engine took, for all that it gave at once.")
    state: str = Field(
        default="open", description="One of State: open, leased, told, abandoned, expired (its lease), superseded."
    )
    worker: str | None = Field(default=None, description="Who holds its lease, or held it last, by its own name.")
    lease_until: Moment | None = Field(
        default=None, description="When the lease ends; it can be told afterwards too, but others may get it."
    )
    abandoned_because: str | None = Field(default=None, description="The reason given when it was abandoned.")
    time_created: Moment


class Ask(Request):
    """The body of ``POST /experiment/ask/{exp_uuid}``."""

    n: int = Field(default=1, strict=True, ge=1, le=MAX_ASK, description="How many suggestions to take.")
    fixed: Fixed = Field(
        default_factory=dict, description="Values to keep fixed; those of all context covariates must be given."
    )
    worker: Name | None = Field(default=None, description="A name for whoever runs them: leases are renewed under it.")
    lease_s: LeaseSeconds = Field(
        default=DEFAULT_LEASE_S,
        description="How long they are held, in seconds; if neither renewed nor told by then, others get them.",
    )


class Renew(Request):
    """The body of ``POST /experiment/{exp_uuid}/renew``."""

    suggestion_uuids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_ASK)]
    worker: Name | None = Field(default=None, description="The name under which they were taken.")
    lease_s: LeaseSeconds = Field(
        default=DEFAULT_LEASE_S, description="How long they are held from now on, in seconds."
    )


class Leases(Reply):
    """How the suggestions stand whose leases were to be renewed."""

    suggestions: "list[Suggestion]"
    lost: list[UUID] = Field(
        description="Those that the worker does not hold any more: told, abandoned, expired, or taken by another."
    )


class Abandon(Request):
    """The body of ``POST /experiment/{exp_uuid}/abandon``."""

    suggestion_uuid: UUID
    reason: Annotated[Text, Field(max_length=1000)] = Field(default="", description="Why it will not be run.")


class AskQuery(Request):
    """The query of ``GET /experiment/ask/{exp_uuid}``."""

    fixed: Json[Fixed] = Field(default_factory=dict, description='As in the POST, as a JSON object: `{"oven": "b"}`.')


class AskReply(Reply):
    """Suggestions, as data and, for pandas' ``read_json``, as JSON text."""

    exp_uuid: UUID
    time_updated: Moment
    covars_next_exp: str = Field(description='JSON text of a list of records, one per suggestion: `[{"x": 1}]`.')
    suggestions: list[Suggestion]
