"""At the level debug the log tells more of the service and nothing of what libraries see: headers, queries, bodies."""

import json
import logging
import socket
import subprocess
import sys
import textwrap
from contextlib import suppress

import h2.config
import h2.connection
import httpx2
import pytest

from autotune_service.observing.logs import may_be_written
from processes import environment

CANARY = "canary-7d41"


@pytest.mark.parametrize(
    "name", ["hpack.hpack", "databases", "asyncpg", "httpcore.http11", "autotune_services", "root"]
)
def test_lines_of_libraries_are_written_from_warnings_on(name):
    def at(level):
        return may_be_written(logging.LogRecord(name, level, __file__, 1, "line", (), None))

    assert [at(level) for level in (logging.DEBUG, logging.INFO, logging.WARNING)] == [False, False, True]


def test_promise_22_debug_log_over_both_versions_of_http_has_no_secret(start_service, database_url):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_LOG_LEVEL="debug")
    host, _, port = service.url.removeprefix("http://").partition(":")
    secret = {"Authorization": f"Bearer {CANARY}", "Cookie": f"autotune={CANARY}"}
    assert httpx2.get(f"{service.url}/experiment/all?after={CANARY}", headers=secret).status_code == 401
    httpx2.post(f"{service.url}/auth/token", data={"username": f"{CANARY}@x.org", "password": CANARY})
    _ask_by_http2(host, int(port))
    httpx2.get(f"{service.url}/health/live")
    service.stop()
    assert CANARY not in service.log()
    assert any(json.loads(line)["level"] == "debug" for line in service.log().splitlines())


def _ask_by_http2(host, port):
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    path = [(":method", "GET"), (":path", f"/experiment/all?after={CANARY}"), (":scheme", "http")]
    client.send_headers(1, [*path, (":authority", host), ("authorization", f"Bearer {CANARY}")], end_stream=True)
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(client.data_to_send())
        with suppress(OSError):  # a service without this version hangs up
            connection.recv(1000)


def test_level_is_that_of_our_own_lines_alone():
    code = """
        import logging, autotune_service.observing.logs as logs
        logs.configure_logs("debug", is_json=True)
        logging.getLogger("hpack").setLevel(logging.DEBUG)
        for name in ("hpack", "autotune_service.web"):
            logging.getLogger(name).debug("from %s", name)
        print(logging.getLogger("asyncpg").isEnabledFor(logging.INFO))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
    assert [json.loads(line)["event"] for line in ran.stderr.splitlines()] == ["from autotune_service.web"]
