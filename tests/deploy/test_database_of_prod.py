"""The production stack's Postgres: AutoTune has a role that can do little, and what both say is encrypted."""

import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from deploy_files import PROD, ROOT
from prepared import needs_root, prepare

from autotune_service.doctor.of_database import examine_database
from autotune_service.settings import load_settings
from autotune_service.store.backups import postgres_tools
from autotune_service.store.backups.backup import back_up
from autotune_service.store.backups.postgres_tools import BackupError
from autotune_service.store.migrate import upgrade
from autotune_service.store.prod_mark import leave_mark
from autotune_service.store.server.facts import read_facts
from postgres_programs import account, programs
from processes import wait_until
from standby import short_folder

SERVICE = PROD.services["db"]
USER = SERVICE["environment"]["POSTGRES_USER"]
# As the image writes it: this machine's own socket is open, and the network asks for a password.
DOOR = "local all all trust\nhost all all all scram-sha-256\n"
# Those that AutoTune brings along cannot encrypt.
OF_DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture
def database_url(tmp_path: Path) -> Iterator[str]:
    """The URL of the stack's secrets, with the address of a server that was started as the stack starts its own."""
    secrets = prepare(tmp_path)
    with short_folder() as folder, socket.socket() as listener:
        for path in secrets.values():
            shutil.copy(path, folder)
            os.chown(folder / path.name, *(account().get(key, -1) for key in ("user", "group")))
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        listener.close()
        with _started(folder, port):
            yield secrets["database_url"].read_text().replace("@db:5432", f"@127.0.0.1:{port}")


@contextmanager
def _started(folder: Path, port: int) -> Iterator[None]:
    data, ours = folder / "data", OF_DEBIAN[-1] if OF_DEBIAN else programs()
    words = [word.replace("/run/secrets", str(folder)) for word in SERVICE["command"] if OF_DEBIAN or "ssl" not in word]
    _run(ours / "initdb", "-D", data, "-U", USER, "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync")
    (data / "pg_hba.conf").write_text(DOOR)
    more = ["-D", str(data), "-k", str(folder), "-p", str(port), "-clisten_addresses=127.0.0.1"]
    log = folder / "log"
    with log.open("w") as output:
        command = [ours / words[0], *words[1:], *more]
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd="/", **account())
    ready = [str(ours / "pg_isready"), "-q", "-h", str(folder), "-p", str(port)]
    try:
        wait_until(lambda: process.poll() is not None or subprocess.run(ready).returncode == 0)
        assert process.poll() is None, log.read_text()
        script = (ROOT / "deploy" / "postgres" / "role.sh").read_text().replace("/run/secrets", str(folder))
        where = {"PGHOST": str(folder), "PGPORT": str(port), "PATH": f"{ours}:/usr/bin:/bin"}
        _run("sh", "-c", script, env={"POSTGRES_USER": USER, **where})
        yield
    finally:
        process.terminate()
        process.wait(30)


def _run(*command: object, env: dict[str, str] | None = None) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True, cwd="/", env=env, **account())


@needs_root
async def test_doctor_finds_nothing_wrong_with_the_database(database_url: str):
    await upgrade(database_url)
    await leave_mark(database_url)
    facts = await read_facts(database_url)
    assert (facts.is_superuser, facts.is_encrypted) == (False, bool(OF_DEBIAN))
    settings = load_settings(mode="prod", secret="f3Kx-9QwLz_7RbT2vYmC8sNdHgJ4pUaE6iXo", database_url=database_url)
    assert [str(finding) for finding in examine_database(settings, facts)] == []


@needs_root
@needs_root
@pytest.mark.skipif(not OF_DEBIAN, reason="needs a Postgres that can encrypt (apt install postgresql)")
async def test_backup_of_a_database_that_demands_tls_needs_programs_of_the_system(database_url, tmp_path, monkeypatch):
    demanding = f"{database_url}?sslmode=require"
    await upgrade(demanding)
    await back_up(demanding, tmp_path / "encrypted.backup", print)
    monkeypatch.setattr(postgres_tools, "_folders_of_system", list)
    with pytest.raises(BackupError, match=r"cannot encrypt.* apt install postgresql-client-\d\d") as failed:
        await back_up(demanding, tmp_path / "none.backup", print)
    assert "sslmode" in str(failed.value)
    assert not (tmp_path / "none.backup").exists()


def test_certificate_and_key_of_the_database_belong_together(tmp_path: Path):
    secrets = prepare(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(secrets["database_certificate"], secrets["database_key"])
    options = dict(word.removeprefix("-c").split("=") for word in SERVICE["command"] if word.startswith("-c"))
    assert options == {
        "ssl": "on",
        "ssl_cert_file": "/run/secrets/database_certificate",
        "ssl_key_file": "/run/secrets/database_key",
    }


def test_role_is_made_once_and_by_the_image_itself():
    (mount,) = [mount for mount in SERVICE["volumes"] if mount.startswith("./deploy/postgres/role.sh")]
    assert mount.split(":")[1].startswith("/docker-entrypoint-initdb.d/")
    assert os.access(ROOT / "deploy" / "postgres" / "role.sh", os.X_OK)
