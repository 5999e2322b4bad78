"""Export and import of an experiment as one document, over HTTP."""

import asyncio
from uuid import UUID

from quart import Blueprint, Response
from quart_schema import document_request, document_response, tag, validate_response

from autotune_service.tuning.portable import export_experiment, import_experiment, read_export
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.identity import signed_in
from autotune_service.web.once import signed_in_once
from autotune_service.web.requests import read_aside
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.experiments import Experiment
from autotune_wire.portable import ExperimentExport

blueprint = Blueprint("portable", __name__)
_checking = asyncio.Semaphore(1)  # a check takes a processor for seconds, and many times the memory of the body


@blueprint.get(rule_of(paths.EXPERIMENT_EXPORT))
@tag(["experiment"])
@document_response(ExperimentExport)
async def export(exp_uuid: UUID) -> Response:
    """Return an experiment with its whole history as one document, to keep or to import elsewhere."""
    text = await export_experiment(services().store, await signed_in(), exp_uuid)
    headers = {"Content-Disposition": f'attachment; filename="experiment-{exp_uuid}.json"'}
    return Response(text, content_type="application/json", headers=headers)


@blueprint.post(paths.EXPERIMENT_IMPORT)
@tag(["experiment"])
@document_request(ExperimentExport)
@validate_response(Experiment, 201)
async def import_() -> tuple[Experiment, int]:
    """Create an experiment from an exported one: the same data, seqs and seed, so the same next suggestion."""
    user_uuid, once = await signed_in_once()
    async with _checking:
        document = await read_aside(read_export)
    importing = import_experiment(services().store, user_uuid, document, once, services().limits)
    return await once.reply(Experiment, importing), 201
