"""Experiments: how a user describes an experiment, and how the service returns it."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from autotune_wire.base import Configuration, Moment, Name, Reply, Request, Text, Value
from autotune_wire.candidates import MAX_CANDIDATES, ROWS_HELP, CandidateList, Rows, cell_problems
from autotune_wire.constraints import MAX_CONSTRAINTS, Constraint, constraint_problems, repeated_values
from autotune_wire.learning import MAX_EARLIER, MAX_EARLIER_RUNS, EarlierExperiment
from autotune_wire.names import name_problems
from autotune_wire.pausing import Paused
from autotune_wire.problems import FieldProblem, validation_error
from autotune_wire.reports import EarlyStop, early_stop_problems
from autotune_wire.responses import (
    MAX_OBJECTIVES,
    MAX_RESPONSES,
    RESPONSE,
    AnyObjective,
    Objective,
    Responses,
    primary_of,
    response_problems,
)
from autotune_wire.space import MAX_COVARIATES, Space, space_problems
from autotune_wire.stopping import Stopped, StopRules, stop_problems
from autotune_wire.suggestions import Predicted

Direction = Literal["maximize", "minimize"]
EngineName = Literal["autotune", "greattunes"]
ModelType = Literal["SingleTaskGP", "FixedNoiseGP", "HeteroskedasticSingleTaskGP", "SimpleCustomMaternGP"]
AcqFunc = Literal[
    "auto",
    "ExpectedImprovement",
    "NoisyExpectedImprovement",
    "PosteriorMean",
    "ProbabilityOfImprovement",
    "UpperConfidenceBound",
    "qExpectedImprovement",
    "qNoisyExpectedImprovement",
    "qProbabilityOfImprovement",
    "qSimpleRegret",
    "qUpperConfidenceBound",
    "qKnowledgeGradient",
    "qMaxValueEntropy",
    "qMultiFidelityMaxValueEntropy",
]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]

MAX_DESCRIPTION_LENGTH = 10_000

_Covars = Annotated[Space, Field(min_length=1, max_length=MAX_COVARIATES)]
_Constraints = Annotated[list[Constraint], Field(max_length=MAX_CONSTRAINTS)]
_SPACE_HELP = f"The covariates by name, 1 to {MAX_COVARIATES}."
_CONSTRAINTS_HELP = f"The constraints that every suggestion must meet, {MAX_CONSTRAINTS} at most."


class NewExperiment(Request):
    """The body of ``POST /experiment/new``."""

    name: Name
    description: Annotated[Text, Field(max_length=MAX_DESCRIPTION_LENGTH)] = ""
    covars: _Covars = Field(description=_SPACE_HELP)
    responses: Annotated[Responses, Field(min_length=1, max_length=MAX_RESPONSES)] | None = Field(
        default=None,
        description=f"The measured responses by name, 1 to {MAX_RESPONSES}; 1 to {MAX_OBJECTIVES} of them must have "
        f"the goal maximize, minimize or match. If absent, there is one response, {RESPONSE}, whose goal is "
        "`direction`.",
    )
    direction: Direction = Field(
        default="maximize",
        description="Whether a higher or a lower response is better. Leave it out if `responses` is given: the first "
        "objective's goal counts then.",
    )
    constraints: _Constraints = Field(default_factory=list, description=_CONSTRAINTS_HELP)
    candidates: Annotated[Rows, Field(min_length=1)] | None = Field(
        default=None,
        description=f"A list of rows, at most {MAX_CANDIDATES}: every suggestion is then one of them. More rows than "
        f"one body may hold are added afterwards. {ROWS_HELP}",
    )
    engine: EngineName = Field(
        default="autotune",
        description="The engine that computes suggestions: AutoTune's own models, or the greattunes package.",
    )
    model_type: ModelType = Field(default="SingleTaskGP", description="The surrogate model.")
    acq_func: AcqFunc = Field(
        default="auto", description="The acquisition function; `auto` chooses one that fits the problem."
    )
    stop: StopRules | None = Field(
        default=None,
        description="The rules by which the experiment stops suggesting. If absent, it goes on until closed.",
    )
    early_stop: EarlyStop | None = Field(
        default=None,
        description="The rule by which runs that report their values are told to stop early. If absent, none is.",
    )
    seed: Seed | None = Field(
        default=None,
        description="The engine's seed: the same data and the same seed give the same suggestion. If absent, the "
        "service draws a seed and returns it.",
    )
    learn_from: Annotated[list[UUID], Field(max_length=MAX_EARLIER)] = Field(
        default_factory=list,
        description=f"Earlier experiments to learn from, {MAX_EARLIER} at most: each has all these covariates, by the "
        "same names, and at least one of the responses. Ranges, options and goals may differ. What they have measured "
        f"so far is taken over, of each the newest {MAX_EARLIER_RUNS} runs, and counts by a weight that the model "
        "learns: where they mislead, it goes to nothing.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        responses = self.responses_or_default()
        problems = name_problems(self.covars, {"name": self.name} | {f"responses.{name}": name for name in responses})
        problems += space_problems(self.covars)
        problems += response_problems(responses, self.covars)
        problems += constraint_problems(self.covars, self.constraints)
        problems += repeated_values(self.covars, self.constraints)
        problems += stop_problems(self.stop, responses)
        for index, uuid in enumerate(self.learn_from):
            if uuid in self.learn_from[:index]:
                message = "stands in the list already"
                problems.append(FieldProblem(field=f"learn_from.{index}", message=message, value=str(uuid)))
        problems += early_stop_problems(self.early_stop, responses)
        problems += cell_problems(self.covars, self.candidates or [], "candidates")
        if not problems:
            objective = primary_of(responses)[1]
            if self.direction not in {"maximize", direction_of(objective)}:
                message = (
                    f"leave direction out if responses is given; the goal of the first objective is {objective.goal}"
                )
                problems.append(FieldProblem(field="direction", message=message, value=self.direction))
        if problems:
            raise validation_error("NewExperiment", problems)
        return self

    def responses_or_default(self) -> Responses:
        """Return the responses; if none are given, a single one whose goal is the direction."""
        return {RESPONSE: Objective(goal=self.direction)} if self.responses is None else self.responses


class SpaceEdit(Request):
    """A change of an experiment's space: the whole new space, including all covariates of the present space."""

    covars: _Covars = Field(
        description=f"{_SPACE_HELP} Bounds, options, steps and guesses may change and covariates may be added. No "
        "covariate may be removed, or change its vtype, role, log or ordered."
    )
    constraints: _Constraints | None = Field(
        default=None, description=f"{_CONSTRAINTS_HELP} If absent, the constraints stay as they are."
    )
    backfill: Annotated[dict[Name, Value], Field(max_length=MAX_COVARIATES)] = Field(
        default_factory=dict, description="For each new covariate, the value that all runs so far had."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = name_problems(self.covars, {}) + space_problems(self.covars)
        problems += constraint_problems(self.covars, self.constraints or [])
        if problems:
            raise validation_error("SpaceEdit", problems)
        return self


class Best(Reply):
    """The observation with the best response so far."""

    observation_uuid: UUID
    covars: Configuration
    response: float
    responses: dict[str, float] = Field(default_factory=dict, description="All responses of that run, by name.")


class BestPredicted(Reply):
    """The configuration whose predicted primary response is best: of those that were run and may be suggested again.

    If no run may be suggested again, it is the best that the model predicts in the space.
    """

    covars: Configuration
    mean: float = Field(description="Predicted primary response, in its own unit.")
    sd: float = Field(description="Standard deviation of the prediction, in the same unit.")
    predictions: dict[str, Predicted] = Field(
        default_factory=dict, description="The predictions of all responses there, by name."
    )
    data_rev: int = Field(
        description="The revision of the data that the engine knew when it computed the prediction, counted like the "
        "`data_rev` of a suggestion."
    )


def direction_of(objective: AnyObjective) -> Direction:
    """Return whether an objective is maximized; of a target to match, the distance is minimized."""
    return "maximize" if objective.goal == "maximize" else "minimize"


def _responses_of(data: dict[str, Any]) -> Responses:
    return {RESPONSE: Objective(goal=data.get("direction", "maximize"))}


class Experiment(Reply):
    """An experiment as the service returns it."""

    exp_uuid: UUID
    name: str
    description: str
    covars: Space
    space_revision: int = Field(default=0, description="How often the space was changed.")
    constraints: list[Constraint] = Field(
        default_factory=list, description="The constraints that every suggestion meets."
    )
    # Left out where there is none: a client that does not know the field reads such an experiment all the same.
    candidates: CandidateList | None = Field(
        default=None,
        exclude_if=lambda candidates: candidates is None,
        description="The list of rows that suggestions are taken from; absent if any configuration may be suggested.",
    )
    advice: list[str] = Field(
        default_factory=list,
        description="What makes the space as it is now hard to search, and how to describe it better: a sentence for "
        "each covariate that this is said of, and for each earlier experiment that nothing is learnt from.",
    )
    direction: Direction = Field(
        description="Whether the first objective is maximized or minimized; of a response to match, `minimize`, as its "
        "distance is."
    )
    responses: Responses = Field(default_factory=_responses_of, description="The measured responses, by name.")
    engine: str = Field(
        default="autotune", description="The engine that computes suggestions; a newer service may have other engines."
    )
    model_type: str
    acq_func: str
    stop: StopRules | None = Field(
        default=None, description="The rules by which the experiment stops suggesting; null if it has none."
    )
    stopped: Stopped | None = Field(default=None, description="The stop rule that was met; null if none was met.")
    early_stop: EarlyStop | None = Field(
        default=None, description="The rule by which runs are told to stop early; null if there is none."
    )
    paused: Paused | None = Field(
        default=None,
        description="The pause that holds suggestions back; null if the experiment is not paused. A closed experiment "
        "is not paused.",
    )
    seed: int
    learn_from: list[EarlierExperiment] = Field(
        default_factory=list, description="The earlier experiments that this one learns from."
    )
    state: Literal["active", "closed"]
    n_observations: int
    best: Best | None
    best_predicted: BestPredicted | None = Field(
        default=None,
        description="The configuration, of those that were run and may be suggested again, whose predicted primary "
        "response is best; null before the first fit.",
    )
    last_seq: int = Field(description="The seq of the newest event. Open the stream with `?after=` this seq.")
    time_created: Moment
    time_updated: Moment


class ExperimentPage(Reply):
    """A page of experiments, newest first; ``next`` is the cursor of the following page, null on the last page."""

    experiments: list[Experiment]
    next: str | None


class PageQuery(Request):
    """The query of a paged list."""

    limit: int = Field(default=50, ge=1, le=1000)
    after: Annotated[str, Field(max_length=64)] | None = Field(
        default=None, description="The `next` of the previous page; leave it out for the first page."
    )
