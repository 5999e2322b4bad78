"""What the model knows: predictions of any configuration, and what the model has learnt about the experiment."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from autotune_wire.base import Configuration, Name, Reply, Request, Value
from autotune_wire.candidates import RankedCandidate
from autotune_wire.experiments import Best, BestPredicted
from autotune_wire.learning import EarlierWeight
from autotune_wire.suggestions import Predicted

MAX_PREDICT = 1000


class Predict(Request):
    """The body of ``POST /experiment/{exp_uuid}/predict``."""

    configurations: Annotated[list[Configuration], Field(min_length=1, max_length=MAX_PREDICT)]


class PredictReply(Reply):
    """The predictions, in the order of the configurations in the request."""

    data_rev: int = Field(description="The revision of the data that the model was fitted to.")
    predictions: list[dict[str, Predicted]] = Field(
        description="One object per configuration: predictions by response."
    )
    why_not: list[str | None] = Field(
        default_factory=list,
        description="For each configuration, why it would not be suggested: the value outside the space or the "
        "constraint that it breaks; null if it may be.",
    )


class LeftOut(Reply):
    """An observed response, and its prediction by a model that does not know this observation (leave one out)."""

    observation_uuid: UUID
    observed: float
    mean: float
    sd: float


class SlicePoint(Reply):
    """The prediction for one value of one covariate, while the other covariates keep their values.

    If the covariate is a share of a mixture, the other shares grow or shrink in proportion, so that the sum stays.
    """

    value: Value
    mean: float
    sd: float
    why_not: str | None = Field(
        default=None,
        description="Why a run here would not be suggested: the constraint that it breaks, or the threshold that it is "
        "predicted to miss; null if it may be.",
    )


class ParetoPoint(Reply):
    """An observation on the Pareto front: no other is better in one objective and at least as good in the others."""

    observation_uuid: UUID
    covars: Configuration
    responses: dict[str, float]


class HealthNote(Reply):
    """Something that makes the model or the experiment less useful than it could be, and what to do about it."""

    kind: str = Field(description="A short name of the finding, such as `border`; a newer service may have others.")
    response: str | None = Field(default=None, description="The response that the finding is about, if about one.")
    finding: str
    advice: str


class BestInContext(Reply):
    """The configuration, of those that were run in one context, whose predicted primary response is best."""

    context: Configuration = Field(description="The value of each context covariate.")
    covars: Configuration
    mean: float = Field(description="Predicted primary response, in its own unit.")
    sd: float


class InsightsReply(Reply):
    """What the observations and the model show about the experiment."""

    data_rev: int = Field(description="The revision of the data that the model was fitted to.")
    n_observations: int
    n_used: int | None = Field(
        default=None,
        description="How many observations the models behind these insights use: of very many, representatives.",
    )
    verdict: str = Field(default="", description="What the experiment has found so far, in a sentence or two.")
    earlier: list[EarlierWeight] = Field(
        default_factory=list,
        description="How much each earlier experiment counts in the model of each response; empty if this experiment "
        "learns from none.",
    )
    health: list[HealthNote] = Field(default_factory=list, description="What could be better, the gravest first.")
    not_varied: list[Name] = Field(
        default_factory=list, description="The covariates that had one value in all runs; they have no importance yet."
    )
    noise_sds: dict[str, float] = Field(
        default_factory=dict,
        description="By response: the standard deviation that the model expects between repeats of one run, in the "
        "response's unit. The predictions of slices and of the best are without it.",
    )
    best_by_context: list[BestInContext] = Field(
        default_factory=list,
        description="The best predicted run in each context, that of the newest run first; empty without contexts.",
    )
    leave_one_out: dict[str, list[LeftOut]] = Field(
        description="By response: each observation and its leave-one-out prediction, which shows how well the model "
        "predicts."
    )
    importance: dict[str, dict[str, float]] = Field(
        description="By response: each covariate's share in the variation of the predicted mean. A response whose "
        "model is flat is missing."
    )
    descriptors: dict[str, dict[str, dict[str, float]]] = Field(
        default_factory=dict,
        description="By response and covariate with descriptors: each descriptor's share in how unlike the model takes "
        "two options to be, the largest first. The shares sum to 1.",
    )
    slices: dict[str, dict[str, list[SlicePoint]]] = Field(
        description="By response and covariate: predictions along that covariate, with the other covariates as in the "
        "best predicted configuration."
    )
    pareto: list[ParetoPoint] = Field(
        description="The observations on the Pareto front; with one objective, the best observation."
    )
    hypervolume: float | None = Field(
        description="The volume that the Pareto front dominates above the reference point, in the product of the "
        "objectives' units."
    )
    reference: dict[str, float] | None = Field(
        description="The reference point of the hypervolume, by objective; of a target to match, a distance from it."
    )
    candidates: list[RankedCandidate] = Field(
        default_factory=list,
        description="Of an experiment with a list: the rows that are left and not pending whose predicted primary "
        "response is best, the best first, at most ten.",
    )
    best_observed: Best | None
    best_predicted: BestPredicted | None
    feasible_share: float | None = Field(
        description="The share of the space where runs are predicted to work and to meet every threshold; null if no "
        "run failed and there are no thresholds."
    )
