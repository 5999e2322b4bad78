"""What a worker and its engine processes say to each other."""

from typing import Literal

from pydantic import BaseModel, Field

from autotune_service.engine.interface import Insights, Prediction, Problem, Recommendation
from autotune_wire.base import Configuration


class Request(BaseModel):
    """What to find out about a problem; with ``explore_because``, suggestions without the model, which failed."""

    problem: Problem
    kind: Literal["suggest", "predict", "insights"] = "suggest"
    explore_because: str | None = None
    configurations: list[Configuration] = Field(default_factory=list)


class Answer(BaseModel):
    """What was asked for, or why it cannot be given; a process that is warm sends an empty one first."""

    recommendations: list[Recommendation] = Field(default_factory=list)
    best_predicted: tuple[Configuration, Prediction] | None = None
    predictions: list[dict[str, Prediction]] = Field(default_factory=list)
    insights: Insights | None = None
    seconds: float = 0.0
    failure: str | None = None
    traceback: str | None = None
