"""Export and import of an experiment as one document, over HTTP."""

import asyncio
from contextlib import ExitStack, aclosing
from uuid import UUID

from quart import Blueprint, Response, request
from quart_schema import document_request, document_response, tag, validate_response
from werkzeug.http import parse_dict_header

from autotune_service.tuning.once import Once
from autotune_service.tuning.portable import export_experiment, import_experiment
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.door import needs, user
from autotune_service.web.errors import problem_of
from autotune_service.web.once import request_key
from autotune_service.web.requests import require_json
from autotune_service.web.services import services
from autotune_service.web.spooled import SMALL, Spooled, read_pieces, spooled, spooled_body
from autotune_wire import paths
from autotune_wire.experiments import Experiment
from autotune_wire.portable import ExperimentExport, ImportState

blueprint = Blueprint("portable", __name__)
_checking = asyncio.Semaphore(1)  # a check takes a processor for a while, and many times the memory of the body
LONGEST_WAIT_S = 300


@blueprint.get(rule_of(paths.EXPERIMENT_EXPORT))
@needs("read", "viewer")
@tag(["experiment"])
@document_response(ExperimentExport)
async def export(exp_uuid: UUID) -> Response:
    """Return an experiment with its whole history as one document, to keep or to import elsewhere."""
    # The database is done with the document before the first byte is sent: no reader is slow enough to hold it up.
    async with aclosing(export_experiment(services().store, user(), exp_uuid)) as pieces:
        file = await spooled(pieces)
    headers = {"Content-Disposition": f'attachment; filename="experiment-{exp_uuid}.json"'}
    headers["Content-Length"] = str(file.tell())
    return Response(read_pieces(file), content_type="application/json", headers=headers)


@blueprint.post(paths.EXPERIMENT_IMPORT)
@needs("write")
@tag(["experiment"])
@document_request(ExperimentExport)
@validate_response(Experiment, 201)
@validate_response(ImportState, 202)
async def import_() -> tuple[Experiment, int] | tuple[ImportState, int, dict[str, str]]:
    """Create an experiment from an exported one: the same data, seqs and seed, so the same next suggestion.

    A document of more than 1 MB is answered before it is imported: 202, and `Location` says where to follow it. With
    the header `Prefer: wait=60` the reply comes when the import is done, after a minute at most.
    """
    user_uuid = user()
    key = request_key()
    require_json(request)
    imports = services().imports
    with ExitStack() as place:
        body = await spooled_body(lambda: place.enter_context(imports.coming(user_uuid, has_key=key is not None)))
        once = Once(user_uuid, key, body.asked, services().kept)
        if body.n_bytes <= SMALL:
            return await once.reply(Experiment, _import_now(user_uuid, body, once)), 201
        starting = imports.start(services().store, user_uuid, body.file, once, services().limits, problem_of)
        state = await once.reply(Experiment, starting)
    if isinstance(state, Experiment):
        return state, 201
    imported = await imports.finished(state.exp_uuid, _wait_s())
    if imported is not None:
        return imported, 201
    where = paths.EXPERIMENT_IMPORT_STATE.format(exp_uuid=state.exp_uuid)
    return state, 202, {"Location": where, "Retry-After": "1"}


@blueprint.get(rule_of(paths.EXPERIMENT_IMPORT_STATE))
@needs("read")
@tag(["experiment"])
@validate_response(ImportState)
async def import_state(exp_uuid: UUID) -> ImportState:
    """Return how far an import has come that was answered with 202; kept for seven days."""
    return await services().imports.follow(services().store, user(), exp_uuid, problem_of)


async def _import_now(user_uuid: UUID, body: Spooled, once: Once) -> Experiment:
    with body.file as file:
        file.seek(0)
        async with _checking:
            return await import_experiment(services().store, user_uuid, file.read(), once, services().limits)


def _wait_s() -> float:
    """Return how long the sender of the current request wants to wait at most (RFC 7240)."""
    given = parse_dict_header(", ".join(request.headers.getlist("Prefer"))).get("wait")
    # int() refuses numbers of more than 4,300 digits.
    return min(float(given), LONGEST_WAIT_S) if given is not None and given.isdecimal() else 0
