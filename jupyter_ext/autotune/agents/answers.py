"""What the tools return: a short text for the model, and the same as data for programs."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from mcp.types import CallToolResult, ContentBlock, TextContent
from pydantic import BaseModel, Field

from autotune.experiment import Experiment
from autotune.views.goals import goals_text
from autotune.views.shown import Observation, Suggestion, configuration_text, outcome_texts
from autotune_wire.base import Configuration
from autotune_wire.candidates import SuggestedCandidate
from autotune_wire.space import Space, units_of
from autotune_wire.suggestions import Predicted

Predictions = dict[str, Predicted]


def answer(text: str, data: BaseModel, *more: ContentBlock) -> CallToolResult:
    """Build the result of a tool.

    Args:
        text: What the model reads.
        data: The same for programs, in the form that the tool's output schema describes.
        *more: Further content, such as pictures.
    """
    content: list[ContentBlock] = [TextContent(text=text), *more]
    return CallToolResult(content=content, structured_content=data.model_dump(mode="json"))


class Listed(BaseModel):
    """An experiment in a list."""

    exp_uuid: UUID
    name: str
    state: str = Field(description="active, paused, stopped or closed.")
    goals: str = Field(description="What is measured, and what is wanted of it.")
    n_observations: int
    best_response: float | None = Field(description="The best primary response so far.")

    @classmethod
    def of(cls, experiment: Experiment) -> "Listed":
        """Return an experiment as the service sent it last."""
        best = experiment.best_seen
        return cls(
            exp_uuid=experiment.exp_uuid,
            name=experiment.name,
            state=experiment.state_seen,
            goals=goals_text(experiment.responses),
            n_observations=experiment.n_observations,
            best_response=None if best is None else best.response,
        )


class Suggested(BaseModel):
    """A configuration to run, and where it came from."""

    suggestion_uuid: UUID
    covars: Configuration
    state: str = Field(description="open, leased, told, abandoned, expired or superseded.")
    source: str = Field(description="guess, sobol or model.")
    reason: str
    predictions: Predictions = Field(description="By response; empty without a model.")
    worker: str | None = Field(description="Who has taken it.")
    lease_until: datetime | None
    candidate: SuggestedCandidate | None = Field(
        default=None, description="The row of the experiment's list that it is; null without a list."
    )

    @classmethod
    def of(cls, suggestion: Suggestion) -> "Suggested":
        """Return what an agent needs of a suggestion."""
        return cls.model_validate(suggestion.model_dump(include=set(cls.model_fields)))


class Run(BaseModel):
    """A configuration that was run, and its outcome."""

    observation_uuid: UUID
    suggestion_uuid: UUID | None
    covars: Configuration
    status: Literal["ok", "failed"]
    responses: dict[str, float]
    failed_because: str | None
    stopped_step: int | None = Field(description="The step at which the run was stopped early; null if it was not.")
    stopped_value: float | None = Field(description="Its last value then; it is no final one.")
    is_excluded: bool
    tags: list[str]
    time_created: datetime

    @classmethod
    def of(cls, observation: Observation) -> "Run":
        """Return what an agent needs of an observation."""
        return cls.model_validate(observation.model_dump(include=set(cls.model_fields)))


def listed_line(experiment: Listed) -> str:
    """Write an experiment on one line."""
    best = "nothing measured yet" if experiment.best_response is None else f"best {experiment.best_response:.6g}"
    return (
        f"- {experiment.name}: {experiment.state}, {experiment.goals}, {experiment.n_observations} runs, {best}; "
        f"exp_uuid {experiment.exp_uuid}"
    )


def suggested_line(suggestion: Suggestion, space: Space) -> str:
    """Write a suggestion on one line, with its uuid, by which it is told."""
    values = ", ".join(f"{name}={suggestion.value(name)}{_unit(space, name)}" for name in suggestion.covars)
    row = "".join(f"{name}={text}, " for name, text in suggestion.row_texts())
    taken = f", taken by {suggestion.worker}" if suggestion.state == "leased" and suggestion.worker else ""
    return (
        f"- {row}{values} (predicted {suggestion.prediction()}; {suggestion.source}: {suggestion.reason}); "
        f"suggestion_uuid {suggestion.suggestion_uuid}{taken}"
    )


def run_line(observation: Observation, space: Space) -> str:
    """Write a run and its outcome on one line."""
    outcome = ", ".join(" ".join(pair) for pair in outcome_texts(observation))
    return f"- {configuration_text(observation.covars, units_of(space))}: {outcome}"


def _unit(space: Space, name: str) -> str:
    unit = units_of(space).get(name)
    return "" if unit is None else f" {unit}"
