"""The messages between a worker and its engine processes: the worker sends a job, the process its result."""

from typing import Literal

from pydantic import BaseModel, Field, TypeAdapter

from autotune_service.engine.interface import Best, CandidateBlock, EngineInput, Insights, Prediction, Run, Suggestion
from autotune_wire.base import Configuration

RUNS: TypeAdapter[list[Run]] = TypeAdapter(list[Run])
"""Runs that follow a job in messages of their own."""

BLOCK: TypeAdapter[CandidateBlock] = TypeAdapter(CandidateBlock)
"""Rows of a list of candidates, which follow a job and its runs."""


class Job(BaseModel):
    """A computation that an engine process is to do.

    Attributes:
        given: The engine's input.
        kind: Whether to compute suggestions, predictions or insights.
        explore_because: Why the model failed, if it did: the suggestions are then made without it.
        configurations: The configurations to predict; only for a job of the kind predict.
        n_slices: How many messages with further runs follow this one.
        n_blocks: How many messages with rows of the list of candidates follow those.
    """

    given: EngineInput
    kind: Literal["suggest", "predict", "insights"] = "suggest"
    explore_because: str | None = None
    configurations: list[Configuration] = Field(default_factory=list)
    n_slices: int = 0
    n_blocks: int = 0


class Result(BaseModel):
    """The result of a job, or why the job failed; an engine process that is warm sends an empty result first."""

    suggestions: list[Suggestion] = Field(default_factory=list)
    best_predicted: Best | None = None
    predictions: list[dict[str, Prediction]] = Field(default_factory=list)
    insights: Insights | None = None
    seconds: float = 0.0
    failure: str | None = None
    traceback: str | None = None
