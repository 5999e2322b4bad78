"""The process's metrics. Labels come from short, fixed lists and hold no path, name, id or address."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

EngineOutcome = Literal["ok", "explored", "failed", "timeout", "put_off"]
RequestOutcome = Literal["ok", "refused", "failed", "gone"]
Push = Literal["live", "replayed"]

GONE = 499
"""The status, outside of HTTP's own, of a request whose client hung up before the reply."""

_BY_CLASS: dict[int, RequestOutcome] = {1: "ok", 2: "ok", 3: "ok", 4: "refused", 5: "failed"}
_KINDS = ("suggest", "predict", "insights")
_OUTCOMES: tuple[EngineOutcome, ...] = ("ok", "explored", "failed", "timeout", "put_off")
_PUSHES: tuple[Push, ...] = ("live", "replayed")
_REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)  # an ask waits for up to 20 s
_LAG_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_ENGINE_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library left this one without types
# A registry of our own: other libraries may count things in the global registry.
REGISTRY = CollectorRegistry()
for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _collector(registry=REGISTRY)

_requests = Counter(
    "autotune_requests", "Requests that ended, by route and status.", ("method", "rule", "status"), registry=REGISTRY
)
_request_seconds = Histogram(
    "autotune_request_seconds",
    "From a request to the end of its reply, by outcome.",
    ("method", "rule", "outcome"),
    buckets=_REQUEST_BUCKETS_S,
    registry=REGISTRY,
)
_websockets_open = Gauge("autotune_websockets_open", "Websockets open now.", registry=REGISTRY)
_websocket_closes = Counter(
    "autotune_websocket_closes", "Websockets that were closed, by code.", ("code",), registry=REGISTRY
)
_events_pushed = Counter(
    "autotune_events_pushed", "Events sent to a watcher, live or replayed.", ("push",), registry=REGISTRY
)
_event_lag_seconds = Histogram(
    "autotune_event_lag_seconds",
    "From a live event to the moment when it was sent to a watcher.",
    buckets=_LAG_BUCKETS_S,
    registry=REGISTRY,
)
_engine_runs = Counter(
    "autotune_engine_runs", "Runs of the engine, by outcome.", ("kind", "outcome"), registry=REGISTRY
)
_engine_seconds = Histogram(
    "autotune_engine_seconds",
    "How long a run of the engine took, by outcome.",
    ("kind", "outcome"),
    buckets=_ENGINE_BUCKETS_S,
    registry=REGISTRY,
)
_leases_expired = Counter(
    "autotune_leases_expired", "Suggestions whose lease ended before they were told.", registry=REGISTRY
)
_listener_reconnects = Counter(
    "autotune_listener_reconnects", "Listening connections to the database that were lost.", registry=REGISTRY
)
# Series start at 0: a series that starts with its first event shows no increase there, so an alert would miss it.
for _kind in _KINDS:
    for _outcome in _OUTCOMES:
        _engine_runs.labels(_kind, _outcome)
        _engine_seconds.labels(_kind, _outcome)
_PUSHED: dict[Push, Counter] = {push: _events_pushed.labels(push) for push in _PUSHES}


@dataclass(frozen=True, slots=True)
class Load:
    """The load at the moment of a scrape.

    Attributes:
        n_experiments_due: Experiments with work for the engine, claimed by a worker or not. None if the database did
            not respond.
        n_questions_waiting: Questions to the engine without a reply, claimed by a worker or not. None if the database
            did not respond.
        n_in_use: The pool's connections in use.
        n_idle: The pool's idle connections.
        n_max: The number of connections that the pool may open.
    """

    n_experiments_due: int | None
    n_questions_waiting: int | None
    n_in_use: int
    n_idle: int
    n_max: int


def request_ended(method: str, rule: str, status: int, seconds: float) -> None:
    """Count a request that ended.

    Args:
        method: The HTTP method, or one word for all methods that are not HTTP's.
        rule: The route's rule, never the path.
        status: The reply's status; ``GONE`` if the client hung up first.
        seconds: The time from the request to the end of its reply.
    """
    _requests.labels(method, rule, str(status)).inc()
    outcome: RequestOutcome = "gone" if status == GONE else _BY_CLASS[status // 100]
    _request_seconds.labels(method, rule, outcome).observe(seconds)


def websocket_opened() -> None:
    """Count a websocket as open until ``websocket_closed``."""
    _websockets_open.inc()


def websocket_closed(code: str) -> None:
    """Count the end of an open websocket; ``code`` must come from a short list, as a client may send any code."""
    _websockets_open.dec()
    _websocket_closes.labels(code).inc()


def event_pushed(push: Push, lag_s: float | None = None) -> None:
    """Count an event that was sent; for a live event, ``lag_s`` is the time since the event happened."""
    _PUSHED[push].inc()
    if lag_s is not None:
        _event_lag_seconds.observe(max(lag_s, 0.0))


def engine_ran(kind: str, outcome: EngineOutcome, seconds: float) -> None:
    """Count a run of the engine."""
    _engine_runs.labels(kind, outcome).inc()
    _engine_seconds.labels(kind, outcome).observe(seconds)


def leases_expired(n: int) -> None:
    """Count leases of suggestions that ended without being told or renewed."""
    _leases_expired.inc(n)


def listener_lost() -> None:
    """Count a listening connection that was lost or could not be opened."""
    _listener_reconnects.inc()


def exposition(load: Load) -> bytes:
    """Write all metrics in Prometheus' text format."""
    return generate_latest(_with_load(lambda: load))


def serve_metrics(host: str, port: int, read: Callable[[], Load]) -> Callable[[], None]:
    """Serve the metrics to Prometheus on a port of their own, in a thread.

    Args:
        host: The address to listen on.
        port: The port.
        read: Reads the load, called in the thread of a scrape.

    Returns:
        A function that stops serving; it blocks for less than a second.

    Raises:
        OSError: If the port is taken.
    """
    server, thread = start_http_server(port, host, _with_load(read))

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop


def _with_load(read: Callable[[], Load]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(REGISTRY)
    registry.register(_LoadCollector(read))
    return registry


class _LoadCollector(Collector):
    """Reads the load at each scrape."""

    def __init__(self, read: Callable[[], Load]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        load = self._read()
        is_up = load.n_experiments_due is not None
        yield GaugeMetricFamily("autotune_database_up", "Whether the database responded, 0 or 1.", float(is_up))
        # Without a database the two have no value: repeating the last value would make an old number look current.
        yield _gauge("autotune_experiments_due", "Experiments with work for the engine.", load.n_experiments_due)
        yield _gauge("autotune_questions_waiting", "Questions without a reply.", load.n_questions_waiting)
        connections = GaugeMetricFamily(
            "autotune_database_connections", "The pool's connections, by state.", labels=["state"]
        )
        connections.add_metric(["in_use"], load.n_in_use)
        connections.add_metric(["idle"], load.n_idle)
        yield connections
        yield _gauge("autotune_database_connections_max", "Connections that the pool may open.", load.n_max)


def _gauge(name: str, text: str, value: int | None) -> Metric:
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family
