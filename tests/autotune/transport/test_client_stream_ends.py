"""What ends a stream for good, and after what the client signs in afresh or connects again."""

import asyncio
from contextlib import aclosing

import pytest
from fake_service import SPACE, event
from pydantic import SecretStr
from stream_server import sends, stream_server
from websockets.sync.server import ServerConnection

from autotune.errors import ForbiddenError, NotFoundError, UnauthenticatedError
from autotune.transport.credentials import Credentials
from autotune.transport.stream import follow
from autotune_wire.experiments import Experiment
from autotune_wire.frames import (
    CLOSE_DEACTIVATED,
    CLOSE_EXPIRED,
    CLOSE_PASSWORD_CHANGED,
    CLOSE_REVOKED,
    CLOSE_ROLE_CHANGED,
    CLOSE_SIGNED_OUT,
)

pytestmark = pytest.mark.usefixtures("no_waits")

REASON = "this is why"


def closes(code):
    def play(socket: ServerConnection) -> None:
        socket.close(code, REASON)

    return play


@pytest.fixture
def followed(service):
    """Follow an experiment on a server until it has sent the event that is waited for."""
    exp_uuid = Experiment.model_validate(service.add({"name": "brownies", "covars": SPACE})).exp_uuid

    async def first_event(server, credentials=None):
        connection = service.connection(url=server.url, credentials=credentials)
        async with asyncio.timeout(10), aclosing(follow(connection, exp_uuid)) as events:
            return (await anext(events)).seq

    return first_event


@pytest.mark.parametrize("code", [CLOSE_EXPIRED, CLOSE_SIGNED_OUT, CLOSE_REVOKED])
async def test_session_that_has_ended_is_opened_afresh_once(followed, code):
    with stream_server(closes(code), sends(event(1))) as server:
        assert await followed(server) == 1
    assert [token for _path, token in server.requests] == ["access-1", "access-2"]
    with stream_server(closes(code), closes(code)) as server, pytest.raises(UnauthenticatedError, match=REASON):
        await followed(server)


@pytest.mark.parametrize(
    "code", [CLOSE_EXPIRED, CLOSE_SIGNED_OUT, CLOSE_REVOKED, CLOSE_PASSWORD_CHANGED, CLOSE_DEACTIVATED]
)
async def test_token_that_was_given_cannot_be_renewed_and_the_reason_is_told(followed, service, code):
    own = Credentials(token=SecretStr("autotune_robot"))
    with stream_server(closes(code)) as server, pytest.raises(UnauthenticatedError, match=REASON):
        await followed(server, own)
    assert [token for _path, token in server.requests] == ["autotune_robot"]
    assert service.n_calls("POST /auth/") == 0


@pytest.mark.parametrize("code", [CLOSE_PASSWORD_CHANGED, CLOSE_DEACTIVATED])
async def test_account_that_is_no_longer_as_it_was_is_not_signed_in_to(followed, service, code):
    with stream_server(closes(code)) as server, pytest.raises(UnauthenticatedError, match=REASON):
        await followed(server)
    assert (service.n_calls("POST /auth/token"), service.n_calls("POST /auth/refresh")) == (1, 0)


async def test_another_role_goes_on_with_the_same_token(followed):
    with stream_server(closes(CLOSE_ROLE_CHANGED), 503, sends(event(1))) as server:
        assert await followed(server) == 1
    assert [token for _path, token in server.requests] == ["access-1"] * 3


@pytest.mark.parametrize(("status", "kind", "says"), [(404, NotFoundError, REASON), (403, ForbiddenError, "403")])
async def test_role_that_was_taken_away_ends_the_stream_with_the_reason(followed, status, kind, says):
    with stream_server(closes(CLOSE_ROLE_CHANGED), 503, status) as server, pytest.raises(kind, match=says):
        await followed(server)
