"""Health checks: whether the process runs, and whether it can serve requests."""

from importlib.metadata import version

from quart import Blueprint
from quart_schema import tag

from autotune_service.web.door import open_to_all
from autotune_service.web.services import services
from autotune_wire import paths

blueprint = Blueprint("health", __name__)
_VERSION = version("autotune-bo")  # read once: it stands in a file


@blueprint.get(paths.HEALTH_LIVE)
@open_to_all
@tag(["health"])
async def live() -> dict[str, str]:
    """Return 200 as long as the process runs, with the version and the mode of the service."""
    return {"status": "live", "version": _VERSION, "mode": services().mode}


@blueprint.get(paths.HEALTH_READY)
@open_to_all
@tag(["health"])
async def ready() -> dict[str, str]:
    """Return 200 if requests can be served, 503 with the reason if the database does not answer or takes no changes."""
    await services().store.check()
    return {"status": "ready"}
