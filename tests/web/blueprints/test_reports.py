"""Reports of runs under way, verdicts on them, and runs that were stopped early, over the API."""

import asyncio
import json

import pytest

from autotune_wire.reports import MAX_REPORTS
from calling import get, post
from support import GUESS, UNKNOWN_UUID, make_experiment

RULE = {"rule": "median", "min_runs": 2}


@pytest.fixture
async def experiment(client, headers, fake_pool):
    return await make_experiment(client, headers, early_stop=RULE)


@pytest.fixture
def call(client, headers, experiment):
    """Post to a path of the experiment; returns the reply, or the problem."""

    async def call(path, body, wanted=200):
        at = f"/experiment/tell/{experiment['exp_uuid']}" if path == "tell" else None
        at = at or (f"/experiment/ask/{experiment['exp_uuid']}" if path == "ask" else f"{at_of(experiment)}/{path}")
        status, reply = await post(client, at, headers, body)
        assert status == wanted, reply
        return reply

    return call


def at_of(experiment):
    return f"/experiment/{experiment['exp_uuid']}"


@pytest.fixture
def take(call):
    """Take the next suggestion, and return its uuid."""

    async def take():
        (suggestion,) = (await call("ask", {}))["suggestions"]
        return suggestion

    return take


@pytest.fixture
def complete(call, take):
    """Run a suggestion to its end: report its values at the steps from 1 on, and tell the last one."""

    async def complete(*values):
        suggestion = await take()
        uuid = suggestion["suggestion_uuid"]
        for step, value in enumerate(values, start=1):
            verdict = await call("report", {"suggestion_uuid": uuid, "step": step, "value": value})
            assert not verdict["should_stop"], verdict
        told = {"covars": suggestion["covars"], "suggestion_uuid": uuid, "response": values[-1]}
        return (await call("tell", told, 202))["observations"][0]

    return complete


async def receive_answer(socket, frame_id):
    async with asyncio.timeout(30):
        while True:
            frame = json.loads(await socket.receive())
            if frame.get("id") == frame_id:
                return frame


async def curves_of(client, headers, experiment, query=""):
    status, reply = await get(client, f"{at_of(experiment)}/curves{query}", headers)
    assert status == 200
    return reply


async def events_of(client, headers, experiment):
    status, document = await get(client, f"{at_of(experiment)}/export", headers)
    assert status == 200
    return document["events"]


async def test_run_below_the_median_is_to_be_stopped_and_stays_so(call, take, complete):
    await complete(1.0, 2.0)
    await complete(3.0, 4.0)
    uuid = (await take())["suggestion_uuid"]
    # At step 1 the averages are 1 and 3, so their median is 2.
    verdict = await call("report", {"suggestion_uuid": uuid, "step": 1, "value": 1.5})
    assert verdict == {
        "suggestion_uuid": uuid,
        "step": 1,
        "should_stop": True,
        "why": "by step 1 its best, 1.5, is worse than 2, the median of the averages that 2 completed runs had by then",
        "n_reports": 1,
    }
    later = await call("report", {"suggestion_uuid": uuid, "step": 2, "value": 99.0})
    assert (later["should_stop"], later["why"], later["n_reports"]) == (True, verdict["why"], 2)


async def test_report_is_an_event_and_a_repeated_one_is_none(client, headers, experiment, call, take):
    uuid = (await take())["suggestion_uuid"]
    body = {"suggestion_uuid": uuid, "step": 3, "value": 0.5}
    first = await call("report", body)
    assert await call("report", body) == first
    reported = [one for one in await events_of(client, headers, experiment) if one["type"] == "reported"]
    data = {"suggestion_uuid": uuid, "step": 3, "value": 0.5, "should_stop": False, "why": None}
    assert [one["data"] for one in reported] == [data]


async def test_newest_value_of_a_step_counts_and_steps_come_in_any_order(client, headers, experiment, call, take):
    uuid = (await take())["suggestion_uuid"]
    for step, value in ((5, 0.5), (2, 0.2), (5, 0.7)):
        await call("report", {"suggestion_uuid": uuid, "step": step, "value": value})
    curves = await curves_of(client, headers, experiment)
    (curve,) = curves["curves"]
    assert curves["response"] == "Response"
    assert (curve["steps"], curve["values"], curve["state"]) == ([2, 5], [0.2, 0.7], "running")
    values = [one["data"]["value"] for one in await events_of(client, headers, experiment) if one["type"] == "reported"]
    assert values == [0.5, 0.2, 0.7]


async def test_report_prolongs_a_lease_and_never_shortens_it(client, headers, experiment, call):
    (suggestion,) = (await call("ask", {"lease_s": 3600}))["suggestions"]

    async def lease_after(lease_s, step):
        report = {"suggestion_uuid": suggestion["suggestion_uuid"], "step": step, "value": 1.0, "lease_s": lease_s}
        await call("report", report)
        _, overview = await get(client, f"{at_of(experiment)}/overview", headers)
        return next(s for s in overview["suggestions"] if s["state"] == "leased")["lease_until"]

    assert await lease_after(60, 1) == suggestion["lease_until"]
    assert await lease_after(7200, 2) > suggestion["lease_until"]


async def test_stopped_run_has_its_last_report_and_is_never_the_best(client, headers, experiment, call, take, complete):
    best = await complete(1.0, 2.0)
    suggestion = await take()
    uuid = suggestion["suggestion_uuid"]
    for step, value in ((1, 5.0), (2, 9.0)):
        await call("report", {"suggestion_uuid": uuid, "step": step, "value": value})
    told = {"covars": suggestion["covars"], "suggestion_uuid": uuid, "status": "stopped"}
    reply = await call("tell", told, 202)
    (one,) = reply["observations"]
    assert (one["status"], one["stopped_step"], one["stopped_value"]) == ("ok", 2, 9.0)
    assert (one["response"], one["responses"]) == (None, {})
    assert json.loads(reply["best_response"]) == {"Response": {"0": 2.0}}
    _, read = await get(client, at_of(experiment), headers)
    assert read["best"]["observation_uuid"] == best["observation_uuid"]
    _, overview = await get(client, f"{at_of(experiment)}/overview", headers)
    assert (overview["stopped"], overview["responses"]) == ([2], {"Response": [2.0, None]})
    curves = await curves_of(client, headers, experiment)
    assert [curve["state"] for curve in curves["curves"]] == ["completed", "stopped"]
    again = await call("tell", told, 409)
    assert "a stop at step 2" in again["detail"]


@pytest.mark.parametrize(
    ("told", "stopped"),
    [
        ({"response": 0.25}, (4, 0.25)),
        ({"stopped_step": 7}, (7, 0.5)),
        ({"stopped_step": 7, "response": 0.25}, (7, 0.25)),
    ],
)
async def test_what_is_told_of_a_stop_goes_before_what_was_reported(call, take, told, stopped):
    suggestion = await take()
    uuid = suggestion["suggestion_uuid"]
    await call("report", {"suggestion_uuid": uuid, "step": 4, "value": 0.5})
    body = {"covars": suggestion["covars"], "suggestion_uuid": uuid, "status": "stopped", **told}
    (one,) = (await call("tell", body, 202))["observations"]
    assert (one["stopped_step"], one["stopped_value"]) == stopped


async def test_stopped_run_needs_no_suggestion_where_all_is_told(call):
    told = {"covars": GUESS | {"weight": 9.0}, "status": "stopped", "stopped_step": 3, "response": 0.5}
    (one,) = (await call("tell", told, 202))["observations"]
    assert (one["stopped_step"], one["stopped_value"]) == (3, 0.5)


@pytest.mark.parametrize(
    ("told", "field", "message"),
    [
        ({"status": "stopped"}, "stopped_step", "is missing: give the step at which the run was stopped"),
        (
            {"status": "stopped", "stopped_step": 3},
            "response",
            "is missing: the run has reported nothing, so give the last value of Response",
        ),
        (
            {"response": 1.0, "stopped_step": 3},
            "stopped_step",
            "is the step at which a run was stopped: set status to stopped too",
        ),
        (
            {"status": "stopped", "stopped_step": 3, "response": 1.0, "failed_because": "x"},
            "failed_because",
            "is the reason of a failed run: set status to failed, or leave it out",
        ),
    ],
)
async def test_told_stop_that_is_not_complete_names_the_field(call, told, field, message):
    problem = await call("tell", {"covars": GUESS, **told}, 422)
    assert (problem["errors"][0]["field"], problem["errors"][0]["message"]) == (field, message)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"step": -1}, "step"),
        ({"step": 1.5}, "step"),
        ({"step": True}, "step"),
        ({"step": 2**60}, "step"),
        ({"value": "0.5"}, "value"),
        ({"value": True}, "value"),
        ({"suggestion_uuid": UNKNOWN_UUID}, "suggestion_uuid"),
        ({"epoch": 3}, "epoch"),
    ],
)
async def test_wrong_report_names_the_field(call, take, wrong, field):
    uuid = (await take())["suggestion_uuid"]
    problem = await call("report", {"suggestion_uuid": uuid, "step": 1, "value": 0.5} | wrong, 422)
    assert problem["errors"][0]["field"] == field


async def test_told_run_reports_no_more_and_an_abandoned_one_may(call, take, complete):
    told = await complete(1.0)
    problem = await call("report", {"suggestion_uuid": told["suggestion_uuid"], "step": 2, "value": 1.0}, 409)
    assert problem["code"] == "already_told"
    same = await call("report", {"suggestion_uuid": told["suggestion_uuid"], "step": 1, "value": 1.0})
    assert not same["should_stop"]
    uuid = (await take())["suggestion_uuid"]
    await call("abandon", {"suggestion_uuid": uuid})
    await call("report", {"suggestion_uuid": uuid, "step": 1, "value": 5.0})


async def test_closed_experiment_takes_no_reports(call, take):
    uuid = (await take())["suggestion_uuid"]
    await call("close", {})
    problem = await call("report", {"suggestion_uuid": uuid, "step": 1, "value": 1.0}, 409)
    assert problem["code"] == "experiment_closed"


async def test_failed_and_excluded_runs_are_compared_with_none(call, take, complete):
    for _ in range(2):
        await complete(5.0)
    excluded = await complete(5.0)
    correction = {"version": 1, "reason": "slip", "is_excluded": True}
    await call(f"observation/{excluded['observation_uuid']}", correction)
    failed = await take()
    await call("report", {"suggestion_uuid": failed["suggestion_uuid"], "step": 1, "value": 9.0})
    await call("tell", {"covars": failed["covars"], "status": "failed"}, 202)
    uuid = (await take())["suggestion_uuid"]
    verdict = await call("report", {"suggestion_uuid": uuid, "step": 1, "value": 4.0})
    assert "2 completed runs" in verdict["why"]


async def test_without_a_rule_no_run_is_stopped(client, headers, fake_pool):
    made = await make_experiment(client, headers)
    exp_uuid = made["exp_uuid"]
    for value in (5.0, 5.0, 5.0, 5.0, 5.0, 1.0):
        _, asked = await post(client, f"/experiment/ask/{exp_uuid}", headers, {})
        (suggestion,) = asked["suggestions"]
        named = {"suggestion_uuid": suggestion["suggestion_uuid"]}
        report = {**named, "step": 1, "value": value}
        _, verdict = await post(client, f"/experiment/{exp_uuid}/report", headers, report)
        assert verdict["should_stop"] is False
        told = {"covars": suggestion["covars"], "response": value, **named}
        await post(client, f"/experiment/tell/{exp_uuid}", headers, told)


async def test_reports_of_a_run_have_a_limit(call, take, app, monkeypatch):
    monkeypatch.setattr("autotune_service.tuning.report.MAX_REPORTS", 2)
    uuid = (await take())["suggestion_uuid"]
    for step in (1, 2):
        await call("report", {"suggestion_uuid": uuid, "step": step, "value": 1.0})
    problem = await call("report", {"suggestion_uuid": uuid, "step": 3, "value": 1.0}, 409)
    assert (problem["code"], problem["detail"]) == (
        "limit_reached",
        "a run may report at most 2 steps, and this one has reported so many: report fewer of its steps, such as every "
        "tenth",
    )
    await call("report", {"suggestion_uuid": uuid, "step": 2, "value": 2.0})
    assert MAX_REPORTS == 1000


async def test_correction_of_a_stop_keeps_it_unless_it_says_otherwise(call, take, complete):
    suggestion = await take()
    uuid = suggestion["suggestion_uuid"]
    await call("report", {"suggestion_uuid": uuid, "step": 4, "value": 0.5})
    told = {"covars": suggestion["covars"], "suggestion_uuid": uuid, "status": "stopped"}
    (one,) = (await call("tell", told, 202))["observations"]
    at = f"observation/{one['observation_uuid']}"
    one = await call(at, {"version": 1, "reason": "misread", "response": 0.25})
    assert (one["stopped_step"], one["stopped_value"], one["responses"]) == (4, 0.25, {})
    one = await call(at, {"version": 2, "reason": "it went on", "status": "ok", "response": 3.0})
    assert (one["stopped_step"], one["stopped_value"], one["response"]) == (None, None, 3.0)
    one = await call(at, {"version": 3, "reason": "it did not", "status": "stopped", "stopped_step": 6})
    assert (one["stopped_step"], one["stopped_value"], one["responses"]) == (6, 3.0, {})
    one = await call(at, {"version": 4, "reason": "it broke", "status": "failed"})
    assert (one["status"], one["stopped_step"], one["responses"]) == ("failed", None, {})


async def test_export_and_import_keep_curves_stops_and_the_rule(client, headers, experiment, call, take, complete):
    await complete(1.0, 2.0)
    suggestion = await take()
    uuid = suggestion["suggestion_uuid"]
    await call("report", {"suggestion_uuid": uuid, "step": 4, "value": 0.5})
    told = {"covars": suggestion["covars"], "suggestion_uuid": uuid, "status": "stopped"}
    await call("tell", told, 202)
    _, document = await get(client, f"{at_of(experiment)}/export", headers)
    status, imported = await post(client, "/experiment/import", headers, document)
    assert status == 201, imported
    assert imported["early_stop"] == experiment["early_stop"]

    def without_uuids(reply):
        dropped = {"suggestion_uuid", "observation_uuid"}
        return [{name: value for name, value in one.items() if name not in dropped} for one in reply["curves"]]

    mine, its = [await curves_of(client, headers, one) for one in (experiment, imported)]
    assert without_uuids(mine) == without_uuids(its)
    _, history = await get(client, f"{at_of(imported)}/history", headers)
    assert [one["stopped_value"] for one in history["observations"]] == [None, 0.5]


@pytest.mark.parametrize(
    ("break_", "field"),
    [
        (lambda curve: curve["steps"].reverse(), "curves.0.steps"),
        (lambda curve: curve["values"].pop(), "curves.0.steps"),
        (lambda curve: curve.update(seq=1), "curves.0.seq"),
        (lambda curve: curve.update(suggestion_uuid=UNKNOWN_UUID), "curves.0.suggestion_uuid"),
    ],
)
async def test_import_refuses_a_curve_that_cannot_be(client, headers, experiment, complete, break_, field):
    await complete(1.0, 2.0)
    _, document = await get(client, f"{at_of(experiment)}/export", headers)
    break_(document["curves"][0])
    status, problem = await post(client, "/experiment/import", headers, document)
    assert (status, problem["errors"][0]["field"]) == (422, field)


async def test_import_has_no_more_reports_than_an_experiment_may(client, headers, experiment, complete, monkeypatch):
    monkeypatch.setattr("autotune_service.domain.portable.MAX_ALL_REPORTS", 2)
    await complete(1.0, 2.0, 3.0)
    _, document = await get(client, f"{at_of(experiment)}/export", headers)
    status, problem = await post(client, "/experiment/import", headers, document)
    assert (status, problem["errors"][0]["field"]) == (422, "curves")


async def test_undone_stop_can_be_told_to_its_end(call, take, complete):
    suggestion = await take()
    uuid = suggestion["suggestion_uuid"]
    await call("report", {"suggestion_uuid": uuid, "step": 4, "value": 0.5})
    told = {"covars": suggestion["covars"], "suggestion_uuid": uuid}
    await call("tell", told | {"status": "stopped"}, 202)
    await call("undo", {})
    await call("report", {"suggestion_uuid": uuid, "step": 5, "value": 0.6})
    (one,) = (await call("tell", told | {"response": 0.7}, 202))["observations"]
    assert (one["response"], one["stopped_step"]) == (0.7, None)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"rule": "luck"}, "early_stop.rule"),
        ({"rule": "median", "min_steps": 0}, "early_stop.min_steps"),
        ({"rule": "median", "min_runs": 0}, "early_stop.min_runs"),
        ({"rule": "median", "reduction_factor": 3}, "early_stop.reduction_factor"),
        ({"rule": "successive_halving", "reduction_factor": 1}, "early_stop.reduction_factor"),
        ({"rule": "median", "response": "cost"}, "early_stop.response"),
        ({"rule": "median", "response": "taste"}, "early_stop.response"),
    ],
)
async def test_wrong_rule_names_the_field(client, headers, rule, field):
    responses = {"loss": {"goal": "minimize"}, "cost": {"goal": "<=", "bound": 1.0}}
    body = {"name": "e", "covars": {"x": {"vtype": "cont", "guess": 0.5, "min": 0, "max": 1}}, "responses": responses}
    status, problem = await post(client, "/experiment/new", headers, body | {"early_stop": rule})
    assert (status, problem["errors"][0]["field"]) == (422, field)


async def test_curves_may_be_only_the_newest(client, headers, experiment, complete):
    for value in (1.0, 2.0, 3.0):
        await complete(value)
    curves = await curves_of(client, headers, experiment, "?newest=2")
    assert [curve["values"] for curve in curves["curves"]] == [[2.0], [3.0]]


async def test_report_over_the_websocket_is_that_over_http(client, headers, experiment, call, take):
    uuid = (await take())["suggestion_uuid"]
    async with client.websocket(f"/experiment/stream/{experiment['exp_uuid']}", headers=headers) as socket:
        body = {"suggestion_uuid": uuid, "step": 1, "value": 0.5}
        await socket.send(json.dumps({"op": "report", "id": 1, **body}))
        answer = await receive_answer(socket, 1)
        assert answer["result"] == await call("report", body)
        await socket.send(json.dumps({"op": "report", "id": 2, **body, "step": "one"}))
        answer = await receive_answer(socket, 2)
        assert answer["problem"]["errors"][0]["field"] == "step"


async def test_viewer_reads_curves_and_reports_nothing(client, headers, experiment, call, take, stranger):
    uuid = (await take())["suggestion_uuid"]
    await call("share", {"email": "eve@example.org", "role": "viewer"})
    status, _ = await get(client, f"{at_of(experiment)}/curves", stranger)
    assert status == 200
    body = {"suggestion_uuid": uuid, "step": 1, "value": 0.5}
    status, problem = await post(client, f"{at_of(experiment)}/report", stranger, body)
    assert (status, problem["code"]) == (403, "forbidden")
