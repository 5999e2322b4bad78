"""Metrics and logs of the processes as they are run."""

import json
import signal
import socket
import subprocess
import sys

import httpx2
import pytest

from processes import DEV_USER, environment, run_autotune, wait_until
from support import GUESS, SPACE

# pragma: allowlist nextline secret -- made up
PROD = {"AUTOTUNE_MODE": "prod", "AUTOTUNE_SECRET": "vNnBzu5DjUEMRMBbQ1rlgo0wQJfLhK3x"}


@pytest.fixture
def port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def scrape(url):
    try:
        return httpx2.get(f"{url}/metrics").raise_for_status().text
    except httpx2.ConnectError:
        return ""


def test_worker_alone_tells_its_metrics_on_their_port(start_service, database_url, port):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    command = [sys.executable, "-m", "autotune_service.cli", "worker"]
    variables = environment(AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_METRICS_PORT=str(port))
    worker = subprocess.Popen(command, env=variables)
    ran = 'autotune_engine_runs_total{kind="suggest",outcome="ok"} 1.0'
    try:
        with service.client() as client:
            exp_uuid = client.post("/experiment/new", json={"name": "w", "covars": SPACE}).json()["exp_uuid"]
            client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0})
            text = wait_until(lambda: (found := scrape(f"http://127.0.0.1:{port}")) and ran in found and found, 60)
        assert "autotune_database_up 1.0" in text
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0


def test_metrics_are_beside_the_api_in_dev_and_not_in_prod(start_service, database_url, port):
    dev = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    assert "autotune_database_up 1.0" in scrape(dev.url)
    assert dev.stop() == 0
    own = {"AUTOTUNE_METRICS_PORT": str(port)}
    prod = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, **PROD, **own)
    assert httpx2.get(f"{prod.url}/metrics").status_code == 404
    assert "autotune_database_up 1.0" in scrape(f"http://127.0.0.1:{port}")
    assert prod.stop() == 0


def test_taken_metrics_port_is_said_clearly(database_url, tmp_path):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = str(sock.getsockname()[1])
        variables = {"AUTOTUNE_DATABASE_URL": database_url, "AUTOTUNE_METRICS_PORT": port}
        ended = run_autotune("serve", "--port", "0", "--data", str(tmp_path), **variables)
    assert ended.returncode != 0
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "AUTOTUNE_METRICS_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_log_is_json_with_no_secret_in_it(start_service, database_url):
    service = start_service(AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_LOG_LEVEL="debug")
    with service.client() as client:
        token = client.headers["Authorization"].removeprefix("Bearer ")
        client.get("/experiment/all?secret=canary")
        client.post("/user/signup", json={"email": "canary@example.org", "password": "canary-password"})
    wait_until(lambda: "/user/signup" in service.log())
    assert service.stop() == 0
    lines = [json.loads(line) for line in service.log().splitlines()]
    rules = {line.get("rule") for line in lines if line["event"] == "request"}
    assert {"/auth/token", "/experiment/all", "/user/signup"} <= rules
    for secret in (token, DEV_USER["password"], "canary"):
        assert secret not in service.log()


def test_traces_go_to_an_endpoint_and_one_that_is_gone_holds_nothing_up(start_service, database_url):
    service = start_service(
        "--no-worker", AUTOTUNE_DATABASE_URL=database_url, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1"
    )
    assert httpx2.get(f"{service.url}/health/live").status_code == 200
    assert service.stop() == 0
