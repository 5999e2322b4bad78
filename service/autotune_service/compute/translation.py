"""From an experiment as stored to the engine's input, and from the engine's result to what is stored and sent."""

from importlib.metadata import version

from autotune_service.compute.messages import Result
from autotune_service.domain.configuration import is_feasible
from autotune_service.domain.revision import retired_options
from autotune_service.engine.interface import EngineInput, Insights, Prediction, Run
from autotune_service.store.observations import ObservationRow
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.snapshot import Snapshot
from autotune_wire.base import Configuration
from autotune_wire.experiments import BestPredicted
from autotune_wire.insights import InsightsReply, LeftOut, ParetoPoint, PredictReply, SlicePoint
from autotune_wire.suggestions import Predicted

ENGINE_VERSION = version("autotune-bo")


def engine_input_of(snapshot: Snapshot, n: int = 1, fixed: Configuration | None = None) -> EngineInput:
    """Make the engine's input of a snapshot; its runs are the observations, in their order.

    Args:
        snapshot: The experiment.
        n: How many suggestions are wanted.
        fixed: The values that the suggestions must have.
    """
    row = snapshot.experiment
    runs = [_run(snapshot, one) for one in snapshot.observations]
    pending = [snapshot.in_newest_space(one.covars) for one in snapshot.pending]
    return EngineInput(
        space=row.space,
        responses=row.responses,
        runs=runs,
        seed=row.seed,
        constraints=row.constraints,
        # A suggestion that was taken before the space changed can lie outside it: nothing near it will be suggested.
        pending=[one for one in pending if is_feasible(row.space, row.constraints, one)],
        fixed=fixed or {},
        retired=retired_options(row.space, snapshot.former_spaces),
        engine=row.engine,
        model_type=row.model_type,
        acq_func=row.acq_func,
        n=n,
    )


def engine_run_of(result: Result) -> EngineRun:
    """Shape suggestions for the transaction that stores them."""
    best = result.best_predicted
    return EngineRun(
        suggestions=[
            NewSuggestion(
                covars=one.covars,
                source=one.source,
                reason=one.reason,
                predictions=_by_response(one.predictions),
                acquisition=one.acquisition,
                acquisition_kind=one.acquisition_kind,
            )
            for one in result.suggestions
        ],
        best_predicted=None if best is None else (best[0], _predicted(best[1])),
        engine_version=ENGINE_VERSION,
        seconds=result.seconds,
    )


def reply_of(snapshot: Snapshot, result: Result) -> PredictReply | InsightsReply:
    """Shape predictions or insights for whoever asked."""
    if result.insights is None:
        return PredictReply(data_rev=snapshot.data_rev, predictions=[_by_response(one) for one in result.predictions])
    return _insights_reply(snapshot, result.insights)


def _run(snapshot: Snapshot, one: ObservationRow) -> Run:
    return Run(
        covars=snapshot.in_newest_space(one.covars),
        responses=one.responses,
        sds=one.sds,
        is_failed=one.status == "failed",
    )


def _insights_reply(snapshot: Snapshot, insights: Insights) -> InsightsReply:
    observations = snapshot.observations
    best = insights.best_predicted
    return InsightsReply(
        data_rev=snapshot.data_rev,
        n_observations=len(observations),
        leave_one_out={name: _left_out(snapshot, name, found) for name, found in insights.leave_one_out.items()},
        importance=insights.importance,
        slices={
            response: {
                name: [SlicePoint(value=value, mean=one.mean, sd=one.sd) for value, one in points]
                for name, points in by_covariate.items()
            }
            for response, by_covariate in insights.slices.items()
        },
        pareto=[
            ParetoPoint(observation_uuid=one.observation_uuid, covars=one.covars, responses=one.responses)
            for one in (observations[index] for index in insights.pareto)
        ],
        hypervolume=insights.hypervolume,
        reference=insights.reference,
        best_observed=snapshot.experiment.to_wire().best,
        best_predicted=None
        if best is None
        else BestPredicted(covars=best[0], mean=best[1].mean, sd=best[1].sd, data_rev=snapshot.data_rev),
        feasible_share=insights.feasible_share,
    )


def _left_out(snapshot: Snapshot, response: str, found: list[Prediction | None]) -> list[LeftOut]:
    return [
        LeftOut(
            observation_uuid=one.observation_uuid,
            observed=one.responses[response],
            mean=prediction.mean,
            sd=prediction.sd,
        )
        for one, prediction in zip(snapshot.observations, found, strict=True)
        if prediction is not None and response in one.responses
    ]


def _by_response(predictions: dict[str, Prediction]) -> dict[str, Predicted]:
    return {name: _predicted(one) for name, one in predictions.items()}


def _predicted(prediction: Prediction) -> Predicted:
    return Predicted(mean=prediction.mean, sd=prediction.sd)
