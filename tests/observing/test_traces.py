import json
import re
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from autotune_service.compute.worker import Worker
from autotune_service.observing.traces import current_traceparent, span, start_traces, stop_traces, trace_to
from fake_pool import FakePool
from support import GUESS, make_experiment, running

TRACEPARENT = re.compile("00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]")
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Spans:
    def __init__(self, exporter):
        self._exporter = exporter

    def named(self, name):
        return [one for one in self._exporter.get_finished_spans() if one.name == name]


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    trace_to(exporter, is_batched=False)
    yield Spans(exporter)
    stop_traces()


def test_without_configuration_nothing_is_traced(monkeypatch):
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    start_traces()
    with span("x", number=1) as open_span:
        open_span.rename("y")
        assert current_traceparent() is None


def test_without_configuration_nothing_is_loaded():
    script = (
        "import sys; from autotune_service.observing import traces; traces.start_traces()\n"
        "with traces.span('x'): traces.current_traceparent()\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], env={}, check=False).returncode == 0


def test_trace_goes_on_in_another_process_by_its_traceparent(spans):
    with span("tell"):
        carried = current_traceparent()
    assert TRACEPARENT.fullmatch(carried)
    with span("fit", carried), span("engine"):
        pass
    (tell,), (fit,), (engine,) = spans.named("tell"), spans.named("fit"), spans.named("engine")
    assert fit.parent.span_id == tell.context.span_id
    assert engine.parent.span_id == fit.context.span_id
    assert {one.context.trace_id for one in (tell, fit, engine)} == {tell.context.trace_id}


@pytest.mark.parametrize("bad", ["", "none", "00-0-0-01", "é" * 55, CALLER + "\n" + CALLER])
def test_traceparent_that_is_none_begins_a_trace(spans, bad):
    with span("fit", bad):
        pass
    (fit,) = spans.named("fit")
    assert fit.parent is None


def test_failure_is_told_by_its_kind_alone(spans):
    with pytest.raises(ValueError), span("fit"):
        raise ValueError("canary")
    (fit,) = spans.named("fit")
    assert not fit.status.is_ok
    assert fit.status.description == "ValueError"
    assert "canary" not in fit.to_json()


async def test_request_is_a_span_named_by_its_rule_that_goes_on_with_the_callers_trace(client, headers, spans):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    await client.get(f"/experiment/{exp_uuid}?x=canary", headers={**headers, "traceparent": CALLER})
    (found,) = spans.named("GET /experiment/<uuid:exp_uuid>")
    assert f"{found.context.trace_id:032x}" == CALLER.split("-")[1]
    assert found.attributes["exp_uuid"] == exp_uuid
    assert found.attributes["http.response.status_code"] in {200, 422}
    assert "canary" not in found.to_json()


async def test_job_is_a_span_around_the_engines_run(client, headers, store, database_url, spans):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    async with running(Worker("tests", store, database_url, FakePool()).run()):
        await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        await client.get(f"/experiment/ask/{exp_uuid}", headers=headers)
    (fit,), (engine,) = spans.named("fit"), spans.named("engine suggest")
    assert engine.parent.span_id == fit.context.span_id


async def test_one_trace_goes_from_the_tell_to_the_push(client, headers, store, database_url, spans):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    async with (
        running(Worker("tests", store, database_url, FakePool()).run()),
        client.websocket(f"/experiment/stream/{exp_uuid}", headers=headers) as socket,
    ):
        for _ in range(2):  # what was there before it came
            await socket.receive()
        await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        types = [json.loads(await socket.receive())["type"] for _ in range(3)]
        assert types == ["observation_added", "best_changed", "suggestion_created"]
    (tell,) = spans.named("POST /experiment/tell/<uuid:exp_uuid>")
    (fit,) = spans.named("fit")
    of_tell, of_best, of_suggestion = spans.named("push")
    assert fit.parent.span_id == tell.context.span_id
    assert of_tell.parent.span_id == of_best.parent.span_id == tell.context.span_id
    assert of_suggestion.parent.span_id == fit.context.span_id
    assert of_suggestion.context.trace_id == tell.context.trace_id
