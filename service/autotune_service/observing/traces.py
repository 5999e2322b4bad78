"""Traces by OpenTelemetry. Unless the environment names an endpoint, nothing is loaded and nothing is traced.

Another process continues a trace by its traceparent (W3C Trace Context), a text of 55 characters that names
a trace and a span, and says nothing about the work itself.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span as OpenTelemetrySpan
    from opentelemetry.trace import Tracer

_log = logging.getLogger(__name__)
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_HEADER = "traceparent"
_STOP_S = 2.0

Value = str | int | float | bool


class Span(Protocol):
    """A span that has not ended."""

    def rename(self, name: str) -> None:
        """Change the span's name, once more is known about the work."""

    def set(self, **attributes: Value) -> None:
        """Set attributes of the span; a dot in an attribute's name is written as two underscores."""

    def fail(self, reason: str) -> None:
        """Mark the span as failed; ``reason`` must come from a short list."""


class _NoSpan:
    def rename(self, name: str) -> None:
        pass

    def set(self, **attributes: Value) -> None:
        pass

    def fail(self, reason: str) -> None:
        pass


@dataclass(frozen=True, slots=True)
class _Tracing:
    provider: "TracerProvider"
    tracer: "Tracer"


_NO_SPAN = _NoSpan()
_tracing: _Tracing | None = None


def start_traces() -> None:
    """Start tracing if the environment names an endpoint and OpenTelemetry is installed."""
    is_disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_disabled or not any(os.environ.get(name) for name in _ENDPOINTS):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        _log.warning("no traces are sent: OpenTelemetry is not installed; pip install 'autotune-bo[traces]'")
        return
    trace_to(OTLPSpanExporter())


def trace_to(exporter: "SpanExporter", *, is_batched: bool = True) -> None:
    """Start tracing, and send the spans to an exporter."""
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    global _tracing
    resource = Resource.create()
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "autotune"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter) if is_batched else SimpleSpanProcessor(exporter))
    _tracing = _Tracing(provider, provider.get_tracer("autotune"))


def stop_traces() -> None:
    """Stop tracing, and send the remaining spans within two seconds at most."""
    global _tracing
    tracing, _tracing = _tracing, None
    if tracing is not None:
        # In a daemon thread: an endpoint that does not respond must not keep the process from stopping.
        stopping = Thread(target=tracing.provider.shutdown, daemon=True)
        stopping.start()
        stopping.join(_STOP_S)


@contextmanager
def span(name: str, parent: str | None = None, **attributes: Value) -> Iterator[Span]:
    """Trace the block.

    Args:
        name: The kind of work, from a short list, without ids.
        parent: The traceparent to continue. Without a valid traceparent, the current span is the parent.
        attributes: Attributes of the span; a dot in an attribute's name is written as two underscores.
    """
    if _tracing is None:
        yield _NO_SPAN
        return
    with _traced(_tracing.tracer, name, parent) as traced:
        traced.set(**attributes)
        yield traced


def current_traceparent() -> str | None:
    """Return the traceparent of the current span, for another process to continue; None if nothing is traced."""
    if _tracing is None:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get(_HEADER)


@contextmanager
def _traced(tracer: "Tracer", name: str, parent: str | None) -> Iterator[Span]:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    # Without a parent, or with a text that is not a traceparent, the context stays as it is.
    context = None if parent is None else TraceContextTextMapPropagator().extract({_HEADER: parent})
    # Left on, the library would record the exception's text, which may repeat what a user sent.
    with tracer.start_as_current_span(
        name, context, record_exception=False, set_status_on_exception=False
    ) as open_span:
        traced = _OpenSpan(open_span)
        try:
            yield traced
        except Exception as error:
            traced.fail(type(error).__name__)
            raise


class _OpenSpan:
    def __init__(self, open_span: "OpenTelemetrySpan") -> None:
        self._span = open_span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, **attributes: Value) -> None:
        for name, value in attributes.items():
            self._span.set_attribute(name.replace("__", "."), value)

    def fail(self, reason: str) -> None:
        from opentelemetry.trace import Status, StatusCode

        self._span.set_status(Status(StatusCode.ERROR, reason))
