"""The process's metrics, for Prometheus to scrape."""

from prometheus_client import CONTENT_TYPE_LATEST
from quart import Blueprint, Response
from quart_schema import hide

from autotune_service.observing.metrics import exposition
from autotune_service.store.load import read_load
from autotune_service.web.services import services

METRICS = "/metrics"  # for whoever runs the service, so no part of the contract with its clients

blueprint = Blueprint("metrics", __name__)


@blueprint.get(METRICS)
@hide
async def metrics() -> Response:
    """Tell how the process does, and how much work waits; also where the database does not answer."""
    return Response(exposition(await read_load(services().store)), content_type=CONTENT_TYPE_LATEST)
