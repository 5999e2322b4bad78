"""The list of candidates of an experiment, over HTTP."""

from uuid import UUID

from quart import Blueprint
from quart_schema import tag, validate_querystring, validate_request, validate_response

from autotune_service.tuning import candidates
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.door import needs, user
from autotune_service.web.once import signed_in_once
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.candidates import CandidatePage, CandidatesEdit
from autotune_wire.experiments import Experiment, PageQuery

blueprint = Blueprint("candidates", __name__)


@blueprint.get(rule_of(paths.EXPERIMENT_CANDIDATES))
@needs("read", "viewer")
@tag(["experiment"])
@validate_querystring(PageQuery)
@validate_response(CandidatePage)
async def list_candidates(exp_uuid: UUID, query_args: PageQuery) -> CandidatePage:
    """List the rows that suggestions are taken from, by number, with what became of each."""
    return await candidates.candidates_page(services().store, user(), exp_uuid, query_args)


@blueprint.post(rule_of(paths.EXPERIMENT_CANDIDATES))
@needs("write", "editor")
@tag(["experiment"])
@validate_request(CandidatesEdit)
@validate_response(Experiment)
async def edit_candidates(exp_uuid: UUID, data: CandidatesEdit) -> Experiment:
    """Add, withdraw and restore rows; observations stay as they are, and the next suggestion is computed anew."""
    user_uuid, once = await signed_in_once()
    editing = candidates.edit_candidates(services().store, user_uuid, exp_uuid, data, once)
    return await once.reply(Experiment, editing)
