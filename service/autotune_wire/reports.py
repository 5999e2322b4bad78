"""Reports of a run under way: its curve, the rule that stops a run early, and the verdict on each report."""

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from autotune_wire.base import MAX_WHOLE, Moment, Name, Number, Reply, Request
from autotune_wire.problems import FieldProblem
from autotune_wire.responses import AnyObjective, Response, objectives_of, primary_of
from autotune_wire.space import listed
from autotune_wire.suggestions import DEFAULT_LEASE_S, LeaseSeconds

EarlyStopRule = Literal["median", "successive_halving"]

MAX_REPORTS = 1000
"""Most steps of one run that are reported. A run of more steps reports every tenth, or every hundredth."""

MAX_ALL_REPORTS = 100_000
"""Most steps that the runs of one experiment report, all runs together; a service may have a lower limit."""

MAX_CURVES = 1000
"""Most runs that are compared with one that reports, that the model learns the gains of, and that a reply has."""

DEFAULT_MIN_STEPS = 1
DEFAULT_MIN_RUNS = 5
DEFAULT_REDUCTION_FACTOR = 4
MAX_REDUCTION_FACTOR = 100

Step = Annotated[int, Field(strict=True, ge=0, le=MAX_WHOLE)]
"""How far a run has come, in whole numbers of the user's own unit: epochs, minutes, layers."""


class EarlyStop(Request):
    """The rule by which runs that report their values are told to stop early.

    - ``median`` stops a run whose best value so far is worse than the median of the completed runs' averages up to the
      same step.
    - ``successive_halving`` lets only the best 1 of ``reduction_factor`` runs go on at each of the steps ``min_steps``,
      ``min_steps`` times ``reduction_factor``, and so on.
    """

    rule: EarlyStopRule = Field(description="`median` or `successive_halving`.")
    response: Name | None = Field(
        default=None,
        description="The objective that is reported; the first objective if absent.",
    )
    min_steps: Annotated[int, Field(strict=True, ge=1, le=MAX_WHOLE)] = Field(
        default=DEFAULT_MIN_STEPS, description="No run is stopped before this step, 1 or more."
    )
    min_runs: Annotated[int, Field(strict=True, ge=1, le=10_000)] = Field(
        default=DEFAULT_MIN_RUNS,
        description="No run is stopped before so many other runs can be compared with it, 1 to 10000: runs that were "
        "completed for `median`, runs that have come as far for `successive_halving`.",
    )
    reduction_factor: Annotated[int, Field(strict=True, ge=2, le=MAX_REDUCTION_FACTOR)] | None = Field(
        default=None,
        description=f"Of how many runs one goes on, 2 to {MAX_REDUCTION_FACTOR}; {DEFAULT_REDUCTION_FACTOR} if absent. "
        "Only with successive_halving.",
    )


class Report(Request):
    """The body of ``POST /experiment/{exp_uuid}/report``: one value of a run under way."""

    suggestion_uuid: UUID = Field(description="The suggestion that is being run.")
    step: Step = Field(description="How far the run has come: a whole number, 0 or more. Steps may come in any order.")
    value: Number = Field(
        description="The value there of the response that the experiment compares. A value for a step that was "
        "reported before replaces the value of before."
    )
    lease_s: LeaseSeconds = Field(
        default=DEFAULT_LEASE_S,
        description="If the suggestion is leased, its lease lasts at least so long from now on, in seconds.",
    )


class Verdict(Reply):
    """The reply to a report: whether to go on with the run."""

    suggestion_uuid: UUID
    step: int = Field(description="The step of this report.")
    should_stop: bool = Field(
        description="Whether to stop the run: true from the report on at which the rule first said so."
    )
    why: str | None = Field(description="Why, in a sentence with the numbers; null if the run is to go on.")
    n_reports: int = Field(description="How many steps of this run are reported.")


class Curve(Reply):
    """The reported values of one run."""

    suggestion_uuid: UUID
    state: str = Field(
        description="One of running, completed, stopped (told as stopped early), failed, ended (the suggestion was "
        "abandoned, or its lease ended)."
    )
    observation_uuid: UUID | None = Field(description="The run's observation; null while none is told.")
    steps: list[int] = Field(description="The steps that were reported, in ascending order.")
    values: list[float] = Field(description="The value at each of these steps.")
    should_stop: bool = Field(description="Whether the rule said that the run should be stopped.")
    why: str | None = Field(description="Why, in a sentence; null if the rule did not say so.")
    time_updated: Moment = Field(description="When the newest report came.")


class Curves(Reply):
    """The curves of an experiment's runs, in the order in which the runs first reported."""

    response: str = Field(description="The response that the values are of.")
    curves: list[Curve]


class CurvesQuery(Request):
    """The query of an experiment's curves."""

    newest: int = Field(
        default=MAX_CURVES,
        ge=1,
        le=MAX_CURVES,
        description="At most so many curves: those of the runs that began to report last.",
    )


def reported_of(early_stop: EarlyStop | None, responses: Mapping[str, Response]) -> tuple[str, AnyObjective]:
    """Return the name of the objective that reports are of, and the objective."""
    if early_stop is None or early_stop.response is None:
        return primary_of(responses)
    return early_stop.response, objectives_of(responses)[early_stop.response]


def early_stop_problems(early_stop: EarlyStop | None, responses: Mapping[str, Response]) -> list[FieldProblem]:
    """List what of an early stop does not fit the rule or the responses."""
    if early_stop is None:
        return []
    problems = []
    objectives = objectives_of(responses)
    if early_stop.response is not None and early_stop.response not in objectives:
        message = f"must be a response to maximize, minimize or match: {listed([*objectives])}"
        problems.append(FieldProblem(field="early_stop.response", message=message, value=early_stop.response))
    if early_stop.reduction_factor is not None and early_stop.rule != "successive_halving":
        message = "is for the rule successive_halving: leave it out"
        value = early_stop.reduction_factor
        problems.append(FieldProblem(field="early_stop.reduction_factor", message=message, value=value))
    return problems
