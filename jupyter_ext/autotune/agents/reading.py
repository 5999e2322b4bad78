"""The tools that only read: which experiments there are, how one stands, its best run, predictions."""

from typing import Annotated, Any
from uuid import UUID

from mcp.types import CallToolResult
from pydantic import BaseModel, Field

from autotune.agents.answers import (
    Listed,
    Predictions,
    Run,
    Suggested,
    answer,
    listed_line,
    run_line,
    suggested_line,
)
from autotune.agents.reach import Reach
from autotune.calls.predicting import predict
from autotune.experiment import Experiment
from autotune.transport.coroutines import result_of
from autotune.views.facts import more_facts_of
from autotune.views.shown import Observation, Suggestion, configuration_text, predicted_text, with_units
from autotune_wire.base import Configuration
from autotune_wire.experiments import BestPredicted
from autotune_wire.observations import HistoryPage
from autotune_wire.overviews import Overview
from autotune_wire.paths import EXPERIMENT_HISTORY, EXPERIMENT_OVERVIEW
from autotune_wire.space import units_of

MAX_RUNS = 200
MAX_PREDICTED = 100

Named = Annotated[str, Field(description="The uuid of an experiment; or its name, if only one has this name.")]


class ExperimentList(BaseModel):
    """Experiments, the newest first."""

    experiments: list[Listed]


class Described(BaseModel):
    """An experiment as it stands."""

    experiment: Listed
    description: str
    covars: dict[str, dict[str, Any]] = Field(description="As new_experiment takes them.")
    responses: dict[str, dict[str, Any]]
    constraints: list[dict[str, Any]]
    suggestions: list[Suggested] = Field(description="Still to be told: open ones, and those that somebody has taken.")
    runs: list[Run] = Field(description="The newest runs, oldest first.")


class BestFound(BaseModel):
    """The best so far."""

    observation_uuid: UUID | None = Field(description="The best run in the first objective; null if there is none.")
    covars: Configuration | None
    responses: dict[str, float]
    best_predicted: BestPredicted | None = Field(description="Where the model predicts the best response.")
    pareto: list[Run] = Field(description="With several objectives, the runs that are best in some way.")


class PredictedOne(BaseModel):
    """The prediction for one configuration."""

    covars: Configuration
    predictions: Predictions = Field(description="By response; empty while there are too few runs for a model.")
    why_not: str | None = Field(description="Why it would not be suggested; null if it may be.")


class PredictedAll(BaseModel):
    """The predictions, in the order of the configurations."""

    predictions: list[PredictedOne]


class Reading:
    """Reads experiments for an agent."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def list_experiments(
        self, limit: Annotated[int, Field(ge=1, le=1000, description="How many at most.")] = 20
    ) -> Annotated[CallToolResult, ExperimentList]:
        """List the user's experiments, newest first: name, state, what is measured, number of runs, best response."""
        found = [Listed.of(experiment) for experiment in self._reach.listed(limit)]
        text = "\n".join(map(listed_line, found)) or "There are no experiments yet."
        return answer(text, ExperimentList(experiments=found))

    def describe_experiment(
        self,
        experiment: Named,
        n_runs: Annotated[int, Field(ge=0, le=MAX_RUNS, description="How many of the newest runs to list.")] = 10,
    ) -> Annotated[CallToolResult, Described]:
        """Describe an experiment: its covariates, responses and rules, the newest runs, and the suggestions to be told.

        Look here for the suggestion_uuid of a run that was begun earlier, in another conversation too.
        """
        found = self._reach.experiment(experiment)
        overview = found.connection.get(EXPERIMENT_OVERVIEW.format(exp_uuid=found.exp_uuid), Overview, newest=0)
        pending = with_units([Suggestion(**dict(pending)) for pending in overview.suggestions], found.covars)
        runs = _newest(found, n_runs)
        seen = overview.experiment
        data = Described(
            experiment=Listed.of(found),
            description=seen.description,
            **seen.model_dump(mode="json", include={"covars", "responses", "constraints"}),
            suggestions=[Suggested.of(suggestion) for suggestion in pending],
            runs=[Run.of(run) for run in runs],
        )
        lines = [listed_line(data.experiment), *([seen.description] if seen.description else [])]
        lines += [f"  {name}: {text}" for name, text in more_facts_of(seen)]
        lines += ["Still to be told:" if pending else "No suggestion is pending."]
        lines += [suggested_line(suggestion, found.covars) for suggestion in pending]
        lines += [f"The newest {len(runs)} runs, oldest first:"] if runs else []
        lines += [run_line(run, found.covars) for run in runs]
        return answer("\n".join(lines), data)

    def best(self, experiment: Named) -> Annotated[CallToolResult, BestFound]:
        """Return the best run so far, the best that the model predicts, and with several objectives the Pareto front.

        Noise misleads the model less than a single run, so the two may differ.
        """
        found = self._reach.experiment(experiment)
        best, predicted = found.best, found.best_predicted
        front = [] if best is None or best.front is None else list(best.front)
        data = BestFound(
            observation_uuid=None if best is None else best.observation_uuid,
            covars=None if best is None else best.covars,
            responses={} if best is None else best.responses,
            best_predicted=None if predicted is None else BestPredicted.model_validate(predicted.model_dump()),
            pareto=[Run.of(run) for run in front],
        )
        nothing = "No run counts as best yet: none was measured, or none meets all thresholds."
        lines = [nothing if best is None else repr(best)]
        lines += [] if predicted is None else [repr(predicted)]
        return answer("\n".join(lines), data)

    def predict(
        self,
        experiment: Named,
        configurations: Annotated[
            list[Configuration],
            Field(min_length=1, max_length=MAX_PREDICTED, description="Each with a value for every active covariate."),
        ],
    ) -> Annotated[CallToolResult, PredictedAll]:
        """Predict the responses of configurations, with a model of all runs: means and standard deviations."""
        found = self._reach.experiment(experiment)
        given, predictions, why_not = result_of(predict(found.connection, found.state(), configurations))
        data = PredictedAll(
            predictions=[
                PredictedOne(covars=covars, predictions=predicted, why_not=reason)
                for covars, predicted, reason in zip(given, predictions, why_not, strict=True)
            ]
        )
        units = units_of(found.covars)
        lines = [f"- {configuration_text(one.covars, units)}: {_predicted(one)}" for one in data.predictions]
        return answer("\n".join(lines), data)


def _newest(experiment: Experiment, n: int) -> list[Observation]:
    if n == 0:
        return []
    path = EXPERIMENT_HISTORY.format(exp_uuid=experiment.exp_uuid)
    page = experiment.connection.get(path, HistoryPage, newest=n)
    return [Observation(**dict(run)) for run in page.observations]


def _predicted(one: PredictedOne) -> str:
    text = ", ".join(f"{name} {predicted_text(predicted)}" for name, predicted in one.predictions.items())
    barred = "" if one.why_not is None else f"; would not be suggested: {one.why_not}"
    return f"{text or 'no prediction: too few runs for a model'}{barred}"
