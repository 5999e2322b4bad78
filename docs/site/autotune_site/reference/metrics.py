"""The metrics."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from autotune_service.observing import metrics
from autotune_site.reference.tables import table

_LOAD = metrics.Load(n_experiments_due=0, n_questions_waiting=0, n_in_use=0, n_idle=0, n_max=0)


def lines() -> Iterator[str]:
    """Yield AutoTune's own metrics, then those of the process."""
    found = sorted(_families(), key=lambda family: family.name)
    own = [family for family in found if family.name.startswith("autotune_")]
    yield from table(("metric", "kind", "labels", "meaning"), map(_row, own))
    yield from ("Those of every Python process:", "")
    yield from table(("metric", "kind", "labels", "meaning"), (_row(family) for family in found if family not in own))


def _families() -> Iterator[Metric]:
    # One of each, so that every series, and with it every label, is there.
    metrics.request_ended("GET", "/health/live", 200, 0.01)
    metrics.websocket_opened()
    metrics.websocket_closed("1000")
    yield from text_string_to_metric_families(metrics.exposition(_LOAD).decode())


def _row(family: Metric) -> tuple[str, str, str, str]:
    labels = dict.fromkeys(label for sample in family.samples for label in sample.labels if label != "le")
    name = f"{family.name}_total" if family.type == "counter" else family.name
    return f"`{name}`", family.type, ", ".join(f"`{label}`" for label in labels), family.documentation
