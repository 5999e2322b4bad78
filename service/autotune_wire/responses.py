"""Responses: what is measured, and whether it is maximized, minimized, brought to a target or bounded."""

import sys
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from autotune_wire.base import Name, Number, Request
from autotune_wire.problems import FieldProblem

MAX_RESPONSES = 8
MAX_OBJECTIVES = 4
RESPONSE = "Response"
"""The name of the response of an experiment that was created without ``responses``."""


class Objective(Request):
    """A response to maximize or to minimize; two to four objectives give a Pareto front."""

    goal: Literal["maximize", "minimize"]
    reference: Number | None = Field(
        default=None,
        description="The worst value still of interest (the Pareto front's reference point); inferred if absent.",
    )


class Target(Request):
    """A response to bring as near to a target value as possible, such as a pH of 7.4."""

    goal: Literal["match"]
    target: Number = Field(description="The value to match, in the response's own unit.")

    @property
    def reference(self) -> None:
        """The distance that is still of interest is always inferred."""
        return None


class Threshold(Request):
    """A response that has to stay on one side of a bound: an outcome constraint."""

    goal: Literal[">=", "<="]
    bound: Number = Field(
        description="The bound, in the response's own unit; a response equal to the bound meets the threshold."
    )


AnyObjective = Objective | Target
Response = Annotated[Objective | Target | Threshold, Field(discriminator="goal")]
Responses = dict[Name, Response]
"""The responses by name, in the order the user gave; the first objective is the primary one."""


def objectives_of(responses: Mapping[str, Response]) -> dict[str, AnyObjective]:
    """Return the responses that are maximized, minimized or brought to a target, by name."""
    return {name: response for name, response in responses.items() if isinstance(response, AnyObjective)}


def thresholds_of(responses: Mapping[str, Response]) -> dict[str, Threshold]:
    """Return the responses that have to stay on one side of a bound, by name."""
    return {name: response for name, response in responses.items() if isinstance(response, Threshold)}


def is_met(threshold: Threshold, value: float) -> bool:
    """Return whether a value meets a threshold; a value equal to the bound does."""
    return value >= threshold.bound if threshold.goal == ">=" else value <= threshold.bound


def meets_thresholds(responses: Mapping[str, Response], values: Mapping[str, float]) -> bool:
    """Return whether a run meets every threshold; a threshold whose response was not measured is not met.

    Args:
        responses: The experiment's responses.
        values: The measured value of each response, in its own unit.
    """
    return all(
        name in values and is_met(threshold, values[name]) for name, threshold in thresholds_of(responses).items()
    )


def breaks_threshold(responses: Mapping[str, Response], values: Mapping[str, float]) -> bool:
    """Return whether a run breaks a threshold: a response that was measured misses its bound.

    A run that left such a response unmeasured breaks nothing by that, and does not meet the thresholds either.

    Args:
        responses: The experiment's responses.
        values: The measured value of each response, in its own unit.
    """
    thresholds = thresholds_of(responses)
    return any(not is_met(threshold, values[name]) for name, threshold in thresholds.items() if name in values)


def lacks_threshold(responses: Mapping[str, Response], values: Mapping[str, float]) -> bool:
    """Return whether a run breaks no threshold, and left the response of one unmeasured.

    Args:
        responses: The experiment's responses.
        values: The measured value of each response, in its own unit.
    """
    return not meets_thresholds(responses, values) and not breaks_threshold(responses, values)


def primary_of(responses: Mapping[str, Response]) -> tuple[str, AnyObjective]:
    """Return the name of the first objective and the objective; every experiment has at least one."""
    return next(iter(objectives_of(responses).items()))


def merit(objective: AnyObjective, value: float) -> float:
    """Return how good a value of an objective is, in the objective's unit: of two values the higher merit is better.

    A distance from a target that is too large for a float counts as the largest one.
    """
    if isinstance(objective, Target):
        return -min(abs(value - objective.target), sys.float_info.max)
    return value if objective.goal == "maximize" else -value


def response_problems(responses: Mapping[str, Response], covariates: Iterable[str]) -> list[FieldProblem]:
    """List the problems between responses that are each valid alone: names in use, and the number of objectives."""
    n_objectives = len(objectives_of(responses))
    problems = [
        FieldProblem(
            field=f"responses.{name}", message="is also the name of a covariate; give the response another name"
        )
        for name in covariates
        if name in responses
    ]
    if not 1 <= n_objectives <= MAX_OBJECTIVES:
        message = (
            f"1 to {MAX_OBJECTIVES} responses must have the goal maximize, minimize or match; "
            f"{n_objectives} have one of them"
        )
        problems.append(FieldProblem(field="responses", message=message))
    return problems
