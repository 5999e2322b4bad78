"""Experiments over HTTP."""

from uuid import UUID

from quart import Blueprint, Response
from quart_schema import document_response, tag, validate_querystring, validate_request, validate_response

from autotune_service.tuning import (
    correct,
    experiments,
    leases,
    lifecycle,
    notes,
    overviews,
    pausing,
    report,
    spaces,
    stopping,
    undo,
)
from autotune_service.tuning.aside import aside
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.calls import ask_current, ask_new, tell_runs
from autotune_service.web.door import actor, needs, user
from autotune_service.web.once import signed_in_once
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.changes import Delete, Deleted, Rename, Resume, SpaceRevisions, Undo, Undone
from autotune_wire.experiments import Experiment, ExperimentPage, NewExperiment, PageQuery, SpaceEdit
from autotune_wire.observations import (
    Correction,
    HistoryPage,
    HistoryQuery,
    NoteEdit,
    Observation,
    ObservationVersions,
    Tell,
    TellReply,
)
from autotune_wire.overviews import Overview, OverviewQuery
from autotune_wire.pausing import Pause
from autotune_wire.reports import Curves, CurvesQuery, Report, Verdict
from autotune_wire.suggestions import Abandon, Ask, AskQuery, AskReply, Leases, Renew, Suggestion

blueprint = Blueprint("experiment", __name__)


@blueprint.post(paths.EXPERIMENT_NEW)
@needs("write")
@tag(["experiment"])
@validate_request(NewExperiment)
@validate_response(Experiment, 201)
async def new(data: NewExperiment) -> tuple[Experiment, int]:
    """Create an experiment; its first suggestion is the guess."""
    user_uuid, once = await signed_in_once()
    creating = experiments.create_experiment(services().store, user_uuid, data, once, services().limits)
    return await once.reply(Experiment, creating), 201


@blueprint.get(paths.EXPERIMENT_ALL)
@needs("read")
@tag(["experiment"])
@validate_querystring(PageQuery)
@document_response(ExperimentPage)
async def list_all(query_args: PageQuery) -> Response:
    """List your experiments, newest first."""
    page = await services().listing.page(services().store, user(), query_args)
    return Response(page, content_type="application/json")


@blueprint.get(rule_of(paths.EXPERIMENT))
@needs("read", "viewer")
@tag(["experiment"])
@validate_response(Experiment)
async def read(exp_uuid: UUID) -> Experiment:
    """Return an experiment as it stands now."""
    return (await experiments.show_experiment(services().store, user(), exp_uuid)).to_wire()


@blueprint.get(rule_of(paths.EXPERIMENT_OVERVIEW))
@needs("read", "viewer")
@tag(["experiment"])
@validate_querystring(OverviewQuery)
@document_response(Overview)
async def overview(exp_uuid: UUID, query_args: OverviewQuery) -> Response:
    """Return an experiment at a glance: how it stands, and the outcomes of all or the newest of its runs by columns."""
    shown = await overviews.read_overview(services().store, user(), exp_uuid, query_args.newest)
    return Response(shown.model_dump_json(), content_type="application/json")


@blueprint.get(rule_of(paths.EXPERIMENT_ASK))
@needs("tell", "teller")
@tag(["experiment"])
@validate_querystring(AskQuery)
@validate_response(AskReply)
async def ask(exp_uuid: UUID, query_args: AskQuery) -> AskReply:
    """Return the suggestion to run next; asking again returns the same suggestion until an observation is told."""
    return await ask_current(user(), exp_uuid, query_args.fixed)


@blueprint.post(rule_of(paths.EXPERIMENT_ASK))
@needs("tell", "teller")
@tag(["experiment"])
@validate_request(Ask)
@validate_response(AskReply)
async def lease(exp_uuid: UUID, data: Ask) -> AskReply:
    """Lease n suggestions that nobody else gets, for several runs at a time."""
    user_uuid, once = await signed_in_once()
    return await once.reply(AskReply, ask_new(user_uuid, exp_uuid, data, once))


@blueprint.post(rule_of(paths.EXPERIMENT_TELL))
@needs("tell", "teller")
@tag(["experiment"])
@validate_request(Tell)
@document_response(TellReply, 202)
async def tell(exp_uuid: UUID, data: Tell) -> Response:
    """Store observations: what was run, with its outcome. The reply comes after they are stored."""
    user_uuid, once = await signed_in_once()
    reply = await once.reply(TellReply, tell_runs(user_uuid, exp_uuid, data, once))
    text = await aside(len(reply.covars_tell), reply.model_dump_json)
    return Response(text, 202, content_type="application/json")


@blueprint.post(rule_of(paths.EXPERIMENT_RENEW))
@needs("tell", "teller")
@tag(["experiment"])
@validate_request(Renew)
@validate_response(Leases)
async def renew(exp_uuid: UUID, data: Renew) -> Leases:
    """Renew the leases of suggestions that you took; the new leases count from now on."""
    user_uuid, once = await signed_in_once()
    return await once.reply(Leases, leases.renew(services().store, user_uuid, exp_uuid, data, once))


@blueprint.post(rule_of(paths.EXPERIMENT_ABANDON))
@needs("tell", "teller")
@tag(["experiment"])
@validate_request(Abandon)
@validate_response(Suggestion)
async def abandon(exp_uuid: UUID, data: Abandon) -> Suggestion:
    """Abandon a suggestion that will not be run; another suggestion takes its place."""
    user_uuid, once = await signed_in_once()
    return await once.reply(Suggestion, leases.abandon(services().store, user_uuid, exp_uuid, data, once))


@blueprint.post(rule_of(paths.EXPERIMENT_REPORT))
@needs("tell", "teller")
@tag(["experiment"])
@validate_request(Report)
@validate_response(Verdict)
async def report_value(exp_uuid: UUID, data: Report) -> Verdict:
    """Report one value of a run under way; the reply says whether to stop the run."""
    user_uuid, once = await signed_in_once()
    reporting = report.report(services().store, user_uuid, exp_uuid, data, once, services().limits)
    return await once.reply(Verdict, reporting)


@blueprint.get(rule_of(paths.EXPERIMENT_CURVES))
@needs("read", "viewer")
@tag(["experiment"])
@validate_querystring(CurvesQuery)
@document_response(Curves)
async def list_curves(exp_uuid: UUID, query_args: CurvesQuery) -> Response:
    """List what the runs of an experiment reported, a curve for each run."""
    curves = await report.read_curves(services().store, user(), exp_uuid, query_args.newest)
    text = await aside(sum(len(curve.steps) for curve in curves.curves), curves.model_dump_json)
    return Response(text, content_type="application/json")


@blueprint.get(rule_of(paths.EXPERIMENT_HISTORY))
@needs("read", "viewer")
@tag(["experiment"])
@validate_querystring(HistoryQuery)
@validate_response(HistoryPage)
async def history(exp_uuid: UUID, query_args: HistoryQuery) -> HistoryPage:
    """List an experiment's observations, oldest first."""
    place = (services().store, user(), exp_uuid)
    if query_args.number is not None:
        return await experiments.history_of_one(*place, query_args.number)
    if query_args.newest is not None:
        return await experiments.history_of_newest(*place, query_args.newest)
    return await experiments.history_page(*place, query_args)


@blueprint.post(rule_of(paths.EXPERIMENT_OBSERVATION))
@needs("write", "editor")
@tag(["experiment"])
@validate_request(Correction)
@validate_response(Observation)
async def correct_observation(exp_uuid: UUID, observation_uuid: UUID, data: Correction) -> Observation:
    """Edit, exclude or restore an observation; every version is kept, and the next suggestion is computed anew."""
    user_uuid, once = await signed_in_once()
    correcting = correct.correct(services().store, user_uuid, exp_uuid, observation_uuid, data, once)
    return await once.reply(Observation, correcting)


@blueprint.get(rule_of(paths.EXPERIMENT_VERSIONS))
@needs("read", "viewer")
@tag(["experiment"])
@validate_response(ObservationVersions)
async def list_versions(exp_uuid: UUID, observation_uuid: UUID) -> ObservationVersions:
    """List the versions of an observation, oldest first."""
    return await correct.read_versions(services().store, user(), exp_uuid, observation_uuid)


@blueprint.post(rule_of(paths.EXPERIMENT_NOTE))
@needs("tell", "teller")
@tag(["experiment"])
@validate_request(NoteEdit)
@validate_response(Observation)
async def note_observation(exp_uuid: UUID, observation_uuid: UUID, data: NoteEdit) -> Observation:
    """Write the note or the tags of an observation; that is no correction, and nothing is computed anew."""
    user_uuid, once = await signed_in_once()
    noting = notes.note(services().store, user_uuid, exp_uuid, observation_uuid, data, once)
    return await once.reply(Observation, noting)


@blueprint.post(rule_of(paths.EXPERIMENT_UNDO))
@needs("tell", "teller")
@tag(["experiment"])
@validate_request(Undo)
@validate_response(Undone)
async def undo_tells(exp_uuid: UUID, data: Undo) -> Undone:
    """Take back the newest observations that you told: each is excluded, and its suggestion can be told again."""
    user_uuid, once = await signed_in_once()
    return await once.reply(Undone, undo.undo(services().store, user_uuid, exp_uuid, data, once))


@blueprint.post(rule_of(paths.EXPERIMENT_RENAME))
@needs("write", "editor")
@tag(["experiment"])
@validate_request(Rename)
@validate_response(Experiment)
async def rename(exp_uuid: UUID, data: Rename) -> Experiment:
    """Rename an experiment."""
    user_uuid, once = await signed_in_once()
    return await once.reply(Experiment, lifecycle.rename(services().store, user_uuid, exp_uuid, data, once))


@blueprint.post(rule_of(paths.EXPERIMENT_CLOSE))
@needs("write", "editor")
@tag(["experiment"])
@validate_response(Experiment)
async def close(exp_uuid: UUID) -> Experiment:
    """Close an experiment: its data are kept, and it accepts no further observations or asks."""
    user_uuid, once = await signed_in_once()
    return await once.reply(Experiment, experiments.close_experiment(services().store, user_uuid, exp_uuid, once))


@blueprint.post(rule_of(paths.EXPERIMENT_REOPEN))
@needs("write", "editor")
@tag(["experiment"])
@validate_response(Experiment)
async def reopen(exp_uuid: UUID) -> Experiment:
    """Reopen an experiment that was closed or paused or has stopped; its stop rules stay as they are."""
    user_uuid, once = await signed_in_once()
    return await once.reply(Experiment, lifecycle.reopen(services().store, user_uuid, exp_uuid, once))


@blueprint.post(rule_of(paths.EXPERIMENT_DELETE))
@needs("write", "owner")
@tag(["experiment"])
@validate_request(Delete)
@validate_response(Deleted)
async def delete(exp_uuid: UUID, data: Delete) -> Deleted:
    """Delete an experiment for good, with its observations, suggestions and events."""
    user_uuid, once = await signed_in_once()
    return await once.reply(Deleted, lifecycle.delete(services().store, actor(), user_uuid, exp_uuid, data, once))


@blueprint.post(rule_of(paths.EXPERIMENT_PAUSE))
@needs("write", "editor")
@tag(["experiment"])
@validate_request(Pause)
@validate_response(Experiment)
async def pause(exp_uuid: UUID, data: Pause) -> Experiment:
    """Pause an experiment: nothing is computed or leased until it is resumed, and observations are still accepted."""
    user_uuid, once = await signed_in_once()
    return await once.reply(Experiment, pausing.pause(services().store, user_uuid, exp_uuid, data, once))


@blueprint.post(rule_of(paths.EXPERIMENT_RESUME))
@needs("write", "editor")
@tag(["experiment"])
@validate_request(Resume)
@validate_response(Experiment)
async def resume(exp_uuid: UUID, data: Resume) -> Experiment:
    """Resume an experiment after a pause or after a stop rule was met, with the same stop rules or others."""
    user_uuid, once = await signed_in_once()
    return await once.reply(Experiment, stopping.resume(services().store, user_uuid, exp_uuid, data, once))


@blueprint.post(rule_of(paths.EXPERIMENT_SPACE))
@needs("write", "editor")
@tag(["experiment"])
@validate_request(SpaceEdit)
@validate_response(Experiment)
async def edit_space(exp_uuid: UUID, data: SpaceEdit) -> Experiment:
    """Change the space: observations stay as they are, and the next suggestion is computed anew."""
    user_uuid, once = await signed_in_once()
    return await once.reply(
        Experiment, spaces.edit_space(services().store, user_uuid, exp_uuid, data, once, services().limits)
    )


@blueprint.get(rule_of(paths.EXPERIMENT_SPACES))
@needs("read", "viewer")
@tag(["experiment"])
@validate_response(SpaceRevisions)
async def list_spaces(exp_uuid: UUID) -> SpaceRevisions:
    """List the revisions of the space, oldest first."""
    return await spaces.list_revisions(services().store, user(), exp_uuid)
