"""What the model knows: predictions of any configuration, and what the model has learnt about the experiment."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from autotune_wire.base import Configuration, Reply, Request, Value
from autotune_wire.experiments import Best, BestPredicted
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


class LeftOut(Reply):
    """An observed response, and its prediction by a model that does not know this observation (leave one out)."""

    observation_uuid: UUID
    observed: float
    mean: float
    sd: float


class SlicePoint(Reply):
    """The prediction for one value of one covariate, while the other covariates keep their values."""

    value: Value
    mean: float
    sd: float


class ParetoPoint(Reply):
    """An observation on the Pareto front: no other is better in one objective and at least as good in the others."""

    observation_uuid: UUID
    covars: Configuration
    responses: dict[str, float]


class InsightsReply(Reply):
    """What the observations and the model show about the experiment."""

    data_rev: int = Field(description="The revision of the data that the model was fitted to.")
    n_observations: int
    leave_one_out: dict[str, list[LeftOut]] = Field(
        description="By response: each observation and its leave-one-out prediction, which shows how well the model "
        "predicts."
    )
    importance: dict[str, dict[str, float]] = Field(
        description="By response: each covariate's share in the variation of the predicted mean. A response whose "
        "model is flat is missing."
    )
    slices: dict[str, dict[str, list[SlicePoint]]] = Field(
        description="By response and covariate: predictions along that covariate, with the other covariates at the "
        "best point."
    )
    pareto: list[ParetoPoint] = Field(
        description="The observations on the Pareto front; with one objective, the best observation."
    )
    hypervolume: float | None = Field(
        description="The volume that the Pareto front dominates above the reference point, in the product of the "
        "objectives' units."
    )
    reference: dict[str, float] | None = Field(description="The reference point of the hypervolume, by objective.")
    best_observed: Best | None
    best_predicted: BestPredicted | None
    feasible_share: float | None = Field(
        description="The share of the space where runs are predicted to work and to meet every threshold; null if no "
        "run failed and there are no thresholds."
    )
