"""Experiments over HTTP."""

from uuid import UUID

from quart import Blueprint
from quart_schema import tag, validate_querystring, validate_request, validate_response

from autotune_service.tuning import experiments, spaces, stopping
from autotune_service.web.calls import ask_current, ask_new, tell_runs
from autotune_service.web.identity import signed_in
from autotune_service.web.rules import rule_of
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.changes import Resume, SpaceRevisions
from autotune_wire.experiments import Experiment, ExperimentPage, NewExperiment, PageQuery, SpaceEdit
from autotune_wire.observations import HistoryPage, Tell, TellReply
from autotune_wire.suggestions import Ask, AskQuery, AskReply

blueprint = Blueprint("experiment", __name__)


@blueprint.post(paths.EXPERIMENT_NEW)
@tag(["experiment"])
@validate_request(NewExperiment)
@validate_response(Experiment, 201)
async def new(data: NewExperiment) -> tuple[Experiment, int]:
    """Describe an experiment; its first suggestion is the guess."""
    user_uuid = await signed_in()
    return await experiments.create_experiment(services().store, user_uuid, data), 201


@blueprint.get(paths.EXPERIMENT_ALL)
@tag(["experiment"])
@validate_querystring(PageQuery)
@validate_response(ExperimentPage)
async def list_all(query_args: PageQuery) -> ExperimentPage:
    """List your experiments, newest first."""
    return await experiments.list_page(services().store, await signed_in(), query_args)


@blueprint.get(rule_of(paths.EXPERIMENT))
@tag(["experiment"])
@validate_response(Experiment)
async def read(exp_uuid: UUID) -> Experiment:
    """Tell how an experiment stands."""
    return (await experiments.read_experiment(services().store, await signed_in(), exp_uuid)).told()


@blueprint.get(rule_of(paths.EXPERIMENT_ASK))
@tag(["experiment"])
@validate_querystring(AskQuery)
@validate_response(AskReply)
async def ask(exp_uuid: UUID, query_args: AskQuery) -> AskReply:
    """Ask what to try next; asking again, with nothing told, gives the same."""
    return await ask_current(await signed_in(), exp_uuid, query_args.fixed)


@blueprint.post(rule_of(paths.EXPERIMENT_ASK))
@tag(["experiment"])
@validate_request(Ask)
@validate_response(AskReply)
async def lease(exp_uuid: UUID, data: Ask) -> AskReply:
    """Take n suggestions that nobody else gets: for several runs at a time."""
    return await ask_new(await signed_in(), exp_uuid, data)


@blueprint.post(rule_of(paths.EXPERIMENT_TELL))
@tag(["experiment"])
@validate_request(Tell)
@validate_response(TellReply, 202)
async def tell(exp_uuid: UUID, data: Tell) -> tuple[TellReply, int]:
    """Tell what was run and what came of it; it is stored when the answer comes."""
    return await tell_runs(await signed_in(), exp_uuid, data), 202


@blueprint.get(rule_of(paths.EXPERIMENT_HISTORY))
@tag(["experiment"])
@validate_querystring(PageQuery)
@validate_response(HistoryPage)
async def history(exp_uuid: UUID, query_args: PageQuery) -> HistoryPage:
    """List an experiment's observations, oldest first."""
    return await experiments.history_page(services().store, await signed_in(), exp_uuid, query_args)


@blueprint.post(rule_of(paths.EXPERIMENT_CLOSE))
@tag(["experiment"])
@validate_response(Experiment)
async def close(exp_uuid: UUID) -> Experiment:
    """Close an experiment: it keeps its data and takes nothing more."""
    return await experiments.close_experiment(services().store, await signed_in(), exp_uuid)


@blueprint.post(rule_of(paths.EXPERIMENT_RESUME))
@tag(["experiment"])
@validate_request(Resume)
@validate_response(Experiment)
async def resume(exp_uuid: UUID, data: Resume) -> Experiment:
    """Go on after a stop rule was met, with the same rules or others."""
    return await stopping.resume(services().store, await signed_in(), exp_uuid, data)


@blueprint.post(rule_of(paths.EXPERIMENT_SPACE))
@tag(["experiment"])
@validate_request(SpaceEdit)
@validate_response(Experiment)
async def edit_space(exp_uuid: UUID, data: SpaceEdit) -> Experiment:
    """Change the space: what was told stays, and the next suggestion is computed anew."""
    return await spaces.edit_space(services().store, await signed_in(), exp_uuid, data)


@blueprint.get(rule_of(paths.EXPERIMENT_SPACES))
@tag(["experiment"])
@validate_response(SpaceRevisions)
async def list_spaces(exp_uuid: UUID) -> SpaceRevisions:
    """List the revisions of the space, oldest first."""
    return await spaces.list_revisions(services().store, await signed_in(), exp_uuid)
