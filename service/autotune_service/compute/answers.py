"""From what an engine process answers to what is stored and sent."""

from importlib.metadata import version

from autotune_service.compute.messages import Answer
from autotune_service.engine.interface import Insights, Prediction
from autotune_service.tuning.new_suggestions import Proposal, Solved
from autotune_service.tuning.snapshot import Snapshot
from autotune_wire.experiments import BestPredicted
from autotune_wire.insights import InsightsReply, LeftOut, ParetoPoint, PredictReply, SlicePoint
from autotune_wire.suggestions import Predicted

ENGINE_VERSION = version("autotune-bo")


def solved_of(answer: Answer) -> Solved:
    """Shape suggestions for the transaction that stores them."""
    best = answer.best_predicted
    return Solved(
        proposals=[
            Proposal(
                covars=one.covars,
                source=one.source,
                reason=one.reason,
                predictions=_by_response(one.predictions),
                acquisition=one.acquisition,
                acquisition_kind=one.acquisition_kind,
            )
            for one in answer.recommendations
        ],
        best_predicted=None if best is None else (best[0], _predicted(best[1])),
        engine_version=ENGINE_VERSION,
        seconds=answer.seconds,
    )


def answer_of(snapshot: Snapshot, answer: Answer) -> PredictReply | InsightsReply:
    """Shape predictions or insights for whoever asked."""
    if answer.insights is None:
        return PredictReply(data_rev=snapshot.data_rev, predictions=[_by_response(one) for one in answer.predictions])
    return _insights_reply(snapshot, answer.insights)


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
        best_observed=snapshot.experiment.told().best,
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
