"""Suggestions: what to try next, and where it came from."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, Json

from autotune_wire.base import Configuration, Moment, Name, Number, Reply, Request, Text
from autotune_wire.candidates import SuggestedCandidate
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
"""The meaning of the value of an acquisition function."""

_KINDS = """The meaning of `acquisition`:

- expected_improvement: the expected gain of the run over the best so far, in the primary response's unit. With several
  objectives it is the gain in the one that the reason names, in its unit.
- aimed_higher: the expected gain of the run over a level above the best so far, in the same unit; a former engine used
  it now and then where there are options.
- expected_hypervolume_improvement: the expected gain in dominated volume, in the product of the objectives' units.
  Responses far worse than the median count less.
- probability_of_improvement: the probability that the run is better than the best so far, 0 to 1.
- mean, confidence_bound: the predicted mean of the primary response, or a bound on it, in the response's unit.
- above_worst: used instead of mean and confidence_bound once runs have failed: how far the mean or the bound is above
  the worst response to be expected.
- knowledge_gradient: the expected gain in the best predicted mean after the run, in the primary response's unit.
- information: the expected information of the run about the highest response, in nats.
- information_per_cost: that information, divided by the cost of the run.
- probability_of_success: the probability that the run works and meets the thresholds, while no objective was measured.
- greattunes: the value that the greattunes package computes, for responses scaled to mean 0 and variance 1.

If runs have failed, or there are thresholds, all kinds but mean and confidence_bound are multiplied by the probability
that the run works and meets the thresholds. A newer service may send other kinds. null if the configuration was not
chosen by a model."""
MAX_ASK = 100
DEFAULT_LEASE_S = 86_400.0
MAX_LEASE_S = 30 * 86_400.0

LeaseSeconds = Annotated[Number, Field(ge=1, le=MAX_LEASE_S)]
"""How long a suggestion is leased to the worker that took it."""

Fixed = Annotated[Configuration, Field(max_length=MAX_COVARIATES)]
"""The values that an ask fixes: those of all context covariates, which are required, and of any other covariates."""


class Predicted(Reply):
    """The model's prediction of one response, in the response's own unit."""

    mean: float
    sd: float = Field(description="Standard deviation of the prediction.")


class Suggestion(Reply):
    """A configuration to run next, with the model's predictions and where it came from."""

    suggestion_uuid: UUID
    covars: Configuration
    fixed: Configuration = Field(default_factory=dict, description="The values that the ask fixed, by covariate.")
    # Left out where there is none, as in an experiment without a list.
    candidate: SuggestedCandidate | None = Field(
        default=None,
        exclude_if=lambda candidate: candidate is None,
        description="The row of the experiment's list that this is; absent if the experiment has no list.",
    )
    source: Source = Field(
        description="Where the configuration came from: `guess` is the user's guess, `sobol` a Sobol point, of the "
        "initial design or for what the reason says, `model` the highest value of the acquisition function."
    )
    reason: str = Field(description="Why this configuration was chosen, in a sentence.")
    mean: float | None = Field(description="Predicted primary response, in its own unit; null without a model.")
    sd: float | None = Field(description="Standard deviation of the prediction, in the same unit.")
    predictions: dict[str, Predicted] = Field(
        default_factory=dict,
        description="Predictions of all responses, by name; empty without a model. The standard deviations include the "
        "noise of a measurement.",
    )
    acquisition: float | None = Field(
        default=None,
        description="The value of the acquisition function, the highest of all configurations that may be suggested; "
        "`acquisition_kind` is its meaning. null if the configuration was not chosen by a model.",
    )
    acquisition_kind: str | None = Field(default=None, description=_KINDS)
    engine_version: str | None = Field(
        default=None, description="The version of AutoTune that computed the suggestion."
    )
    seed: int | None = Field(default=None, description="The seed that the suggestion was computed with.")
    data_rev: int = Field(
        description="The revision of the data that the engine knew. Each observation, each correction and each change "
        "of the space raises the revision by one."
    )
    data_seq: int | None = Field(default=None, description="The seq of the last event that the engine knew.")
    seconds: float | None = Field(
        default=None, description="How long the engine run took, in seconds; one run may compute several suggestions."
    )
    state: str = Field(
        default="open",
        description="One of open, leased, told, abandoned, expired (its lease ended and newer data had come), "
        "superseded (replaced after newer data had come).",
    )
    worker: str | None = Field(
        default=None, description="The name of the worker that holds the lease, or held it last."
    )
    lease_until: Moment | None = Field(
        default=None,
        description="When the lease ends. The suggestion can still be told afterwards, but others may get it too.",
    )
    abandoned_because: str | None = Field(
        default=None, description="The reason given when the suggestion was abandoned."
    )
    time_created: Moment


class Ask(Request):
    """The body of ``POST /experiment/ask/{exp_uuid}``."""

    n: int = Field(default=1, strict=True, ge=1, le=MAX_ASK, description="How many suggestions to take.")
    fixed: Fixed = Field(
        default_factory=dict,
        description="Values to keep fixed, by covariate. Every context covariate must be given; its value may lie "
        "beyond its range.",
    )
    worker: Name | None = Field(
        default=None,
        description="The name of the worker that runs the suggestions; it renews their leases by the same name.",
    )
    lease_s: LeaseSeconds = Field(
        default=DEFAULT_LEASE_S,
        description="How long the suggestions are leased, in seconds. A suggestion that is neither renewed nor told by "
        "then is offered to others.",
    )


class Renew(Request):
    """The body of ``POST /experiment/{exp_uuid}/renew``."""

    suggestion_uuids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_ASK)]
    worker: Name | None = Field(default=None, description="The name of the worker that took the suggestions.")
    lease_s: LeaseSeconds = Field(
        default=DEFAULT_LEASE_S, description="How long the suggestions are leased from now on, in seconds."
    )


class Leases(Reply):
    """The suggestions whose leases were to be renewed, as they stand now."""

    suggestions: "list[Suggestion]"
    lost: list[UUID] = Field(
        description="The suggestions that the worker holds no longer: told, abandoned, expired, or taken by another."
    )


class Abandon(Request):
    """The body of ``POST /experiment/{exp_uuid}/abandon``."""

    suggestion_uuid: UUID
    reason: Annotated[Text, Field(max_length=1000)] = Field(
        default="", description="Why the suggestion will not be run."
    )


class AskQuery(Request):
    """The query of ``GET /experiment/ask/{exp_uuid}``."""

    fixed: Json[Fixed] = Field(default_factory=dict, description='`fixed` of the POST, as JSON text: `{"oven": "b"}`.')


class AskReply(Reply):
    """Suggestions, as objects and as JSON text for pandas' ``read_json``."""

    exp_uuid: UUID
    time_updated: Moment
    covars_next_exp: str = Field(description='The configurations, as JSON text of a list: `[{"x": 1}]`.')
    suggestions: list[Suggestion]
