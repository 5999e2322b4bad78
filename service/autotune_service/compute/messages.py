"""What a worker and its engine processes send each other: a job there, its result back."""

from typing import Literal

from pydantic import BaseModel, Field

from autotune_service.engine.interface import EngineInput, Insights, Prediction, Suggestion
from autotune_wire.base import Configuration


class Job(BaseModel):
    """What an engine process is to compute.

    Attributes:
        given: The engine's input.
        kind: What is wanted: suggestions, predictions or insights.
        explore_because: Why the model failed; the suggestions are then made without it.
        configurations: What to predict, for a job of the kind predict.
    """

    given: EngineInput
    kind: Literal["suggest", "predict", "insights"] = "suggest"
    explore_because: str | None = None
    configurations: list[Configuration] = Field(default_factory=list)


class Result(BaseModel):
    """What came of a job, or why it failed; a process that is warm sends an empty result first."""

    suggestions: list[Suggestion] = Field(default_factory=list)
    best_predicted: tuple[Configuration, Prediction] | None = None
    predictions: list[dict[str, Prediction]] = Field(default_factory=list)
    insights: Insights | None = None
    seconds: float = 0.0
    failure: str | None = None
    traceback: str | None = None
