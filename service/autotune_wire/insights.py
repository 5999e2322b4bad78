"""What the model knows: predictions of any configuration, and what it has learnt of the experiment."""

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
    """The predictions, in the order of the configurations."""

    data_rev: int = Field(description="The revision of the data that the model knows.")
    predictions: list[dict[str, Predicted]] = Field(description="By response, one dict for each configuration.")


class LeftOut(Reply):
    """An observation beside what a model that does not know it expects of it."""

    observation_uuid: UUID
    observed: float
    mean: float
    sd: float


class SlicePoint(Reply):
    """What the model expects where one covariate takes a value and the others stay."""

    value: Value
    mean: float
    sd: float


class ParetoPoint(Reply):
    """An observation that no other beats in every objective."""

    observation_uuid: UUID
    covars: Configuration
    responses: dict[str, float]


class InsightsReply(Reply):
    """What the data say and what the model makes of them."""

    data_rev: int = Field(description="The revision of the data that the model knows.")
    n_observations: int
    leave_one_out: dict[str, list[LeftOut]] = Field(description="By response: how well the model foretells its data.")
    importance: dict[str, dict[str, float]] = Field(
        description="By response: each covariate's share in what varies; a response whose model is flat is missing."
    )
    slices: dict[str, dict[str, list[SlicePoint]]] = Field(
        description="By response and covariate: the model along that covariate, through the best point."
    )
    pareto: list[ParetoPoint] = Field(description="The observations that no other beats; with one objective the best.")
    hypervolume: float | None = Field(description="What the front covers beyond the reference, in the units' product.")
    reference: dict[str, float] | None = Field(description="The reference point of the hypervolume, by objective.")
    best_observed: Best | None
    best_predicted: BestPredicted | None
    feasible_share: float | None = Field(
        description="The share of the space predicted to work and to meet every threshold; None where no run failed "
        "and there are no thresholds."
    )
