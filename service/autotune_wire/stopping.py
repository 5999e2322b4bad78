"""Stop rules: when an experiment has had enough runs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from autotune_wire.base import Moment, Number, Reply, Request
from autotune_wire.problems import FieldProblem

MAX_BUDGET = 1_000_000
StopRule = Literal["budget", "plateau", "target", "min_expected_gain"]

_Runs = Annotated[int, Field(strict=True, ge=1, le=MAX_BUDGET)]


class Plateau(Request):
    """No more progress: the last runs together gained too little over the best one before them."""

    n_runs: _Runs = Field(description=f"How many runs may pass, 1 to {MAX_BUDGET}; failed ones count.")
    min_gain: Annotated[Number, Field(ge=0)] = Field(
        default=0.0, description="A gain of more than this is progress; in the response's unit, 0 or more."
    )


class StopRules(Request):
    """When to propose nothing more: as soon as one of the rules given is met. Any but ``budget`` need one objective."""

    budget: _Runs | None = Field(
        default=None, description=f"Stop after this many runs, 1 to {MAX_BUDGET}; failed ones count."
    )
    plateau: Plateau | None = Field(default=None, description="Stop when the last runs gained too little.")
    target: Number | None = Field(
        default=None, description="Stop when the objective is this good; in the response's unit."
    )
    min_expected_gain: Annotated[Number, Field(gt=0)] | None = Field(
        default=None,
        description="Stop when the model expects less gain than this from the next run: what a run costs, "
        "in the response's unit; more than 0.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.rules():
            raise ValueError("give at least one of budget, plateau, target, min_expected_gain; or leave stop out")
        return self

    def rules(self) -> list[StopRule]:
        """Name the rules that are given."""
        given: dict[StopRule, object] = {
            "budget": self.budget,
            "plateau": self.plateau,
            "target": self.target,
            "min_expected_gain": self.min_expected_gain,
        }
        return [rule for rule, value in given.items() if value is not None]


class Stopped(Reply):
    """That an experiment's stop rule was met."""

    rule: str = Field(description="One of budget, plateau, target, min_expected_gain; a newer service may send others.")
    reason: str = Field(description="Why, in a sentence with the numbers.")
    at: Moment


def stop_problems(stop: StopRules | None, n_objectives: int) -> list[FieldProblem]:
    """Say which stop rules do not fit several objectives."""
    if stop is None or n_objectives <= 1:
        return []
    message = f"needs one objective, there are {n_objectives}; with several, stop by budget"
    return [FieldProblem(field=f"stop.{rule}", message=message) for rule in stop.rules() if rule != "budget"]
