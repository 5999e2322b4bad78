import logging
import resource
import subprocess
import sys

import pytest
from quart.testing.connections import WebsocketResponseError

from autotune_service.domain.errors import TooManySocketsError
from autotune_service.web.descriptors import AcceptFailures, SocketRoom, most_sockets
from support import make_experiment

_, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
RAISED = """
import resource
import sys
from autotune_service.web import descriptors
soft, hard, descriptors._MOST = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
descriptors.raise_limit()
print(descriptors.descriptor_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "needed", "raised"),
    [
        (64, 300, 65_536, 300),
        (300, 300, 65_536, 300),
        (64, 300, 200, 200),
        (250, 300, 200, 250),
        (64, HARD, 200, 200),  # the hard limit of this machine may be infinite
    ],
)
def test_soft_limit_is_raised_to_the_hard_one_or_to_what_is_needed(soft, hard, needed, raised):
    command = [sys.executable, "-c", RAISED, *map(str, (soft, hard, needed))]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert list(map(int, ended.stdout.split())) == [raised, raised, hard]


def test_room_for_websockets_leaves_a_quarter_and_what_the_process_needs():
    # Of 1,024: 256 for requests, 64 for files, 10 connections to the database, and 8 for the engine process.
    assert most_sockets(1024, n_connections=10, n_children=1) == 1024 - 256 - 64 - 10 - 8
    assert most_sockets(65_536, n_connections=10, n_children=0) == 65_536 - 16_384 - 64 - 10
    assert most_sockets(64, n_connections=200, n_children=64) == 1


def test_room_is_given_back_and_refusals_are_one_line(caplog):
    room = SocketRoom(2)
    with room.taken():
        with room.taken():
            for _ in range(3):
                with pytest.raises(TooManySocketsError, match="2 websockets open"), room.taken():
                    pass
        with room.taken():
            pass
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "no room for another websocket: 2 are open" in caplog.text


@pytest.mark.parametrize(("most", "warns"), [(3999, True), (4000, False), (None, False)])
def test_start_warns_where_four_users_could_take_all_the_room(caplog, most, warns):
    SocketRoom(most).warn_if_small(sockets_per_user=1000)
    assert ("at most 3999 websockets" in caplog.text) == warns


def test_connections_that_cannot_be_accepted_are_one_line(caplog):
    failures = AcceptFailures()
    for _ in range(100):
        failures.note(OSError(24, "Too many open files"))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "no connection can be accepted (Too many open files)" in caplog.text


async def test_websocket_without_room_is_refused_at_the_handshake_and_told_when_to_come_back(
    client, headers, app, caplog
):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    path = f"/experiment/stream/{exp_uuid}"
    object.__setattr__(app.extensions["autotune"], "room", SocketRoom(1))
    async with client.websocket(path, headers=headers) as first:
        await first.receive()
        for _ in range(3):
            with pytest.raises(WebsocketResponseError) as caught:
                async with client.websocket(path, headers=headers) as second:
                    await second.receive()
            refusal = caught.value.response
            assert (refusal.status_code, (await refusal.get_json())["code"]) == (503, "busy")
            assert int(refusal.headers["Retry-After"]) >= 1
        assert (await client.get(f"/experiment/{exp_uuid}", headers=headers)).status_code == 200
    assert sum("websocket" in record.message for record in caplog.records if record.levelname == "WARNING") == 1
    async with client.websocket(path, headers=headers) as third:
        await third.receive()
