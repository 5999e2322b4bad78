"""Whether the process lives, and whether it can serve."""

from quart import Blueprint
from quart_schema import tag

from autotune_service.web.services import services
from autotune_wire import paths

blueprint = Blueprint("health", __name__)


@blueprint.get(paths.HEALTH_LIVE)
@tag(["health"])
async def live() -> dict[str, str]:
    """Answer as long as the process does."""
    return {"status": "live"}


@blueprint.get(paths.HEALTH_READY)
@tag(["health"])
async def ready() -> dict[str, str]:
    """Answer 200 where requests can be served, 503 where the database does not answer."""
    await services().store.check()
    return {"status": "ready"}
