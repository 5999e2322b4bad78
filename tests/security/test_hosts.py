"""Requests to names that are not this service's are refused, and pages of such names are no own ones."""

import pytest
from quart.testing.connections import WebsocketResponseError

from autotune_service import app as assembly
from autotune_service.settings import SettingsError, load_settings
from autotune_service.web.door import open_to_all
from autotune_service.web.hosts import Hosts, is_own_origin

LAB = Hosts(["tune.example.org", "*.lab", "10.0.0.7:8443"])


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8008", "localhost.", "dev.autotune.localhost:8008", "127.0.0.1:1", "[::1]:8008"]
)
def test_names_of_the_machine_itself_are_always_own(host):
    assert Hosts().allow(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "x", "evil.example:8008", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example", "[::2]"),
        *("user@localhost", "localhost:x", "localhost, evil.example", "10.0.0.7", "2130706433"),
    ],
)
def test_other_names_are_not_own(host):
    assert not Hosts().allow(host)


def test_listed_names_are_own_and_a_star_stands_for_what_is_below():
    asked = ("tune.example.org", "a.b.lab:1", "10.0.0.7:5", "lab")
    assert [LAB.allow(host) for host in asked] == [True, True, True, False]


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("http://localhost:8008", "localhost:8008", True),
        ("http://localhost:8888", "localhost:8008", False),  # another program of this machine
        ("http://127.0.0.1:8008", "localhost:8008", False),
        ("https://tune.example.org", "tune.example.org", True),
        ("https://tune.example.org", "web:8008", True),  # behind a proxy that changes the Host
        ("https://tune.example.org:8443", "tune.example.org", False),
        ("https://10.0.0.7:8443", "localhost", True),
        ("https://evil.example", "evil.example", False),
        ("null", "localhost", False),
        ("", "localhost", False),
        ("http://localhost:8008/", "localhost:8008", False),
        ("http://localhost:8008@evil.example", "localhost:8008", False),
        ("ftp://localhost:8008", "localhost:8008", False),
    ],
)
def test_own_origins_come_from_the_list(origin, host, is_own):
    assert LAB.own(origin, host, "http") is is_own


def test_page_without_tls_is_somebody_elses_where_the_service_has_it():
    assert LAB.own("http://tune.example.org", "tune.example.org", "http")
    assert not LAB.own("http://tune.example.org", "tune.example.org", "https")
    assert not Hosts(["tune.example.org"], is_https=True).own("http://tune.example.org", "tune.example.org", "http")


@pytest.mark.parametrize(
    "path", ["/experiment/all", "/docs", "/openapi.json", "/nothing", "/metrics", "/static/docs/start.js"]
)
async def test_request_to_another_name_is_refused(client, headers, path):
    reply = await client.get(path, headers={**headers, "Host": "evil.example:8008"})
    assert reply.status_code == 421
    problem = await reply.get_json()
    assert problem["code"] == "wrong_host"
    assert "'evil.example:8008', which is no name of this service" in problem["detail"]
    assert reply.headers["Content-Type"] == "application/problem+json"


async def test_request_without_a_name_is_refused(client):
    assert (await client.get("/docs", headers={"Host": ""})).status_code == 421


@pytest.mark.parametrize("host", ["a" * 64, "a..b", ".", "\xe9" * 70])
@pytest.mark.parametrize(("path", "status"), [("/docs", 421), ("/nothing", 421), ("/health/live", 200)])
async def test_name_that_no_machine_can_have_is_refused(client, host, path, status):
    assert (await client.get(path, headers={"Host": host})).status_code == status


async def test_websocket_to_a_name_that_no_machine_can_have_is_refused(client, headers):
    with pytest.raises(WebsocketResponseError) as refused:
        async with client.websocket("/experiment/stream", headers={**headers, "Host": "a" * 64}) as socket:
            await socket.receive()
    assert refused.value.response.status_code == 421


@pytest.mark.parametrize("path", ["/user", "//user?limit=1", "///user"])
async def test_redirect_names_a_path_alone(client, path):
    location = (await client.get(path)).headers["Location"]
    assert location.startswith("/user/")


async def test_websocket_to_another_name_is_refused(client, headers):
    with pytest.raises(WebsocketResponseError) as refused:
        async with client.websocket("/experiment/stream", headers={**headers, "Host": "evil.example"}) as socket:
            await socket.receive()
    assert refused.value.response.status_code == 421


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
async def test_health_answers_whatever_the_name(client, path):
    assert (await client.get(path, headers={"Host": "10.1.2.3"})).status_code == 200


async def test_own_origin_is_that_of_the_request_that_is_handled(app, client):
    async def live():
        return [is_own_origin(origin) for origin in ("http://localhost:8008", "http://evil.example")]

    app.view_functions["health.live"] = open_to_all(live)
    reply = await client.get("/health/live", headers={"Host": "localhost:8008"})
    assert await reply.get_json() == [True, False]


def test_setting_replaces_what_is_listened_on():
    given = assembly.hosts_of(load_settings(host="0.0.0.0", allowed_hosts="tune.example.org"))
    assert [given.allow(host) for host in ("tune.example.org", "localhost", "127.0.0.2")] == [True, True, False]


def test_service_on_every_address_is_reached_by_those_of_the_machine(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "labpc")
    own = assembly.hosts_of(load_settings(host="0.0.0.0"))
    asked = ("labpc:8008", "labpc.local", "0.0.0.0:8008", "evil.example")
    assert [own.allow(host) for host in asked] == [True, True, True, False]
    assert assembly.hosts_of(load_settings(host="192.0.2.7")).allow("192.0.2.7:8008")


@pytest.mark.parametrize(
    ("listens_on", "origin", "host", "is_own"),
    [
        ("127.0.0.1", "http://127.0.0.1:8008", "127.0.0.1:8008", True),
        ("127.0.0.1", "http://127.0.0.1", "127.0.0.1:8008", False),
        ("127.0.0.1", "https://127.0.0.1", "127.0.0.1:8008", False),
        ("0.0.0.0", "http://labpc", "labpc:8008", False),
        ("0.0.0.0", "http://labpc", "127.0.0.1:8008", False),
        ("0.0.0.0", "http://labpc", "labpc", True),  # a proxy on the machine that hands the Host on
    ],
)
def test_page_of_another_program_of_the_machine_is_no_own_page(monkeypatch, listens_on, origin, host, is_own):
    monkeypatch.setattr("socket.gethostname", lambda: "labpc")
    assert assembly.hosts_of(load_settings(host=listens_on)).own(origin, host, "http") is is_own


@pytest.mark.parametrize("name", ["http://tune.example.org", "tune example", "*", "tune.*"])
def test_setting_that_is_no_name_is_said(name):
    with pytest.raises(SettingsError, match=r"AUTOTUNE_ALLOWED_HOSTS .* is no name of a host: give names such as"):
        load_settings(allowed_hosts=f"localhost,{name}")
