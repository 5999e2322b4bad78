"""Whatever comes on a websocket is answered, with a reply or with what is wrong, and leaves nothing behind."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import GUESS, UNKNOWN_UUID, make_experiment

LAST = {"op": "renew", "id": "the last one", "suggestion_uuids": [UNKNOWN_UUID]}
"""Refused, after all that came before it."""

_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_GOOD = [
    {"op": "tell", "id": 1, "covars": GUESS, "response": 0.5},
    {"op": "tell", "id": 2, "key": "k", "covars": GUESS, "response": 0.5, "sd": 0.1},
    {"op": "tell", "id": 3, "covars": GUESS, "status": "failed"},
    {"op": "tell", "id": 4, "observations": [{"covars": GUESS, "response": 1.0}]},
    {"op": "tell", "id": 5, "csv": "v1,color,weight,Response\n2,red,7,1.5\n"},
    {"op": "ask", "id": 6, "n": 2, "worker": "w", "lease_s": 30},
    {"op": "ask", "id": 7, "fixed": {"color": "red"}},
    {"op": "renew", "id": 8, "suggestion_uuids": [UNKNOWN_UUID], "worker": "w", "lease_s": 30},
    {"op": "abandon", "id": 9, "suggestion_uuid": UNKNOWN_UUID, "reason": "broken"},
    {"op": "report", "id": 12, "suggestion_uuid": UNKNOWN_UUID, "step": 3, "value": 0.5, "lease_s": 60},
    {"op": "resume", "id": 10, "positions": {UNKNOWN_UUID: 0}, "epoch": "x"},
    {"op": "auth", "id": 11, "token": "x"},
]
_PLACES = sorted({name for frame in _GOOD for name in frame} | {"covars.v1", "covars.color", "observations.0.covars"})


@st.composite
def _spoilt(draw):
    """A good frame with one to three things in it that are anything."""
    frame = json.loads(json.dumps(draw(st.sampled_from(_GOOD))))
    for place in draw(st.lists(st.sampled_from(_PLACES), min_size=1, max_size=3)):
        *parents, name = place.split(".")
        target = frame
        for parent in parents:
            target = target[int(parent)] if isinstance(target, list) else target.get(parent, {})
            target = target if isinstance(target, list | dict) else {}
        if isinstance(target, dict):
            target[name] = draw(_ANY)
    return json.dumps(frame)


FRAMES = st.lists(
    st.one_of(
        st.sampled_from(_GOOD).map(json.dumps),
        _spoilt(),
        _ANY.map(json.dumps),
        st.text(max_size=40),
        st.binary(min_size=1, max_size=40),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture
async def paths(client, headers, fake_pool):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    return f"/experiment/stream/{exp_uuid}", "/experiment/stream"


async def answers_until_last(socket):
    found = []
    while not found or found[-1].get("id") != LAST["id"]:
        frame = json.loads(await socket.receive())
        if "problem" in frame or "result" in frame:
            found.append(frame)
    return found


@pytest.mark.parametrize("which", [0, 1], ids=["experiment", "all"])
@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(frames=FRAMES)
async def test_every_frame_is_answered_and_none_breaks_the_service(client, headers, paths, which, frames):
    tasks = asyncio.all_tasks()
    async with client.websocket(paths[which], headers=headers) as socket:
        for frame in frames:
            await socket.send(frame)
        async with asyncio.timeout(30):
            while True:  # it may come while too many are at work
                await socket.send(json.dumps(LAST))
                answers = await answers_until_last(socket)
                if answers[-1]["problem"]["status"] != 503:
                    break
    for answer in answers:
        status = answer["problem"]["status"] if "problem" in answer else 200
        assert status < 500 or (status == 503 and answer["problem"]["code"] != "internal"), answer
        if status == 200:
            assert isinstance(answer["result"], dict)
    assert len(answers) <= len(frames) + 1
    async with asyncio.timeout(10):
        while asyncio.all_tasks() - tasks:  # noqa: ASYNC110 -- tasks that end tell nobody
            await asyncio.sleep(0.01)
