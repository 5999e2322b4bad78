"""The endpoint from which Prometheus scrapes the process's metrics."""

from prometheus_client import CONTENT_TYPE_LATEST
from quart import Blueprint, Response
from quart_schema import hide

from autotune_service.observing.metrics import exposition
from autotune_service.store.rows.load import read_load
from autotune_service.web.door import open_to_all
from autotune_service.web.services import services

METRICS = "/metrics"  # for the service's operator, so not part of the contract with clients

blueprint = Blueprint("metrics", __name__)


@blueprint.get(METRICS)
@open_to_all
@hide
async def metrics() -> Response:
    """Return the metrics of the process and the load, also while the database does not respond."""
    return Response(exposition(await read_load(services().store)), content_type=CONTENT_TYPE_LATEST)
