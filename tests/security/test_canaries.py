"""Secrets that a service is sent, or gives out, are in nothing that it writes or tells elsewhere."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
import websockets.exceptions
from websockets.sync.client import connect

from processes import wait_until

SECRET = "fW4vT0qRz8LkYx2JdNs6HbPa1UcEf9Gi7oVt3KyM"  # pragma: allowlist secret -- made up
EMAIL, PASSWORD, WRONG = "canary-ada@example.org", "seven canaries on a wire", "canary-that-is-wrong"
SPACE = {"name": "x", "covars": {"n": {"vtype": "int", "guess": 1, "min": 0, "max": 9}}}


@pytest.fixture
def collector():
    """What is sent to the address for traces, and that address."""
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield received, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Told:
    """What a service tells in its answers, and the secrets that it must not tell again."""

    def __init__(self, client):
        self.client = client
        self.secrets = {SECRET, PASSWORD, WRONG}
        self.texts = []

    def ask(self, method, path, *gives, **sent):
        """Send a request; ``gives`` are the fields of its reply that are secrets from now on."""
        reply = self.client.request(method, path, **sent)
        if gives:
            assert reply.is_success, reply.text
            self.secrets |= {reply.json()[name] for name in gives}
        else:
            self.texts.append(f"{reply.headers} {reply.text}")
        return reply


def test_promise_22_no_secret_is_in_log_metric_trace_answer_or_document(start_service, database_url, collector):
    traces, endpoint = collector
    service = start_service(
        "--no-worker",
        AUTOTUNE_DATABASE_URL=database_url,
        AUTOTUNE_LOG_LEVEL="debug",
        AUTOTUNE_SECRET=SECRET,
        AUTOTUNE_BASIC_AUTH="1",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
    )
    with httpx2.Client(base_url=service.url, timeout=60) as client:
        told = Told(client)
        exp_uuid = _use_every_way_in(told)
        _open_websockets(told, f"{service.url.replace('http', 'ws', 1)}/experiment/stream/{exp_uuid}")
        for path in ("/metrics", "/openapi.json", "/docs", "/health/ready"):
            told.ask("GET", path)
    wait_until(lambda: "/experiment/stream/" in service.log())
    assert service.stop() == 0
    artefacts = {"log": service.log(), "answers": "\n".join(told.texts)}
    artefacts["traces"] = b"".join(traces).decode("latin-1")
    assert len(told.secrets) >= 9
    for name, text in artefacts.items():
        assert len(text) > 1000, f"nothing came of the {name}"
        assert [secret for secret in told.secrets if secret in text] == [], name


def _use_every_way_in(told):
    form = {"username": EMAIL, "password": PASSWORD}
    told.ask("POST", "/user/signup", json={"email": EMAIL, "password": PASSWORD})
    told.ask("POST", "/user/signup", json={"email": EMAIL, "pasword": WRONG})
    told.ask("POST", "/auth/token", data=form | {"password": WRONG})
    tokens = told.ask("POST", "/auth/token", "access_token", "refresh_token", data=form).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    used = {"refresh_token": tokens["refresh_token"]}
    told.ask("POST", "/auth/refresh", "access_token", "refresh_token", json=used)
    told.ask("POST", "/auth/refresh", json={"refresh_token": WRONG})
    exp_uuid = told.ask("POST", "/experiment/new", json=SPACE, headers=bearer).json()["exp_uuid"]
    made = {"name": "robot", "scopes": ["tell"]}
    robot = told.ask("POST", "/auth/tokens", "token", json=made, headers=bearer).json()["token"]
    for path in (
        "/auth/tokens",
        "/user/export",
        "/audit",
        f"/experiment/{exp_uuid}/members",
        f"/experiment/{exp_uuid}",
    ):
        told.ask("GET", path, headers=bearer)
    told.ask("GET", f"/experiment/{exp_uuid}?token={robot}", headers={"Authorization": f"Bearer {robot}"})
    told.ask("GET", "/experiment/all", headers={"Authorization": f"Bearer {WRONG}"})
    for password in (PASSWORD, WRONG):
        basic = base64.b64encode(f"{EMAIL}:{password}".encode()).decode()
        told.secrets.add(basic)
        told.ask("GET", "/experiment/all", headers={"Authorization": f"Basic {basic}"})
    logged_in = told.client.post("/auth/login", data=form)
    told.secrets.add(logged_in.cookies["autotune"])
    told.ask("GET", "/auth/me")
    told.ask("POST", "/auth/logout")
    told.client.headers |= bearer
    return exp_uuid


def _open_websockets(told, url):
    ticket = told.ask("POST", "/auth/ticket", "ticket").json()["ticket"]
    token = told.client.headers["Authorization"].removeprefix("Bearer ")
    with connect(url, subprotocols=["autotune", f"ticket.{ticket}"]) as socket:
        told.texts.append(f"{socket.subprotocol} {socket.response.headers} {socket.recv(timeout=10)}")
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        connect(url, subprotocols=["autotune", f"ticket.{ticket}"])
    told.texts.append(refused.value.response.body.decode())
    for first in (token, WRONG):
        with connect(url) as socket:
            socket.send(json.dumps({"op": "auth", "token": first}))
            try:
                told.texts.append(str(socket.recv(timeout=10)))
            except websockets.exceptions.ConnectionClosed as closed:
                told.texts.append(str(closed))
