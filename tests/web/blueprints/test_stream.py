import asyncio
import gc
import json
import logging
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

import pytest
from quart import Websocket

from autotune_service.live.subscription import Following
from autotune_service.web.socket import PeerLeftError
from autotune_wire.frames import UserEvent
from closing import ClosedError, Connection
from raw_database import epoch_of as name_of_log
from raw_database import execute
from support import GUESS, PASSWORD, UNKNOWN_UUID, make_experiment

FORM = {"username": "ada@example.org", "password": PASSWORD}
HOST = {"Host": "localhost"}


def epoch_of(app):
    return app.extensions["autotune"].store.log.epoch


@pytest.fixture
def client(client):
    client.websocket_connection_class = Connection
    return client


@pytest.fixture
def logged_errors(caplog):
    def read():
        gc.collect()  # what a task raised and nobody took is logged when the task is collected
        return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]

    return read


@pytest.fixture
async def exp_uuid(client, headers):
    return (await make_experiment(client, headers))["exp_uuid"]


async def receive(socket):
    async with asyncio.timeout(30):
        return json.loads(await socket.receive())


async def receive_until(socket, found):
    while True:
        frame = await receive(socket)
        if found(frame):
            return frame


def answer_to(frame_id):
    return lambda frame: frame.get("id") == frame_id


async def test_stream_replays_from_the_start(client, headers, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}", headers=headers) as socket:
        frames = [await receive(socket) for _ in range(2)]
    assert [(frame["seq"], frame["type"]) for frame in frames] == [(1, "experiment_created"), (2, "suggestion_created")]
    assert set(frames[0]) == {"seq", "type", "at", "data"}
    assert frames[1]["data"]["covars"] == GUESS


async def test_stream_resumes_after_a_seq_and_goes_on_live(client, headers, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=headers) as socket:
        body = {"covars": GUESS, "response": 1.0}
        await client.post(f"/experiment/tell/{exp_uuid}", json=body, headers=headers)
        frames = [await receive(socket) for _ in range(2)]
    assert [(frame["seq"], frame["type"]) for frame in frames] == [(3, "observation_added"), (4, "best_changed")]
    assert frames[0]["data"]["n_observations"] == 1
    assert frames[1]["data"]["response"] == 1.0


async def test_stream_pushes_the_suggestion_that_a_tell_causes(client, headers, worker, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=headers) as socket:
        body = {"covars": GUESS, "response": 1.0}
        await client.post(f"/experiment/tell/{exp_uuid}", json=body, headers=headers)
        frame = await receive_until(socket, lambda frame: frame["type"] == "suggestion_created")
    assert frame["data"]["data_rev"] == 1


async def test_socket_takes_tell_and_ask(client, headers, worker, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=headers) as socket:
        await socket.send(json.dumps({"id": 1, "op": "tell", "covars": GUESS, "response": 2.5}))
        told = await receive_until(socket, answer_to(1))
        await socket.send(json.dumps({"id": "a", "op": "ask", "n": 2}))
        asked = await receive_until(socket, answer_to("a"))
    assert json.loads(told["result"]["best_response"]) == {"Response": {"0": 2.5}}
    assert len(asked["result"]["suggestions"]) == 2


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "malformed"),
        ("[" * 100_000, "malformed"),
        ("7", "invalid"),
        ('{"id": 1}', "invalid"),
        ('{"id": 1, "op": "dance"}', "invalid"),
        ('{"id": 1, "op": "ask", "n": 0}', "invalid"),
        ('{"id": 1, "op": "ask", "n": true}', "invalid"),
        ('{"id": true, "op": "ask"}', "invalid"),
        ('{"op": "ask"}', "invalid"),
        ('{"id": "' + "x" * 65 + '", "op": "ask"}', "invalid"),
        ('{"id": 1, "op": "tell", "covars": {"v1": NaN}, "response": 1}', "malformed"),
        ('{"id": 1, "op": "tell", "covars": {"v1": 9.5, "color": "red", "weight": 1}, "response": 1}', "invalid"),
    ],
)
async def test_bad_frame_is_answered_with_a_problem_and_the_socket_lives(client, headers, exp_uuid, text, code):
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=headers) as socket:
        await socket.send(text)
        frame = await receive(socket)
        assert frame["problem"]["code"] == code
        await socket.send(json.dumps({"id": 2, "op": "ask"}))
        assert "result" in await receive_until(socket, answer_to(2))


async def test_problem_of_a_frame_names_its_field(client, headers, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=headers) as socket:
        await socket.send(json.dumps({"id": 1, "op": "tell", "covars": GUESS, "response": True}))
        frame = await receive(socket)
    assert frame["id"] == 1
    assert frame["problem"]["errors"][0]["field"] == "response"


async def test_flood_of_operations_is_answered_and_not_stored_up(client, headers, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=headers) as socket:
        for n in range(12):
            await socket.send(json.dumps({"id": n, "op": "ask", "n": 50}))
        busy = [await receive_until(socket, lambda frame: "problem" in frame) for _ in range(3)]
    assert {frame["problem"]["code"] for frame in busy} == {"unavailable"}


async def test_binary_frame_is_answered_with_a_problem(client, headers, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=headers) as socket:
        await socket.send(b"\x00\x01")
        assert (await receive(socket))["problem"]["code"] == "malformed"


async def test_first_frame_can_bring_the_token(client, headers, exp_uuid):
    token = headers["Authorization"].removeprefix("Bearer ")
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=1") as socket:
        await socket.send(json.dumps({"op": "auth", "token": token, "id": 0}))
        assert (await receive(socket))["result"] == {}
        assert (await receive(socket))["seq"] == 2


async def closed_with(client, path, first=None, headers=None):
    with pytest.raises(ClosedError) as caught:
        async with client.websocket(path, headers=headers or {}) as socket:
            if first is not None:
                await socket.send(json.dumps(first))
            while True:
                await receive(socket)
    return caught.value.args[0]


@pytest.mark.parametrize("first", [{"op": "auth", "token": "nonsense"}, {"op": "ask", "id": 1}, {}])
async def test_bad_first_frame_closes_the_socket(client, exp_uuid, first):
    assert await closed_with(client, f"/experiment/stream/{exp_uuid}", first) == 4401


async def test_bad_first_frame_is_no_fault_of_the_service(client, exp_uuid, logged_errors):
    await closed_with(client, f"/experiment/stream/{exp_uuid}", {"op": "auth", "token": "nonsense"})
    assert logged_errors() == []


async def test_unknown_experiment_closes_the_socket(client, headers, exp_uuid):
    token = headers["Authorization"].removeprefix("Bearer ")
    path = f"/experiment/stream/{UNKNOWN_UUID}"
    assert await closed_with(client, path, {"op": "auth", "token": token}) == 4404


async def refused_with(client, path, headers):
    socket = client.websocket(path, headers=headers)
    async with socket as connection:
        with pytest.raises(Exception) as caught:
            await connection.receive()
    return caught.value.response.status_code


@pytest.mark.parametrize(
    ("path", "extra", "status"),
    [
        ("{}", {"Authorization": "Bearer nonsense"}, 401),
        ("{}?after=99", {}, 422),
        ("{}?after=-1", {}, 422),
        ("{}?after=x", {}, 422),
        ("{}?token=x", {}, 422),
        (UNKNOWN_UUID, {}, 404),
    ],
)
async def test_handshake_that_cannot_succeed_is_refused(client, headers, exp_uuid, path, extra, status):
    assert await refused_with(client, "/experiment/stream/" + path.format(exp_uuid), headers | extra) == status


async def test_cookie_opens_the_stream_for_an_own_page_alone(client, headers, exp_uuid):
    await client.post("/auth/login", form=FORM)
    path = f"/experiment/stream/{exp_uuid}?after=1"
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    async with client.websocket(path, headers=own) as socket:
        assert (await receive(socket))["seq"] == 2
    for foreign in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://["}, {}):
        assert await refused_with(client, path, foreign) == 403


async def test_socket_is_told_when_the_service_stops(client, headers, app, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=headers) as socket:
        app.extensions["autotune"].hub.close()
        with pytest.raises(ClosedError) as caught:
            await receive(socket)
    assert caught.value.args[0] == 1012


async def test_socket_without_its_first_frame_is_told_when_the_service_stops(client, app, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}") as socket:
        app.extensions["autotune"].hub.close()
        with pytest.raises(ClosedError) as caught:
            await receive(socket)
    assert caught.value.args[0] == 1012


async def test_watcher_that_leaves_while_events_are_sent_is_no_error(client, headers, exp_uuid, logged_errors):
    runs = [{"covars": GUESS, "response": 1.0}] * 100
    await client.post(f"/experiment/tell/{exp_uuid}", json={"observations": runs}, headers=headers)
    async with client.websocket(f"/experiment/stream/{exp_uuid}", headers=headers) as socket:
        await receive(socket)  # and a hundred are still to come
    assert logged_errors() == []


async def test_watcher_that_leaves_before_its_first_frame_is_no_error(client, exp_uuid, logged_errors):
    async with client.websocket(f"/experiment/stream/{exp_uuid}") as socket:
        while not socket.accepted:  # noqa: ASYNC110 -- the test client tells nobody
            await asyncio.sleep(0)
    assert logged_errors() == []


async def test_peer_that_a_send_finds_gone_is_no_error(client, headers, exp_uuid, monkeypatch, logged_errors):
    """As Quart 0.23 finds it, whichever version is installed."""

    async def send(self, data):
        raise PeerLeftError

    monkeypatch.setattr(Websocket, "send", send)
    assert await closed_with(client, f"/experiment/stream/{exp_uuid}", headers=headers) == 1000
    assert logged_errors() == []


async def test_stream_of_another_log_begins_with_a_reset(app, client, headers, exp_uuid):
    url = f"/experiment/stream/{exp_uuid}?after=99&epoch=old"
    async with client.websocket(url, headers=headers) as socket:
        reset = await receive(socket)
        assert (reset["seq"], reset["type"], reset["data"]["epoch"]) == (2, "reset", epoch_of(app))
        assert reset["data"]["experiment"]["exp_uuid"] == exp_uuid
        await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        assert (await receive(socket))["seq"] == 3


async def test_stream_of_the_same_log_begins_where_it_was_left(app, client, headers, exp_uuid):
    url = f"/experiment/stream/{exp_uuid}?after=1&epoch={epoch_of(app)}"
    async with client.websocket(url, headers=headers) as socket:
        assert (await receive(socket))["seq"] == 2


async def renamed_log(app, database_url):
    """Give the log another name, of which the process does not know yet, and return the name."""
    epoch = await renamed_under_watch(app, database_url)
    assert epoch is not None
    return epoch


async def renamed_under_watch(app, database_url):
    """Do so while a websocket is open; None if the process met the new name at once, in what the websocket does."""
    known = epoch_of(app)
    await execute(database_url, "UPDATE log_epoch SET epoch = gen_random_uuid()")
    epoch = await name_of_log(database_url)
    assert known != epoch
    return epoch if epoch_of(app) == known else None


async def test_stream_that_knows_a_new_log_before_the_service_goes_on_in_it(
    app, database_url, client, headers, exp_uuid
):
    """As where the client comes from another replica, which has met the new log already."""
    epoch = await renamed_log(app, database_url)
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=1&epoch={epoch}", headers=headers) as socket:
        assert (await receive(socket))["seq"] == 2
    assert epoch_of(app) == epoch


async def test_stream_of_the_log_before_is_reset_where_the_service_does_not_know_yet(
    app, database_url, client, headers, exp_uuid
):
    before, epoch = epoch_of(app), await renamed_log(app, database_url)
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2&epoch={before}", headers=headers) as socket:
        reset = await receive(socket)
        assert (reset["type"], reset["seq"], reset["data"]["epoch"]) == ("reset", 2, epoch)


async def test_user_who_knows_a_new_log_before_the_service_gets_its_events(
    app, database_url, client, headers, exp_uuid
):
    for _ in range(20):
        async with client.websocket("/experiment/stream", headers=headers) as socket:
            await receive(socket)
            epoch = await renamed_under_watch(app, database_url)
            if epoch is None:
                continue
            await socket.send(json.dumps({"op": "resume", "id": 1, "positions": {exp_uuid: 1}, "epoch": epoch}))
            reset = await receive_until(socket, lambda frame: "seq" in frame)
            assert (reset["type"], reset["seq"], reset["data"]["epoch"]) == ("reset", 2, epoch)
            return
    raise AssertionError("the process always knew")


async def test_user_follows_all_experiments_on_one_socket(client, headers, exp_uuid):
    async with client.websocket("/experiment/stream", headers=headers) as socket:
        assert await receive(socket) == {"positions": {exp_uuid: 2}}
        other = (await make_experiment(client, headers))["exp_uuid"]
        created = [await receive(socket) for _ in range(2)]
        assert [(one["exp_uuid"], one["seq"]) for one in created] == [(other, 1), (other, 2)]
        await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        told = await receive(socket)
        assert (told["exp_uuid"], told["seq"], told["type"]) == (exp_uuid, 3, "observation_added")
        assert UserEvent.model_validate(told).model_dump(mode="json").keys() == told.keys()


async def test_watcher_of_a_deleted_experiment_is_told_so(client, headers, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=headers) as socket:
        await client.post(f"/experiment/{exp_uuid}/delete", json={"name": "brownies"}, headers=headers)
        with pytest.raises(ClosedError) as closed:
            await receive(socket)
    assert closed.value.args == (4404,)


async def test_user_hears_of_a_deleted_experiment_and_goes_on_with_the_others(client, headers, exp_uuid):
    other = (await make_experiment(client, headers))["exp_uuid"]
    async with client.websocket("/experiment/stream", headers=headers) as socket:
        await receive(socket)
        await client.post(f"/experiment/{exp_uuid}/delete", json={"name": "brownies"}, headers=headers)
        deleted = await receive(socket)
        assert (deleted["exp_uuid"], deleted["seq"], deleted["type"]) == (exp_uuid, 3, "experiment_deleted")
        await client.post(f"/experiment/tell/{other}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        told = await receive(socket)
        assert (told["exp_uuid"], told["type"]) == (other, "observation_added")


async def test_user_gets_what_was_missed_of_the_own_experiments(client, headers, exp_uuid):
    async with client.websocket("/experiment/stream", headers=headers) as socket:
        await receive(socket)
        positions = {exp_uuid: 1, UNKNOWN_UUID: 0}
        await socket.send(json.dumps({"op": "resume", "id": 1, "positions": positions}))
        frames = [await receive(socket) for _ in range(2)]
    answer = next(one for one in frames if "result" in one)
    event = next(one for one in frames if "seq" in one)
    assert answer == {"id": 1, "result": {"n_experiments": 1}}
    assert (event["exp_uuid"], event["seq"]) == (exp_uuid, 2)


async def test_frame_with_a_key_is_done_once(client, headers, exp_uuid):
    async with client.websocket(f"/experiment/stream/{exp_uuid}?after=2", headers=headers) as socket:
        for frame_id in (1, 2):
            frame = {"op": "tell", "id": frame_id, "key": "k", "covars": GUESS, "response": 1.0}
            await socket.send(json.dumps(frame))
            answer = await receive_until(socket, answer_to(frame_id))
            assert answer["result"]["covars_sampled_iter"] == 1
        await socket.send(json.dumps({"op": "tell", "id": 3, "key": "k", "covars": GUESS, "response": 2.0}))
        assert (await receive_until(socket, answer_to(3)))["problem"]["code"] == "key_reused"


async def test_user_who_went_back_before_the_first_frame_misses_nothing(app, client, headers, user_uuid, exp_uuid):
    services = app.extensions["autotune"]
    following = Following(services.store, services.hub, user_uuid, epoch_of(app))
    assert await following.resume({UUID(exp_uuid): 0}) == 1
    async with aclosing(following.frames()) as frames:
        first, *events = [await anext(frames) for _ in range(3)]
    assert json.loads(first.text) == {"positions": {exp_uuid: 2}}
    assert [frame.seq for frame in events] == [1, 2]


@asynccontextmanager
async def sending(app, client, headers, user_uuid, exp_uuid):
    """Follow a user's experiments, while the first of three new events is being sent."""
    services = app.extensions["autotune"]
    following = Following(services.store, services.hub, user_uuid, epoch_of(app))
    async with aclosing(following.frames()) as frames:
        await anext(frames)
        for _ in range(3):
            await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        assert (await anext(frames)).seq == 3  # and is being sent
        yield following, frames


async def test_user_who_goes_back_while_an_event_is_sent_misses_nothing(app, client, headers, user_uuid, exp_uuid):
    async with sending(app, client, headers, user_uuid, exp_uuid) as (following, frames):
        await following.resume({UUID(exp_uuid): 1})
        assert [(await anext(frames)).seq for _ in range(5)] == [2, 3, 4, 5, 6]


async def test_user_whose_seqs_are_of_another_log_is_reset(client, headers, exp_uuid):
    async with client.websocket("/experiment/stream", headers=headers) as socket:
        await receive(socket)
        positions = {exp_uuid: 9000}
        await socket.send(json.dumps({"op": "resume", "id": 1, "positions": positions, "epoch": "before"}))
        reset = await receive_until(socket, lambda frame: frame.get("type") == "reset")
        assert (reset["exp_uuid"], reset["seq"]) == (exp_uuid, 2)
        assert reset["data"]["experiment"]["exp_uuid"] == exp_uuid
        await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        assert (await receive_until(socket, lambda frame: "seq" in frame))["seq"] == 3


async def test_reset_comes_before_all_events_of_the_new_log(app, client, headers, user_uuid, exp_uuid):
    """Also where it is asked for while an event is sent."""
    async with sending(app, client, headers, user_uuid, exp_uuid) as (following, frames):
        await following.resume({UUID(exp_uuid): 1}, "before")
        reset = await anext(frames)
        assert (reset.seq, json.loads(reset.text)["type"]) == (6, "reset")
        await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        assert (await anext(frames)).seq == 7


async def test_user_whose_seqs_are_past_the_log_gets_what_comes(client, headers, exp_uuid):
    async with client.websocket("/experiment/stream", headers=headers) as socket:
        await receive(socket)
        await socket.send(json.dumps({"op": "resume", "id": 1, "positions": {exp_uuid: 9000}}))
        await receive_until(socket, answer_to(1))
        await client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0}, headers=headers)
        assert (await receive(socket))["seq"] == 3


async def test_renewal_with_a_key_is_done_once(client, headers, exp_uuid):
    path = f"/experiment/{exp_uuid}"
    taken = await client.post(f"/experiment/ask/{exp_uuid}", json={"worker": "w"}, headers=headers)
    uuids = [one["suggestion_uuid"] for one in (await taken.get_json())["suggestions"]]
    body, keyed = {"suggestion_uuids": uuids, "worker": "w", "lease_s": 60}, headers | {"Idempotency-Key": "r"}
    first, second = [await client.post(f"{path}/renew", json=body, headers=keyed) for _ in range(2)]
    assert await first.get_data() == await second.get_data()
    other = await client.post(f"{path}/renew", json=body | {"lease_s": 61}, headers=keyed)
    assert (other.status_code, (await other.get_json())["code"]) == (422, "key_reused")
