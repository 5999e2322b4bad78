"""All of production behind the nginx configuration that is shipped, over TLS by an authority of the tests' own."""

import json
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import httpx2
import psutil
import pytest
import websockets.sync.client
from crowd import Crowd
from lab_stack import EMAIL
from nginx_process import ADDRESS, Nginx, free_port
from websockets.exceptions import ConnectionClosed, InvalidStatus

from autotune import UnavailableError, connect
from support import GUESS, PASSWORD, SPACE

FORM = {"username": EMAIL, "password": PASSWORD}
CLIENT = "127.0.0.77"
FORGED = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}


@pytest.fixture
def browser(stack):
    """Somebody with a cookie."""
    with stack.browser() as browser:
        browser.headers["Origin"] = stack.nginx.url
        reply = browser.post("/auth/login", data=FORM)
        assert reply.status_code == 200, reply.text
        yield browser


@pytest.fixture
def bearer(stack):
    """Somebody with an access token."""
    with stack.browser() as client:
        token = client.post("/auth/token", data=FORM).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture
def crowd(stack, times):
    crowd = Crowd(stack, EMAIL, times(8, 50))
    yield crowd
    crowd.close()


def new(client):
    reply = client.post("/experiment/new", json={"name": uuid4().hex, "covars": SPACE, "seed": 1})
    assert reply.status_code == 201, reply.text
    return reply.json()["exp_uuid"]


def test_cookie_is_secure_and_browsers_are_kept_to_https(stack):
    with stack.browser() as browser:
        reply = browser.post("/auth/login", data=FORM, headers={"Origin": stack.nginx.url})
        first, *rest = reply.headers["Set-Cookie"].split("; ")
        assert first.startswith("__Host-autotune=")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(rest)
        assert reply.headers.get_list("Strict-Transport-Security") == ["max-age=31536000"]
        assert browser.get("/auth/me").status_code == 200
        foreign = browser.post("/auth/ticket", headers={"Origin": stack.nginx.plain_url})
        assert foreign.status_code == 403, foreign.text


def test_request_without_tls_is_led_to_https(stack):
    reply = httpx2.post(f"{stack.nginx.plain_url}/auth/login?x=1", data=FORM)
    assert (reply.status_code, reply.headers["Location"]) == (308, f"https://{ADDRESS}/auth/login?x=1")
    assert "Set-Cookie" not in reply.headers


@contextmanager
def socket(stack, nginx=None, **options):
    """Open a websocket for all of a user's experiments."""
    context = httpx2.create_ssl_context()
    context.load_verify_locations(stack.authority.file)
    url = (nginx or stack.nginx).url.replace("https:", "wss:") + "/experiment/stream"
    with websockets.sync.client.connect(url, ssl=context, open_timeout=60, **options) as socket:
        yield socket


def test_websocket_opens_by_cookie_from_the_own_page_alone(stack, browser):
    cookie = f"__Host-autotune={browser.cookies['__Host-autotune']}"
    with socket(stack, additional_headers={"Cookie": cookie}, origin=stack.nginx.url) as own:
        assert "positions" in json.loads(own.recv(timeout=20))
    for origin in (stack.nginx.plain_url, "https://evil.example", None):
        with (
            pytest.raises(InvalidStatus) as refused,
            socket(stack, additional_headers={"Cookie": cookie}, origin=origin),
        ):
            pass
        assert refused.value.response.status_code == 403, origin


def test_websocket_opens_by_token_ticket_and_first_frame(stack, bearer):
    token = bearer.headers["Authorization"]
    with socket(stack, additional_headers={"Authorization": token}) as by_token:
        assert "positions" in json.loads(by_token.recv(timeout=20))
    ticket = bearer.post("/auth/ticket").json()["ticket"]
    with socket(stack, subprotocols=["autotune", f"ticket.{ticket}"]) as by_ticket:
        assert by_ticket.subprotocol == "autotune"
        assert "positions" in json.loads(by_ticket.recv(timeout=20))
    with socket(stack) as by_frame:
        by_frame.send(json.dumps({"op": "auth", "token": token.removeprefix("Bearer ")}))
        assert "positions" in json.loads(by_frame.recv(timeout=20))


def test_forged_address_changes_nothing(stack, bearer):
    def made_from(client, **headers):
        made = client.post("/auth/tokens", json={"name": uuid4().hex, "scopes": ["read"]}, headers=bearer_of | headers)
        assert made.status_code == 201, made.text
        return bearer.get("/audit", params={"limit": 1}).json()["entries"][0]["address"]

    bearer_of = {"Authorization": bearer.headers["Authorization"]}
    with stack.browser(CLIENT) as client:
        assert made_from(client) == CLIENT
        assert made_from(client, **FORGED) == CLIENT
    # Past the proxy, as somebody in the inner network might: the header is nobody's but a trusted proxy's.
    direct = httpx2.HTTPTransport(local_address=CLIENT)
    with httpx2.Client(base_url=stack.replicas[0].url, transport=direct) as client:
        assert made_from(client, **FORGED, Host=ADDRESS) == CLIENT


def test_other_hosts_and_metrics_are_not_served(stack):
    with stack.browser() as client:
        assert client.get("/auth/me", headers={"Host": "evil.example"}).status_code == 421
        assert client.get("/metrics").status_code == 404


def test_service_says_itself_what_is_too_long(stack, bearer):
    of_json = {"Content-Type": "application/json"}
    reply = bearer.post(f"/experiment/tell/{new(bearer)}", content=b" " * (2 * 2**20), headers=of_json)
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")


@contextmanager
def suspended(workers):
    """Keep the workers from working."""
    processes = [psutil.Process(worker.pid) for worker in workers]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def test_waiting_asks_and_idle_websockets_outlive_the_timeouts_of_the_proxy(stack, bearer):
    """On a scale of one to twenty-five: the service pings, and answers who asks, after 0.8 s, and nginx waits 3 s."""
    exp_uuid, headers = new(bearer), {"Authorization": bearer.headers["Authorization"]}
    with ExitStack() as ending:
        patient = stack.new_nginx(ending, "patient", proxy_read_timeout="3s")
        hasty = stack.new_nginx(ending, "hasty", proxy_read_timeout="200ms")
        idle, cut = (ending.enter_context(socket(stack, each, additional_headers=headers)) for each in (patient, hasty))
        ending.enter_context(suspended(stack.workers))
        told = bearer.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0})
        assert told.status_code == 202, told.text
        waited = bearer.get(f"{patient.url}/experiment/ask/{exp_uuid}")
        assert (waited.status_code, waited.json()["code"]) == (503, "suggestion_pending"), waited.text
        gone = bearer.get(f"{hasty.url}/experiment/ask/{exp_uuid}")
        assert (gone.status_code, gone.json()["code"], gone.headers["Retry-After"]) == (503, "unavailable", "1")
        with pytest.raises(ConnectionClosed):
            while True:
                cut.recv(timeout=20)
        with pytest.raises(TimeoutError):  # after the tell's event nothing comes but pings, and it stays open
            while True:
                idle.recv(timeout=4)


def test_client_waits_for_a_service_that_is_away(stack, tmp_path):
    nginx = Nginx(tmp_path / "nginx", stack.authority, [f"127.0.0.1:{free_port()}"])
    try:
        with pytest.raises(UnavailableError, match="it restarts, or is overloaded") as away:
            connect(nginx.start().url, username=EMAIL, password=PASSWORD, timeout_s=2)
        assert away.value.retry_after_s == 1
    finally:
        nginx.close()


def test_services_that_restart_one_by_one_cost_nobody_anything(stack, crowd, times):
    crowd.wait_for_tells(times(8, 100))
    stack.restart(stack.replicas)
    crowd.wait_for_tells(times(8, 100))
    crowd.check_nothing_is_lost(crowd.end())
    assert crowd.watchers.n_resets == 0
    # Who only reads is never told to try again: nginx asks the other replica.
    assert set(crowd.reader.answers) == {"200"}


def test_standby_that_takes_over_has_all_that_was_acknowledged(stack, crowd, times):
    crowd.wait_for_tells(times(8, 100))
    stack.postgres.fail_over()
    crowd.wait_for_tells(times(8, 100))
    crowd.check_nothing_is_lost(crowd.end())
    assert crowd.watchers.n_resets == times(8, 50)
