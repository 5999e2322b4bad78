"""Translate a stored experiment to the engine's input, and the engine's result to rows and replies."""

from collections.abc import Sequence
from importlib.metadata import version

from autotune_service.compute.messages import Result
from autotune_service.domain.configuration import is_feasible
from autotune_service.domain.constraints import why_not_suggested
from autotune_service.domain.outside import modelled_in
from autotune_service.domain.revision import retired_values
from autotune_service.engine.interface import (
    CandidateBlock,
    Candidates,
    EarlierExperiment,
    EngineInput,
    Insights,
    Prediction,
    RankedRow,
    Run,
)
from autotune_service.store.rows.observations import ObservationRow
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.snapshot import Snapshot
from autotune_wire.base import Configuration
from autotune_wire.candidates import RankedCandidate
from autotune_wire.experiments import BestPredicted
from autotune_wire.insights import (
    BestInContext,
    HealthNote,
    InsightsReply,
    LeftOut,
    ParetoPoint,
    PredictReply,
    SlicePoint,
)
from autotune_wire.learning import EarlierWeight
from autotune_wire.reports import reported_of
from autotune_wire.responses import primary_of
from autotune_wire.suggestions import Predicted

ENGINE_VERSION = version("autotune-bo")


def engine_input_of(snapshot: Snapshot, n: int = 1, fixed: Configuration | None = None) -> EngineInput:
    """Build the engine's input from a snapshot; its runs are the observations, in their order.

    Args:
        snapshot: The experiment.
        n: The number of suggestions to compute.
        fixed: The values that the suggestions must have.
    """
    row = snapshot.experiment
    pending = [snapshot.in_newest_space(suggestion.covars) for suggestion in snapshot.pending]
    earlier = _earlier(snapshot)
    met = [run.covars for one in earlier for run in one.runs]
    return EngineInput(
        space=row.space,
        responses=row.responses,
        runs=[_run(snapshot, observation) for observation in snapshot.observations],
        seed=row.seed,
        constraints=row.constraints,
        # A suggestion leased before the space changed may lie outside the new space, where nothing is suggested anyway.
        pending=[covars for covars in pending if is_feasible(row.space, row.constraints, covars)],
        fixed=fixed or {},
        retired=retired_values(row.space, snapshot.former_spaces, met),
        earlier=earlier,
        engine=row.engine,
        model_type=row.model_type,
        acq_func=row.acq_func,
        n=n,
        candidates=None if row.candidates is None else _candidates(snapshot),
    )


def engine_run_of(result: Result) -> EngineRun:
    """Convert the suggestions of a result for the transaction that stores them."""
    best = result.best_predicted
    return EngineRun(
        suggestions=[
            NewSuggestion(
                covars=suggestion.covars,
                source=suggestion.source,
                reason=suggestion.reason,
                predictions=_by_response(suggestion.predictions),
                acquisition=suggestion.acquisition,
                acquisition_kind=suggestion.acquisition_kind,
                candidate=suggestion.candidate,
            )
            for suggestion in result.suggestions
        ],
        best_predicted=None if best is None else (best.covars, _by_response(best.predictions)),
        engine_version=ENGINE_VERSION,
        seconds=result.seconds,
    )


def reply_of(
    snapshot: Snapshot, result: Result, configurations: Sequence[Configuration]
) -> PredictReply | InsightsReply:
    """Build the reply to a question about insights or about the predictions of configurations."""
    if result.insights is not None:
        return _insights_reply(snapshot, result.insights)
    row = snapshot.experiment
    return PredictReply(
        data_rev=snapshot.data_rev,
        predictions=[_by_response(by_response) for by_response in result.predictions],
        why_not=[why_not_suggested(row.space, row.constraints, covars) for covars in configurations],
    )


def _earlier(snapshot: Snapshot) -> list[EarlierExperiment]:
    """Build what the earlier experiments measured; a run without a place on a covariate's scale is left out."""
    is_modelled = modelled_in(snapshot.experiment.space)
    runs: list[list[Run]] = [[] for _ in snapshot.experiment.learn_from]
    for run in snapshot.earlier:
        covars = snapshot.in_newest_space(run.covars)
        if is_modelled(covars):
            runs[run.source].append(Run(covars, run.responses, run.sds))
    return [EarlierExperiment(one.name, own) for one, own in zip(snapshot.experiment.learn_from, runs, strict=True)]


def _candidates(snapshot: Snapshot) -> Candidates:
    blocks = [CandidateBlock(block.first, block.n, block.covars, block.withdrawn) for block in snapshot.blocks]
    return Candidates(blocks, snapshot.used)


def _run(snapshot: Snapshot, observation: ObservationRow) -> Run:
    return Run(
        covars=snapshot.in_newest_space(observation.covars),
        responses=observation.responses,
        sds=observation.sds,
        is_failed=observation.status == "failed",
        is_stopped=observation.stopped_step is not None,
        expected=_expected(snapshot, observation),
    )


def _expected(snapshot: Snapshot, observation: ObservationRow) -> dict[str, Prediction]:
    """Return what a run that was stopped early would have come to; empty for other runs, and where nothing shows it."""
    if observation.stopped_step is None or observation.stopped_value is None:
        return {}
    row = snapshot.experiment
    name, _ = reported_of(row.early_stop, row.responses)
    found = snapshot.prospects.of(observation.stopped_step, observation.stopped_value)
    return {} if found is None else {name: Prediction(*found)}


def _insights_reply(snapshot: Snapshot, insights: Insights) -> InsightsReply:
    observations = snapshot.observations
    best, (primary, _) = insights.best_predicted, primary_of(snapshot.experiment.responses)
    return InsightsReply(
        data_rev=snapshot.data_rev,
        n_observations=len(observations) + snapshot.n_left_out,
        leave_one_out={
            name: _left_out(snapshot, name, predictions) for name, predictions in insights.leave_one_out.items()
        },
        importance=insights.importance,
        descriptors=insights.descriptors,
        slices={
            response: {
                name: [
                    SlicePoint(
                        value=point.value, mean=point.prediction.mean, sd=point.prediction.sd, why_not=point.why_not
                    )
                    for point in points
                ]
                for name, points in by_covariate.items()
            }
            for response, by_covariate in insights.slices.items()
        },
        pareto=[
            ParetoPoint(
                observation_uuid=observation.observation_uuid,
                covars=observation.covars,
                responses=observation.responses,
            )
            for observation in (observations[index] for index in insights.pareto)
        ],
        hypervolume=insights.hypervolume,
        reference=insights.reference,
        best_observed=snapshot.experiment.to_wire().best,
        best_predicted=None
        if best is None
        else BestPredicted(
            covars=best.covars,
            **_predicted(best.predictions[primary]).model_dump(),
            predictions=_by_response(best.predictions),
            data_rev=snapshot.data_rev,
        ),
        best_by_context=[
            BestInContext(context=context, covars=found.covars, **_predicted(found.predictions[primary]).model_dump())
            for context, found in insights.best_by_context
        ],
        candidates=[_ranked(snapshot, ranked) for ranked in insights.candidates],
        feasible_share=insights.feasible_share,
        not_varied=insights.not_varied,
        noise_sds=insights.noise_sds,
        n_used=insights.n_used,
        verdict=insights.verdict,
        earlier=[
            EarlierWeight(exp_uuid=one.exp_uuid, name=one.name, response=response, weight=learnt[0], sd=learnt[1])
            for response, weights in insights.earlier.items()
            for one, learnt in zip(snapshot.experiment.learn_from, weights, strict=True)
            if learnt is not None
        ],
        health=[
            *_left_out_notes(snapshot.n_left_out),
            *(
                HealthNote(kind=note.kind, response=note.response, finding=note.finding, advice=note.advice)
                for note in insights.health
            ),
        ],
    )


def _ranked(snapshot: Snapshot, ranked: RankedRow) -> RankedCandidate:
    row, found = snapshot.row_of(ranked.number), ranked.prediction
    return RankedCandidate(number=ranked.number, details=row.details, covars=row.covars, mean=found.mean, sd=found.sd)


def _left_out_notes(n: int) -> list[HealthNote]:
    if not n:
        return []
    return [
        HealthNote(
            kind="not_modelled",
            finding=f"{'1 run is' if n == 1 else f'{n} runs are'} not used by the model: a number of 0 or less has no "
            "place on a logarithmic scale",
            advice="correct the number if it is a slip; the verdict and the pictures are about the other runs",
        )
    ]


def _left_out(snapshot: Snapshot, response: str, predictions: list[Prediction | None]) -> list[LeftOut]:
    return [
        LeftOut(
            observation_uuid=observation.observation_uuid,
            observed=observation.responses[response],
            mean=prediction.mean,
            sd=prediction.sd,
        )
        for observation, prediction in zip(snapshot.observations, predictions, strict=True)
        if prediction is not None and response in observation.responses
    ]


def _by_response(predictions: dict[str, Prediction]) -> dict[str, Predicted]:
    return {name: _predicted(prediction) for name, prediction in predictions.items()}


def _predicted(prediction: Prediction) -> Predicted:
    return Predicted(mean=prediction.mean, sd=prediction.sd)
