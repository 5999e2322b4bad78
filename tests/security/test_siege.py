"""Ten thousand hostile requests and frames: no error of the service, and nothing of a stranger's experiments.

An ordinary run sends some hundreds of them, and ``--soak`` all. They are the same in each run.
"""

import json
import re
from contextlib import ExitStack

import hostile_requests
import pytest
import requests
import schemathesis
import strangers
import websockets.exceptions
from besieged import Besieged, own
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from strangers import KEYS, MARKER
from websockets.sync.client import connect

from processes import ServiceProcess
from support import PASSWORD, SPACE, UNKNOWN_UUID

RENEW_AFTER = 100
"""So many requests later the attacker may have ended her session and her experiments, and gets new ones."""

OBSERVATION = "/experiment/{exp_uuid}/observation/{observation_uuid}"
MEMBER = {"email": "carol@example.org", "role": "viewer"}
BODIES = {
    "/experiment/new": [strangers.NEW, {"name": "small", "covars": SPACE}],
    "/experiment/tell/{exp_uuid}": strangers.TELLS,
    "/experiment/ask/{exp_uuid}": [{"n": 1}, {"worker": "w", "lease_s": 5}],
    "/experiment/{exp_uuid}/renew": [{"suggestion_uuids": [UNKNOWN_UUID], "worker": "w", "lease_s": 5}],
    "/experiment/{exp_uuid}/abandon": [strangers.ABANDON | {"suggestion_uuid": UNKNOWN_UUID}],
    "/experiment/{exp_uuid}/space": [strangers.SPACE],
    "/experiment/{exp_uuid}/predict": [strangers.PREDICT],
    "/experiment/{exp_uuid}/undo": [{"n": 1}],
    "/experiment/{exp_uuid}/rename": [{"name": "own"}],
    "/experiment/{exp_uuid}/resume": [{"stop": {"budget": 5}}, {"stop": None}],
    "/experiment/{exp_uuid}/pause": [{"reason": "own"}],
    "/experiment/{exp_uuid}/delete": [{"name": "another"}],
    "/experiment/{exp_uuid}/share": [MEMBER, {"group": "own group", "role": "viewer"}],
    "/experiment/{exp_uuid}/unshare": [{"email": "carol@example.org"}, {"group": "own group"}],
    "/experiment/{exp_uuid}/transfer": [{"email": "nobody@example.org"}],
    OBSERVATION: [strangers.CORRECTION, strangers.FAILURE, {"version": 1, "reason": "x", "is_excluded": True}],
    f"{OBSERVATION}/note": [strangers.NOTE],
    "/group": [{"name": "own group"}],
    "/group/{group_uuid}/add": [{"email": "carol@example.org"}],
    "/group/{group_uuid}/remove": [{"email": "carol@example.org"}],
    "/auth/tokens": [{"name": "x", "scopes": ["read"], "experiments": [UNKNOWN_UUID], "expires_in_s": 60}],
    "/auth/refresh": [{"refresh_token": "x"}],
    "/user/signup": [{"email": "no address", "password": PASSWORD, "invitation": "x"}],
    "/user/password": [{"old_password": "wrong", "new_password": "wrong too"}],
    "/user/reset": [{"code": "x", "new_password": PASSWORD}],
    "/user/invitations": [{"email": "carol@example.org"}],
    "/user/{user_uuid}/delete": [{"email": "nobody@example.org"}],
    "/user/delete": [{"password": "wrong"}],
    "/user/deactivate": [{"password": "wrong"}],
}
"""Valid bodies, or nearly so, by the path that they are sent to; the others get ``{}``."""


@pytest.fixture(scope="module")
async def database(cluster, template):
    async with cluster.database(template) as url:
        yield url


@pytest.fixture(scope="module")
def besieged(database, tmp_path_factory):
    data = tmp_path_factory.mktemp("besieged") / "data"
    with ExitStack() as stack:
        service = ServiceProcess(data, AUTOTUNE_DATABASE_URL=database, AUTOTUNE_ENGINE_PROCESSES="1")
        stack.callback(service.close)
        besieged = Besieged.of(service.start(), stack)
        stack.callback(besieged.close)
        yield besieged


@pytest.fixture
def many(request):
    """Hypothesis's settings for so many examples: ``many(short, long)``."""
    is_long = request.config.getoption("--soak")
    return lambda short, long: settings(
        max_examples=long if is_long else short,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # what was sent cannot be taken back, so a smaller example proves nothing
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("message", strangers.BODIES)
def test_marker_is_in_each_text_that_the_contract_lets_a_user_write(message):
    schema = message.model_json_schema()
    assert list(strangers.without_marker(schema, strangers.BODIES[message])) == []


def test_text_that_was_forgotten_would_be_named():
    without = [own(body) for body in strangers.BODIES[strangers.NoteEdit]]
    assert set(strangers.without_marker(strangers.NoteEdit.model_json_schema(), without)) == {".note", ".tags[]"}


def cases_of(besieged):
    """Give for each operation of the API's description what draws its requests: valid ones, and others."""
    document = besieged.stranger.get("/openapi.json").json()
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            yield result.ok().as_strategy(generation_mode=mode)


def path_of(draw, besieged, caller, template):
    return re.sub(r"{(\w+)}", lambda name: draw(st.sampled_from(besieged.ids(caller, name[1]))), template)


def test_requests_by_the_description(besieged, many):
    cases = list(cases_of(besieged))
    assert len(cases) > 100

    @many(100, 4500)
    @given(st.data())
    def attack(data):
        caller = data.draw(st.sampled_from(list(besieged.callers)))
        try:
            case = data.draw(data.draw(st.sampled_from(cases)))
        except Unsatisfiable:
            return  # there is nothing to say wrongly
        for name in case.path_parameters:
            case.path_parameters[name] = data.draw(st.sampled_from(besieged.ids(caller, name)))
        arguments = case.as_transport_kwargs(base_url=besieged.service.url)
        prepared = requests.Request(**{k: v for k, v in arguments.items() if k in REQUEST}).prepare()
        names = {"authorization", "cookie", "content-length", "transfer-encoding"}
        headers = [(k.encode(), v.encode()) for k, v in prepared.headers.items() if k.lower() not in names]
        send(besieged, caller, prepared.method, prepared.path_url, headers, prepared.body)

    attack()
    assert_varied(besieged, {200, 401, 404, 422})


REQUEST = {"method", "url", "headers", "params", "data", "json", "files", "cookies"}


def send(besieged, caller, method, target, headers, body):
    if sum(besieged.statuses.values()) % RENEW_AFTER == 0:
        besieged.renew()
    body = body.encode() if isinstance(body, str) else body
    answer = besieged.send(method, target, [*besieged.callers[caller], *headers], body)
    besieged.judge(caller, f"{method} {target[:200]} {body and body[:500]!r}", answer.status, answer.text)


def test_requests_with_what_does_not_belong_there(besieged, many):
    document = besieged.stranger.get("/openapi.json").json()
    methods = [(method.upper(), path) for path, found in document["paths"].items() for method in found]
    bodies = {path: [own(body) for body in BODIES.get(path, [{}])] for _, path in methods}
    bodies["/experiment/import"] = [besieged.eve.get(f"/experiment/{besieged.owns['exp_uuid'][0]}/export").json()]
    assert set(BODIES) <= set(bodies)

    @many(250, 6000)
    @given(st.data())
    def attack(data):
        method, template = data.draw(st.sampled_from(methods))
        caller = data.draw(st.sampled_from(list(besieged.callers)))
        if data.draw(st.integers(0, 20)) == 0:
            method = data.draw(st.sampled_from(["PATCH", "TRACE", "HEAD", "OPTIONS", "PUT", "NONSENSE"]))
        target = path_of(data.draw, besieged, caller, template)
        query = data.draw(hostile_requests.queries())
        target += f"?{query.decode()}" if query else ""
        headers = data.draw(hostile_requests.headers())
        if caller == "nobody":
            headers.append((b"Authorization", data.draw(hostile_requests.credentials())))
        if data.draw(st.integers(0, 5)) == 0:
            headers.append((b"Idempotency-Key", data.draw(st.sampled_from(KEYS)).encode()))
        body = data.draw(hostile_requests.texts(bodies[template])) if method != "GET" else None
        send(besieged, caller, method, target, headers, body)

    attack()
    assert_varied(besieged, {200, 400, 401, 403, 404, 405, 422})


def assert_varied(besieged, statuses):
    """Check that requests came as far as they could, and that the marker was there to be told."""
    assert statuses <= {status for _, status in besieged.statuses}, besieged.statuses
    for exp_uuid in besieged.foreign["exp_uuid"]:
        assert MARKER in besieged.stranger.get(f"/experiment/{exp_uuid}").text
    assert "Traceback" not in besieged.service.log()


FRAMES = [
    *({"op": "tell", "id": 1, **own(tell)} for tell in strangers.TELLS),
    {"op": "ask", "id": "a", "n": 1, "key": KEYS[1]},
    {"op": "renew", "id": 2, "suggestion_uuids": [UNKNOWN_UUID], "lease_s": 5},
    {"op": "abandon", "id": 3, "suggestion_uuid": UNKNOWN_UUID, "reason": "own"},
    {"op": "resume", "id": 4, "positions": {UNKNOWN_UUID: 0}, "epoch": "x"},
    {"op": "auth", "id": 5, "token": "x"},
]
CODES = {None, 1000, 1002, 1003, 1007, 1009, 4029, 4401, 4403, 4404}
"""What may end a socket of somebody who sends such frames; 1011 would be an error of the service."""


def test_frames_with_what_does_not_belong_there(besieged, many):
    besieged.renew()

    @many(30, 700)
    @given(st.data())
    def attack(data):
        exp_uuid = data.draw(st.sampled_from([*besieged.foreign["exp_uuid"], *besieged.owns["exp_uuid"] * 4]))
        path = data.draw(st.sampled_from([f"/experiment/stream/{exp_uuid}", "/experiment/stream"]))
        query = data.draw(hostile_requests.queries()) if data.draw(st.integers(0, 4)) == 0 else b""
        caller = data.draw(st.sampled_from(["nobody", "eve by a session", "eve by a token of scope admin"]))
        bodies = [*FRAMES, {"op": "resume", "id": 6, "positions": dict.fromkeys(besieged.foreign["exp_uuid"], 0)}]
        frames = data.draw(st.lists(hostile_requests.texts(bodies), min_size=1, max_size=8))
        is_text = data.draw(st.lists(st.sampled_from([True, True, True, False]), min_size=8, max_size=8))
        exchange(besieged, caller, f"{path}?{query.decode()}", list(zip(frames, is_text, strict=False)))

    attack()
    assert {200, 404} <= {status for _, status in besieged.statuses}
    assert "Traceback" not in besieged.service.log()


def exchange(besieged, caller, path, frames):
    """Open a websocket and send frames, and judge all that comes back until it ends."""
    headers = {name.decode(): value.decode() for name, value in besieged.callers[caller]}
    told, code, status = [], None, 200
    try:
        url = besieged.service.url.replace("http", "ws", 1) + path
        with connect(url, additional_headers=headers, open_timeout=30, max_size=None) as socket:
            for frame, is_text in frames:
                socket.send(frame, text=is_text)
            socket.send(json.dumps({"op": "none", "id": "the last"}))
            while '"the last"' not in (told or [""])[-1]:
                told.append(str(socket.recv(timeout=30)))
    except websockets.exceptions.InvalidStatus as refused:
        status = refused.response.status_code
        told.append(refused.response.body.decode(errors="replace"))
    except websockets.exceptions.ConnectionClosed as closed:
        code = closed.rcvd and closed.rcvd.code
        told.append(str(closed))
    assert code in CODES, f"{caller}: {path} {frames!r:.1000}: closed with {code}, after {told[-2:]}"
    besieged.judge(caller, f"websocket {path} {frames!r:.1000}", status, "\n".join(told))
