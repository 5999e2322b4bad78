"""Every answer has the headers that keep a browser from running, framing or keeping what it should not."""

import re
import socket

import pytest
from quart.testing.connections import WebsocketResponseError

from autotune_service.web.headers import OF_SERVER
from autotune_service.web.quart_app import create_app
from support import SECRET

ANSWERS = [
    ("GET", "/health/live", 200),
    ("GET", "/docs", 200),
    ("GET", "/openapi.json", 200),
    ("GET", "/static/docs/start.js", 200),
    ("GET", "/nothing", 404),
    ("PUT", "/docs", 405),
    ("GET", "/experiment/all", 401),
    ("POST", "/user/signup", 400),
    ("GET", "/" + "x" * 300, 404),
]


def require_headers(headers):
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert len(headers.getlist("Content-Security-Policy")) == 1


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
async def test_promise_27_every_answer_has_them(client, method, path, status):
    reply = await client.open(path, method=method)
    assert reply.status_code == status
    require_headers(reply.headers)


async def test_error_that_nobody_foresaw_has_them(app, client):
    async def fail():
        raise RuntimeError("broken")

    app.view_functions["health.live"] = fail
    reply = await client.get("/health/live")
    assert reply.status_code == 500
    require_headers(reply.headers)


async def test_refused_websocket_has_them(client):
    with pytest.raises(WebsocketResponseError) as refused:
        async with client.websocket("/experiment/stream", headers={"Authorization": "Bearer none"}) as socket:
            await socket.receive()
    require_headers(refused.value.response.headers)


@pytest.mark.parametrize("path", ["/auth/token", "/auth/me", "/user/signup", "/user/x"])
async def test_answers_about_accounts_are_kept_by_nobody(client, path):
    assert (await client.get(path)).headers["Cache-Control"] == "no-store"


async def test_tokens_are_kept_by_nobody(client, user_uuid):
    reply = await client.post("/auth/token", form={"username": "ada@example.org", "password": "correct horse battery"})
    assert reply.status_code == 200
    assert reply.headers["Cache-Control"] == "no-store"


async def test_promise_27_browsers_keep_to_https_where_the_service_has_it(app, client):
    prod = create_app(app.extensions["autotune"], secret=SECRET, is_https=True, max_body_bytes=100_000)
    told = [(await each.get("/docs")).headers["Strict-Transport-Security"] for each in (prod.test_client(), client)]
    assert told == ["max-age=31536000", "max-age=0"]


async def test_page_of_the_api_has_nothing_that_its_policy_forbids(client):
    page = await (await client.get("/docs")).get_data(as_text=True)
    assert re.findall(r"<style|style=|javascript:|\son\w+=", page) == []
    assert re.findall(r"<script(.*?)>(.*?)</script>", page) == [
        (' src="/static/swagger-ui/swagger-ui-bundle.js"', ""),
        (' src="/static/docs/start.js"', ""),
    ]


def test_what_the_server_answers_by_itself_has_them(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    host, _, port = service.url.removeprefix("http://").partition(":")
    for request in (b"no HTTP at all\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(request)
            answer = connection.recv(10_000).lower()
        assert answer.startswith(b"http/1.1 400")
        assert [name for name, value in OF_SERVER if b"%b: %b" % (name, value.lower()) not in answer] == []
