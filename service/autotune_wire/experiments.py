"""Experiments: what a user describes, and what the service tells of it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from autotune_wire.base import Configuration, Moment, Name, Reply, Request, Text
from autotune_wire.space import MAX_COVARIATES, Space

Direction = Literal["maximize", "minimize"]
ModelType = Literal["SingleTaskGP"]
AcqFunc = Literal["ExpectedImprovement", "NoisyExpectedImprovement"]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]

MAX_DESCRIPTION_LENGTH = 10_000


class NewExperiment(Request):
    """The body of ``POST /experiment/new``."""

    name: Name
    description: Annotated[Text, Field(max_length=MAX_DESCRIPTION_LENGTH)] = ""
    covars: Annotated[Space, Field(min_length=1, max_length=MAX_COVARIATES)]
    model_type: ModelType = "SingleTaskGP"
    acq_func: AcqFunc = "ExpectedImprovement"
    direction: Direction = "maximize"
    seed: Seed | None = Field(default=None, description="Where nothing is given, the service draws one and tells it.")


class Best(Reply):
    """The observation with the best response so far."""

    observation_uuid: UUID
    covars: Configuration
    response: float


class Experiment(Reply):
    """An experiment as the service tells it."""

    exp_uuid: UUID
    name: str
    description: str
    covars: Space
    model_type: str
    acq_func: str
    direction: Direction
    seed: int
    state: Literal["active", "closed"]
    n_observations: int
    best: Best | None
    last_seq: int = Field(description="The seq of the newest event: follow the stream with ?after= this.")
    time_created: Moment
    time_updated: Moment


class ExperimentPage(Reply):
    """A page of experiments, newest first; ``next`` is the cursor of the page after, None on the last one."""

    experiments: list[Experiment]
    next: str | None


class PageQuery(Request):
    """The query of a paged list."""

    limit: int = Field(default=50, ge=1, le=1000)
    after: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="The `next` of the page before."
    )
