"""Responses: what is measured, and what is wanted of it."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from autotune_wire.base import Name, Number, Request
from autotune_wire.problems import FieldProblem

MAX_RESPONSES = 8
MAX_OBJECTIVES = 4
RESPONSE = "Response"
"""The name of the one response of an experiment that names none."""


class Objective(Request):
    """A response of which more, or less, is better; two to four of them give a Pareto front."""

    goal: Literal["maximize", "minimize"]
    reference: Number | None = Field(
        default=None,
        description="The worst value still of interest (the Pareto front's reference point); inferred where absent.",
    )


class Threshold(Request):
    """A response that has to stay on one side of a bound: an outcome constraint."""

    goal: Literal[">=", "<="]
    bound: Number = Field(description="In the response's own unit; the bound itself is still good.")


Response = Annotated[Objective | Threshold, Field(discriminator="goal")]
Responses = dict[Name, Response]
"""The responses by name, in the order the user gave; the first objective is the primary one."""


def objectives_of(responses: Mapping[str, Response]) -> dict[str, Objective]:
    """Give the responses of which more or less is better, by name."""
    return {name: response for name, response in responses.items() if isinstance(response, Objective)}


def thresholds_of(responses: Mapping[str, Response]) -> dict[str, Threshold]:
    """Give the responses that have to stay on one side of a bound, by name."""
    return {name: response for name, response in responses.items() if isinstance(response, Threshold)}


def primary_of(responses: Mapping[str, Response]) -> tuple[str, Objective]:
    """Give the first objective, with its name; every experiment has one."""
    return next(iter(objectives_of(responses).items()))


def response_problems(responses: Mapping[str, Response], covariates: Iterable[str]) -> list[FieldProblem]:
    """Say what is wrong among the responses of an experiment, each of which is valid by itself."""
    n_objectives = len(objectives_of(responses))
    problems = [
        FieldProblem(field=f"responses.{name}", message="is the name of a covariate; a response needs its own")
        for name in covariates
        if name in responses
    ]
    if not 1 <= n_objectives <= MAX_OBJECTIVES:
        message = f"1 to {MAX_OBJECTIVES} responses must have the goal maximize or minimize, {n_objectives} have"
        problems.append(FieldProblem(field="responses", message=message))
    return problems
