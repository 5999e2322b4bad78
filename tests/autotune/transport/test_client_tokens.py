import traceback
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from fake_service import PASSWORD, FakeService, problem
from pydantic import SecretStr

import autotune
from autotune.client import open_client
from autotune.errors import ConnectionFailedError, UnauthenticatedError
from autotune.transport.backoff import MOST_REFUSED
from autotune.transport.coroutines import result_of
from autotune.transport.credentials import Credentials

LOGIN, REFRESH = "POST /auth/token", "POST /auth/refresh"


def test_client_logs_in_once_for_many_calls(client, service):
    client.list()
    client.list()
    assert service.n_calls(LOGIN) == 1


def test_client_refreshes_when_the_token_ends(client, service):
    service.holding.clear()
    client.list()
    assert (service.n_calls(REFRESH), service.n_calls(LOGIN)) == (1, 1)


def test_client_refreshes_again_with_the_newest_refresh_token(client, service):
    for _ in range(3):
        service.holding.clear()
        client.list()
    assert (service.n_calls(REFRESH), service.n_calls(LOGIN)) == (3, 1)


def test_client_logs_in_again_when_the_refresh_token_has_ended(client, service):
    service.holding.clear()
    service.refresh_tokens.clear()
    client.list()
    assert (service.n_calls(REFRESH), service.n_calls(LOGIN)) == (1, 2)


def test_client_logs_in_again_when_its_address_has_sent_too_many_wrong_tokens(client, service):
    service.trouble(REFRESH, problem(429, "too_many", "too many sign-ins that failed"))
    service.holding.clear()
    client.list()
    assert (service.n_calls(REFRESH), service.n_calls(LOGIN)) == (1, 2)


def test_client_gives_up_when_every_new_token_is_refused_too(client, service):
    service.trouble("GET /experiment/all", *[problem(401, "unauthenticated", "no") for _ in range(MOST_REFUSED)])
    with pytest.raises(UnauthenticatedError):
        client.list()
    assert service.n_calls("GET /experiment/all") == MOST_REFUSED


def test_client_finds_the_replica_that_knows_its_token(client, service):
    """While a service is upgraded, one replica refuses what the other has issued, and a proxy asks them in turn."""
    service.trouble("GET /experiment/all", *[problem(401, "unauthenticated", "no") for _ in range(2)])
    client.list()
    assert (service.n_calls(REFRESH), service.n_calls("GET /experiment/all")) == (1, 3)


def test_client_with_a_given_token_says_that_it_has_ended(service):
    service.holding.add("given")
    client = service.client(credentials=Credentials(token=SecretStr("given")))
    service.holding.clear()
    with pytest.raises(UnauthenticatedError, match="sign in first"):  # the service's own reason
        client.list()


def test_client_threads_share_one_renewal(client, service):
    # All eight are refused with the same token; the refresh token holds only once.
    connection = client._connection
    refused = result_of(connection.tokens.access())
    with ThreadPoolExecutor(8) as pool:
        renewed = set(pool.map(lambda _: result_of(connection.tokens.renew(refused)).get_secret_value(), range(8)))
    assert (renewed, service.n_calls(REFRESH)) == ({"access-2"}, 1)


def test_client_with_a_wrong_password_says_so(service):
    with pytest.raises(UnauthenticatedError, match="password is wrong"):
        service.client(credentials=Credentials(username="a@b.c", password=SecretStr("wrong")))


def test_connect_fails_at_once_where_no_service_is(service):
    service.trouble(LOGIN, httpx2.ConnectError("refused"))
    with pytest.raises(ConnectionFailedError, match="cannot reach"):
        service.client()
    assert service.waits == []


def _full_traceback(caught: pytest.ExceptionInfo[BaseException]) -> str:
    # Without the frame of the test itself.
    error = caught.value.with_traceback(caught.tb.tb_next)
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.mark.parametrize("reply", [httpx2.ReadError("gone"), problem(401, "unauthenticated", "no")])
def test_password_stays_out_of_a_traceback_with_local_variables(monkeypatch, reply):
    service = FakeService()
    monkeypatch.setattr(
        "autotune.transport.http.open_http",
        lambda url: httpx2.Client(base_url=url, transport=httpx2.MockTransport(service.handle)),
    )
    service.trouble(LOGIN, reply)
    with pytest.raises(autotune.AutotuneError) as caught:
        autotune.connect("http://autotune.test", username="a@b.c", password=str(PASSWORD))
    shown = _full_traceback(caught)
    assert "exchange" in shown
    assert PASSWORD not in shown


def test_token_stays_out_of_a_traceback_with_local_variables(client, service):
    service.trouble("POST /experiment/new", *[httpx2.ReadError("gone")] * 99)
    with pytest.raises(ConnectionFailedError) as caught:
        client.new("brownies", {"x": {"vtype": "cont", "guess": 0, "min": 0, "max": 1}})
    assert "access-1" not in _full_traceback(caught)


def test_client_shows_no_secret(client):
    assert repr(client) == "Client(a@b.c at http://autotune.test)"


def test_open_client_closes_its_connections_when_it_fails(monkeypatch):
    service = FakeService()
    http = httpx2.Client(base_url="http://autotune.test", transport=httpx2.MockTransport(service.handle))
    monkeypatch.setattr("autotune.transport.http.open_http", lambda _url: http)
    with pytest.raises(UnauthenticatedError):
        open_client("http://autotune.test", Credentials(username="a@b.c", password=SecretStr("wrong")))
    assert http.is_closed
