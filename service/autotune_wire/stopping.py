"""Stop rules: when an experiment has had enough runs."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from autotune_wire.base import Moment, Number, Reply, Request
from autotune_wire.problems import FieldProblem
from autotune_wire.responses import Response, objectives_of

MAX_BUDGET = 1_000_000
StopRule = Literal["budget", "plateau", "target", "min_expected_gain"]

_Runs = Annotated[int, Field(strict=True, ge=1, le=MAX_BUDGET)]


class Plateau(Request):
    """No more progress: the best of the last runs gained too little over the best run before them."""

    n_runs: _Runs = Field(description=f"How many runs to wait for progress, 1 to {MAX_BUDGET}; failed runs count.")
    min_gain: Annotated[Number, Field(ge=0)] = Field(
        default=0.0, description="A gain of more than this counts as progress; in the response's unit, 0 or more."
    )


class StopRules(Request):
    """The rules by which an experiment stops suggesting, as soon as one of them is met.

    All rules but ``budget`` need an experiment with one objective.
    """

    budget: _Runs | None = Field(
        default=None, description=f"Stop after this many runs, 1 to {MAX_BUDGET}; failed runs count."
    )
    plateau: Plateau | None = Field(default=None, description="Stop when the last runs gained too little.")
    target: Number | None = Field(
        default=None, description="Stop when the objective has reached this value, in the response's unit."
    )
    min_expected_gain: Annotated[Number, Field(gt=0)] | None = Field(
        default=None,
        description="Stop when the model expects the next run to gain less than this. A good choice is the cost of a "
        "run, in the response's unit; more than 0.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.rules():
            raise ValueError("give at least one of budget, plateau, target, min_expected_gain; or leave stop out")
        return self

    def rules(self) -> list[StopRule]:
        """List the rules that are given."""
        given: dict[StopRule, object] = {
            "budget": self.budget,
            "plateau": self.plateau,
            "target": self.target,
            "min_expected_gain": self.min_expected_gain,
        }
        return [rule for rule, value in given.items() if value is not None]


class Stopped(Reply):
    """The stop rule of an experiment that was met, when and why."""

    rule: str = Field(description="One of budget, plateau, target, min_expected_gain; a newer service may send others.")
    reason: str = Field(description="Why the rule was met, in a sentence with the numbers.")
    at: Moment


def stop_problems(stop: StopRules | None, responses: Mapping[str, Response]) -> list[FieldProblem]:
    """List the stop rules that are given but cannot be used with the responses."""
    if stop is None:
        return []
    objectives = objectives_of(responses)
    if len(objectives) > 1:
        message = f"needs an experiment with one objective, this one has {len(objectives)}; use budget instead"
        return [FieldProblem(field=f"stop.{rule}", message=message) for rule in stop.rules() if rule != "budget"]
    if stop.target is not None and any(objective.goal == "match" for objective in objectives.values()):
        message = "is for a response to maximize or minimize, and this one is to match a value; use budget or plateau"
        return [FieldProblem(field="stop.target", message=message, value=stop.target)]
    return []
