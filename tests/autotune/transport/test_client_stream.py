import asyncio
import json
import logging
from contextlib import aclosing

import pytest
from fake_service import SPACE, event
from stream_server import sends, stream_server

from autotune.errors import (
    ConnectionFailedError,
    NotFoundError,
    ServiceError,
    StreamGapError,
    UnauthenticatedError,
    UnexpectedReplyError,
)
from autotune.experiment import Experiment
from autotune.transport.backoff import MOST_REFUSED
from autotune.transport.stream import follow
from autotune_wire.experiments import Experiment as ExperimentReply
from autotune_wire.frames import CLOSE_GOING_AWAY, CLOSE_NOT_FOUND, CLOSE_UNAUTHENTICATED

pytestmark = pytest.mark.usefixtures("no_waits")


@pytest.fixture
def seen(service) -> ExperimentReply:
    return ExperimentReply.model_validate(service.add({"name": "brownies", "covars": SPACE}))


async def _seqs(service, seen, server, n, after=0, on_change=lambda _: None) -> list[int]:
    connection = service.connection(url=server.url)
    found = []
    async with asyncio.timeout(10), aclosing(follow(connection, seen.exp_uuid, after, on_change)) as events:
        async for received in events:
            found.append(received.seq)
            if len(found) == n:
                break
    return found


async def test_stream_gives_events_in_order(service, seen):
    with stream_server(sends(event(1), event(2), event(3))) as server:
        assert await _seqs(service, seen, server, 3) == [1, 2, 3]


@pytest.mark.parametrize("code", [CLOSE_GOING_AWAY, 1013, 1000, 1011])
async def test_stream_resumes_after_the_last_event(service, seen, code):
    with stream_server(sends(event(1), event(2), close=code), sends(event(3))) as server:
        assert await _seqs(service, seen, server, 3) == [1, 2, 3]
    assert [path.partition("?")[2] for path in server.paths] == ["after=0", "after=2"]


async def test_stream_goes_on_after_a_reset_amid_the_events_and_resumes_in_its_log(service, seen):
    reset = event(4, "reset", {"epoch": "two", "experiment": {}})
    with stream_server(sends(*map(event, range(1, 7)), reset, event(5), close=1012), sends(event(6))) as server:
        assert await _seqs(service, seen, server, 9) == [1, 2, 3, 4, 5, 6, 4, 5, 6]
    assert [path.partition("?")[2] for path in server.paths] == ["after=0", "after=5&epoch=two"]


async def test_stream_starts_after_the_seq_given(service, seen):
    with stream_server(sends(event(8))) as server:
        await _seqs(service, seen, server, 1, after=7)
    assert server.paths == [f"/experiment/stream/{seen.exp_uuid}?after=7"]


async def test_stream_drops_duplicates(service, seen):
    with stream_server(sends(event(1), event(1), event(2), close=1012), sends(event(2), event(3))) as server:
        assert await _seqs(service, seen, server, 3) == [1, 2, 3]


async def test_stream_passes_over_frames_that_are_no_events(service, seen):
    with stream_server(sends({"op": "heartbeat"}, {"id": 1, "result": {}}, event(1))) as server:
        assert await _seqs(service, seen, server, 1) == [1]


async def test_stream_raises_on_a_gap(service, seen):
    with stream_server(sends(event(1), event(3))) as server, pytest.raises(StreamGapError):
        await _seqs(service, seen, server, 2)


async def test_stream_raises_on_a_frame_that_is_none(service, seen):
    with stream_server(sends({"seq": "one"})) as server, pytest.raises(UnexpectedReplyError):
        await _seqs(service, seen, server, 1)


@pytest.mark.parametrize("status", [503, 502, 429, 500])
async def test_stream_tries_again_while_the_service_starts(service, seen, status):
    with stream_server(status, status, sends(event(1))) as server:
        assert await _seqs(service, seen, server, 1) == [1]


async def test_stream_tries_again_while_nothing_listens(service, seen, monkeypatch):
    with stream_server(sends(event(1))) as server:
        real = "ws" + server.url.removeprefix("http")
        attempts = iter(["ws://127.0.0.1:1/", "ws://127.0.0.1:1/", real])
        monkeypatch.setattr("autotune.transport.stream._address", lambda *_: next(attempts))
        assert await _seqs(service, seen, server, 1) == [1]


async def test_stream_sends_the_token_in_the_header_alone(service, seen):
    with stream_server(sends(event(1))) as server:
        await _seqs(service, seen, server, 1)
    [(path, token)] = server.requests
    assert token == "access-1"
    assert "access" not in path


@pytest.mark.parametrize("refused", [401, sends(close=CLOSE_UNAUTHENTICATED)])
async def test_stream_renews_its_token(service, seen, refused):
    with stream_server(refused, sends(event(1))) as server:
        assert await _seqs(service, seen, server, 1) == [1]
    assert [token for _, token in server.requests] == ["access-1", "access-2"]


@pytest.mark.parametrize("refused", [401, sends(close=CLOSE_UNAUTHENTICATED)])
async def test_stream_raises_when_every_new_token_is_refused_too(service, seen, refused):
    with stream_server(*[refused] * (MOST_REFUSED + 1)) as server, pytest.raises(UnauthenticatedError):
        await _seqs(service, seen, server, 1)


async def test_stream_finds_the_replica_that_knows_its_token(service, seen):
    """While a service is upgraded, one replica refuses what the other has issued, and a proxy asks them in turn."""
    with stream_server(401, 401, sends(event(1))) as server:
        assert await _seqs(service, seen, server, 1) == [1]
    assert [token for _, token in server.requests] == ["access-1", "access-2", "access-2"]


async def test_stream_outlives_a_service_that_goes_while_the_token_is_renewed(service, seen, monkeypatch):
    connection = service.connection()
    real, failures = connection.tokens.renew, iter([ConnectionFailedError("gone")])

    async def renew(refused):
        for failure in failures:
            raise failure
        return await real(refused)

    monkeypatch.setattr(connection.tokens, "renew", renew)
    with stream_server(401, 401, sends(event(1))) as server:
        connection.url = server.url
        async with aclosing(follow(connection, seen.exp_uuid)) as events:
            assert (await anext(events)).seq == 1


@pytest.mark.parametrize("refused", [404, sends(close=CLOSE_NOT_FOUND)])
async def test_stream_raises_where_there_is_no_experiment(service, seen, refused):
    with stream_server(refused) as server, pytest.raises(NotFoundError):
        await _seqs(service, seen, server, 1)


async def test_stream_raises_when_the_service_refuses_the_request(service, seen):
    with stream_server(422) as server, pytest.raises(ServiceError):
        await _seqs(service, seen, server, 1)


async def test_stream_tells_when_it_is_live_and_when_not(service, seen):
    changes = []
    with stream_server(sends(event(1), close=1012), sends(event(2))) as server:
        await _seqs(service, seen, server, 2, on_change=changes.append)
    assert changes == [True, False, True, False]


async def test_stream_reads_an_event_of_two_megabytes(service, seen):
    with stream_server(sends(event(1, data={"text": "x" * 2**21}))) as server:
        assert await _seqs(service, seen, server, 1) == [1]


async def test_stream_writes_no_token_to_the_log(service, seen, caplog):
    with caplog.at_level(logging.DEBUG), stream_server(sends(event(1))) as server:
        await _seqs(service, seen, server, 1)
    # The server of this test logs what it receives; only the client's own records count.
    own = [record.getMessage() for record in caplog.records if record.name != "websockets.server"]
    assert "access-1" not in json.dumps(own)


async def test_stream_ends_when_its_task_is_cancelled(service, seen):
    with stream_server(sends(event(1))) as server:
        task = asyncio.create_task(_seqs(service, seen, server, 2))
        await asyncio.to_thread(server.is_open.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_experiment_streams_its_own_events(service, seen):
    with stream_server(sends(event(1))) as server:
        experiment = Experiment(service.connection(url=server.url), seen)
        async with aclosing(experiment.stream()) as events:
            assert (await anext(events)).seq == 1
