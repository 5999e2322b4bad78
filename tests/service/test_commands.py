import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import asyncpg
import httpx2
import psutil
import pytest

from autotune_service import app, lab
from autotune_service.commands import serving
from autotune_service.settings import GRACE_S, SettingsError, is_loopback, load_settings
from autotune_service.store.migrate import lock_migrations
from processes import DEV_USER, environment, is_gone, run_autotune, wait_until
from support import GUESS, SECRET, SPACE


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("AUTOTUNE_PORT", "70000", "must be at most 65535"),
        ("AUTOTUNE_PORT", "http", "must be a whole number"),
        ("AUTOTUNE_MODE", "test", "'dev' or 'prod'"),
        ("AUTOTUNE_ENGINE_PROCESSES", "0", "must be at least 1"),
        ("AUTOTUNE_DATABASE_URL", "postgresql://h:port/db", "a port from 0 to 65535"),
        ("AUTOTUNE_LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_wrong_setting_stops_the_start_and_says_what_is_allowed(tmp_path, name, value, allowed):
    ended = run_autotune("serve", "--data", str(tmp_path), **{name: value})
    assert ended.returncode != 0
    assert name in ended.stderr
    assert value in ended.stderr or name == "AUTOTUNE_DATABASE_URL"  # which may hold a password
    assert allowed in ended.stderr


@pytest.mark.parametrize("secret", ["", "short", "changeme" * 8, "x" * 64])
def test_prod_does_not_start_without_a_secret_of_its_own(tmp_path, secret):
    ended = run_autotune("serve", "--data", str(tmp_path), AUTOTUNE_MODE="prod", AUTOTUNE_SECRET=secret)
    assert ended.returncode != 0
    assert "AUTOTUNE_SECRET" in ended.stderr
    assert not secret or secret not in ended.stderr


def test_wrong_database_url_does_not_show_its_password(tmp_path):
    url = "mysql://user:hunter2hunter2@host/db"
    ended = run_autotune("serve", "--data", str(tmp_path), AUTOTUNE_DATABASE_URL=url)
    assert "AUTOTUNE_DATABASE_URL" in ended.stderr
    assert "postgresql://" in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout


def test_database_that_does_not_answer_stops_the_start_with_a_sentence(tmp_path):
    url = "postgresql://user:hunter2hunter2@127.0.0.1:1/db"
    ended = run_autotune("serve", "--port", "0", "--data", str(tmp_path), AUTOTUNE_DATABASE_URL=url)
    assert ended.returncode != 0
    assert "database" in ended.stderr
    assert "hunter2" not in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr


def test_start_that_waits_for_a_silent_database_is_stopped_at_once(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://user:secret@127.0.0.1:{silent.getsockname()[1]}/db"
        command = [sys.executable, "-m", "autotune_service.cli", "serve", "--port", "0", "--data", str(tmp_path)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        starting = subprocess.Popen(command, env=environment(AUTOTUNE_DATABASE_URL=url), text=True, **pipes)
        silent.settimeout(30)
        connection, _ = silent.accept()
        starting.send_signal(signal.SIGTERM)
        said, errors = starting.communicate(timeout=30)
        connection.close()
    assert (starting.returncode, said, errors) == (0, "Stopped before the database had started.\n", "")


async def test_hangup_that_the_user_has_had_ignored_stops_nothing(monkeypatch):
    """As by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stopping = app._stop_signal()
        with lab._interrupted_by(signal.SIGHUP):
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        await stopping.wait()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().remove_signal_handler(number)


def test_lab_leaves_the_service_time_to_stop_its_postgres():
    assert lab._STOP_WITHIN_S > GRACE_S + 8 + 5 + 5  # in order, at once and by force


def test_lab_opens_a_copy_and_leaves_the_work_in_it_alone(tmp_path):
    originals, copies = tmp_path / "checkout", tmp_path / "data" / "notebooks"
    originals.mkdir()
    for name in ("one.ipynb", "two.ipynb"):
        (originals / name).write_text("original")
    assert lab.copy_notebooks(originals / "one.ipynb", copies) == copies / "one.ipynb"
    (copies / "one.ipynb").write_text("my work")
    (copies / "two.ipynb").unlink()
    lab.copy_notebooks(originals / "one.ipynb", copies)
    assert [(copies / name).read_text() for name in ("one.ipynb", "two.ipynb")] == ["my work", "original"]
    assert (originals / "one.ipynb").read_text() == "original"


def test_lab_keeps_its_addresses_in_sight_unless_requests_are_wanted(monkeypatch):
    monkeypatch.delenv("AUTOTUNE_LOG_LEVEL", raising=False)
    assert lab._service_environment()["AUTOTUNE_LOG_LEVEL"] == "warning"
    monkeypatch.setenv("AUTOTUNE_LOG_LEVEL", "info")
    assert lab._service_environment()["AUTOTUNE_LOG_LEVEL"] == "info"


def test_backup_of_a_folder_without_a_database_makes_none(tmp_path):
    ended = run_autotune("backup", str(tmp_path / "one.backup"), "--data", str(tmp_path / "typo"))
    assert ended.returncode == 1
    assert f"{tmp_path / 'typo'} has no database of AutoTune" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_dev_user_is_not_there_in_prod(start_service, database_url):
    start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url).stop()
    # pragma: allowlist nextline secret -- made up
    prod = {"AUTOTUNE_MODE": "prod", "AUTOTUNE_SECRET": "vNnBzu5DjUEMRMBbQ1rlgo0wQJfLhK3x"}
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, **prod)
    reply = httpx2.post(f"{service.url}/auth/token", data=DEV_USER)
    assert reply.status_code == 401


def test_taken_port_is_said_clearly(start_service, tmp_path):
    service = start_service("--no-worker")
    port = service.url.rpartition(":")[2]
    ended = run_autotune("serve", "--port", port, "--data", str(tmp_path / "other"))
    assert ended.returncode != 0
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "--port" in ended.stderr


@pytest.mark.parametrize(
    ("host", "said"), [("nosuchhost.invalid", "must be a name or an address of this machine"), ("192.0.2.1", "must be")]
)
def test_host_that_is_none_of_this_machine_is_said_to_be_that(tmp_path, host, said):
    ended = run_autotune("serve", "--host", host, "--port", "0", "--data", str(tmp_path / "data"))
    assert ended.returncode != 0
    assert f"cannot listen on {host}:0" in ended.stderr
    assert said in ended.stderr
    assert "Stop what listens there" not in ended.stderr


@pytest.mark.parametrize(
    ("host", "mode", "said"),
    [
        ("127.0.0.1", "dev", ""),
        ("0.0.0.0", "dev", "WARNING: this service is open to everybody who can reach 0.0.0.0"),
        ("0.0.0.0", "prod", "WARNING: AUTOTUNE_ALLOWED_HOSTS is not set"),
        ("localhost", "prod", ""),
    ],
)
def test_service_that_others_can_reach_says_what_it_lacks(host, mode, said, capsys):
    serving._warn_of_strangers(load_settings(host=host, mode=mode, secret=SECRET))
    assert capsys.readouterr().err.startswith(said)
    assert bool(said) == (not is_loopback(host))


def test_address_of_version_6_is_printed_as_a_browser_reads_it(start_service, database_url):
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    service = start_service("--no-worker", "--host", "::1", AUTOTUNE_DATABASE_URL=database_url)
    assert httpx2.get(f"{service.url}/health/live").status_code == 200


def test_live_tells_the_version_and_the_mode(start_service, database_url):
    service = start_service(
        "--no-worker", AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_MODE="prod", AUTOTUNE_SECRET=SECRET
    )
    live = httpx2.get(f"{service.url}/health/live").json()
    assert live == {"status": "live", "version": version("autotune-bo"), "mode": "prod"}


def has_ipv6():
    with socket.socket(socket.AF_INET6) as sock, contextlib.suppress(OSError):
        sock.bind(("::1", 0))
        return True
    return False


def test_tilde_that_no_shell_has_read_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert load_settings(data=Path("~/tuning")).data == Path("/home/ada/tuning")


def test_option_that_is_empty_is_not_given(tmp_path, monkeypatch):
    """As of a shell's variable that is not set: the folder is not the current one, and the host not every address."""
    monkeypatch.delenv("AUTOTUNE_HOST", raising=False)
    assert load_settings(host="").host == "127.0.0.1"
    ended = run_autotune("backup", "--data", "", str(tmp_path / "file"), AUTOTUNE_DATA=str(tmp_path / "of-service"))
    assert f"{tmp_path / 'of-service'} has no database of AutoTune" in ended.stderr


def test_tilde_of_a_user_who_is_not_there_is_said(monkeypatch):
    monkeypatch.setenv("AUTOTUNE_DATA", "~nobody-of-this-name/tuning")
    with pytest.raises(SettingsError, match=r"AUTOTUNE_DATA .*give the folder's full path"):
        load_settings()


def test_user_without_a_home_is_told_to_name_a_folder(monkeypatch):
    def no_home(*_, **__):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.delenv("AUTOTUNE_DATA", raising=False)
    monkeypatch.setattr("autotune_service.settings.user_data_path", no_home)
    with pytest.raises(SettingsError, match="AUTOTUNE_DATA must be given"):
        load_settings()


def test_data_of_root_are_where_a_service_keeps_them_unless_they_are_at_home_already(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("autotune_service.settings.user_data_path", lambda name, **_: tmp_path / name)
    monkeypatch.delenv("AUTOTUNE_DATA", raising=False)
    assert load_settings().data == Path("/var/lib/autotune")
    (tmp_path / "autotune" / "postgres").mkdir(parents=True)
    (tmp_path / "autotune" / "postgres" / "PG_VERSION").write_text("18")
    assert load_settings().data == tmp_path / "autotune"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert load_settings().data == tmp_path / "autotune"


def test_database_url_takes_the_options_of_postgres(database_url, tmp_path, start_service):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=f"{database_url}&sslmode=disable")
    with service.client() as client:
        assert client.get("/experiment/all").status_code == 200


def test_migrate_brings_an_empty_database_up_to_date(empty_database_url):
    for _ in range(2):
        ended = run_autotune("migrate", AUTOTUNE_DATABASE_URL=empty_database_url)
        assert ended.returncode == 0, ended.stderr
        assert "up to date" in ended.stdout


def test_services_start_together_on_an_empty_database(start_service, empty_database_url, tmp_path):
    def start(n):
        return start_service("--no-worker", data=tmp_path / f"d{n}", AUTOTUNE_DATABASE_URL=empty_database_url)

    with ThreadPoolExecutor() as threads:
        for service in threads.map(start, range(2)):
            assert httpx2.post(f"{service.url}/auth/token", data=DEV_USER).status_code == 200


def test_worker_alone_serves_a_service_without_one(start_service, database_url, tmp_path):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    command = [sys.executable, "-m", "autotune_service.cli", "worker"]
    worker = subprocess.Popen(command, env=environment(AUTOTUNE_DATABASE_URL=database_url))
    try:
        with service.client() as client:
            exp_uuid = client.post("/experiment/new", json={"name": "w", "covars": SPACE}).json()["exp_uuid"]
            client.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 1.0})
            asked = wait_until(lambda: _suggestion(client, exp_uuid), 60)
        assert asked["data_rev"] == 1
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0


def _suggestion(client, exp_uuid):
    reply = client.get(f"/experiment/ask/{exp_uuid}")
    return reply.json()["suggestions"][0] if reply.status_code == 200 else None


def test_engine_process_ends_with_a_service_that_is_killed(start_service, database_url):
    service = start_service(AUTOTUNE_DATABASE_URL=database_url)
    children = wait_until(
        lambda: [c for c in psutil.Process(service.pid).children() if "child" in " ".join(c.cmdline())]
    )
    service.kill()
    wait_until(lambda: all(is_gone(child.pid) for child in children))


def test_web_process_loads_no_numerics(tmp_path, database_url):
    """The modules of a service that has served a suggestion of the model, as the process itself lists them."""
    script = textwrap.dedent(
        """
        import asyncio, json, os, signal, sys, threading, urllib.parse, urllib.request
        from autotune_service.app import bound_socket, serve
        from autotune_service.settings import load_settings

        sock = bound_socket("127.0.0.1", 0)
        base = f"http://127.0.0.1:{sock.getsockname()[1]}"

        def call(path, body=None, token=None, form=None):
            data = urllib.parse.urlencode(form).encode() if form else json.dumps(body).encode() if body else None
            headers = {"Content-Type": "application/x-www-form-urlencoded" if form else "application/json"}
            headers |= {"Authorization": f"Bearer {token}"} if token else {}
            with urllib.request.urlopen(urllib.request.Request(base + path, data, headers)) as reply:
                return json.load(reply)

        def use():
            try:
                form = {"username": "test@test.com", "password": "CHANGEME"}
                token = call("/auth/token", form=form)["access_token"]
                covars = {"x": {"vtype": "cont", "guess": 0.5, "min": 0, "max": 1}}
                uuid = call("/experiment/new", {"name": "m", "covars": covars}, token)["exp_uuid"]
                told = [{"covars": {"x": n / 8}, "response": n} for n in range(8)]
                call(f"/experiment/tell/{uuid}", {"observations": told}, token)
                source = call(f"/experiment/ask/{uuid}", token=token)["suggestions"][0]["source"]
                print(json.dumps({"source": source, "modules": sorted(sys.modules)}), flush=True)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)

        asyncio.run(serve(load_settings(), sock, lambda: threading.Thread(target=use).start()))
        """
    )
    variables = environment(AUTOTUNE_DATABASE_URL=database_url, AUTOTUNE_DATA=str(tmp_path))
    ended = subprocess.run(
        [sys.executable, "-c", script], env=variables, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout)
    assert seen["source"] == "model"
    heavy = {"torch", "botorch", "gpytorch", "numpy", "scipy", "pandas"}
    assert not heavy & set(seen["modules"])


def test_dev_secret_is_for_its_owner_alone(start_service, tmp_path):
    start_service("--no-worker")
    assert (tmp_path / "data" / "dev-secret").stat().st_mode & 0o077 == 0


async def test_service_that_cannot_answer_yet_refuses_connections(empty_database_url, tmp_path):
    """A proxy in front then asks another replica, where a connection that waits would hold up its request."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "autotune_service.cli", "serve", "--no-worker", "--port", str(port)]
    variables = environment(AUTOTUNE_DATABASE_URL=empty_database_url, AUTOTUNE_DATA=str(tmp_path))
    connection = await asyncpg.connect(empty_database_url)
    async with connection.transaction():
        await lock_migrations(connection)  # as if another replica changed the tables
        process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE)  # noqa: ASYNC220 -- takes no time
        try:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while await connection.fetchval(waiting) == 0:
                assert process.poll() is None
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", port)
        except BaseException:
            process.kill()
            raise
    await connection.close()
    assert process.stdout is not None
    assert b"ready" in await asyncio.to_thread(process.stdout.readline)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    process.terminate()
    assert process.wait(30) == 0
