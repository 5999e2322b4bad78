"""The doctor finds each kind of thing that is wrong, says how to mend it, and finds nothing where nothing is wrong."""

import os
import re
import resource
import shutil
from collections import namedtuple
from dataclasses import replace

import pytest

from autotune_service.doctor.examination import examine
from autotune_service.doctor.of_database import examine_database
from autotune_service.doctor.of_machine import examine_machine
from autotune_service.doctor.of_settings import examine_settings
from autotune_service.settings import load_settings
from autotune_service.store.prod_mark import leave_mark
from autotune_service.store.server.facts import Facts, read_facts
from processes import run_autotune
from support import SECRET

DATABASE = "postgresql://autotune:fJ2-qx8Wn_5Kd7Rs@db/autotune"
PROD = {
    "mode": "prod",
    "secret": SECRET,
    "host": "0.0.0.0",
    "allowed_hosts": "tune.example.org",
    "database_url": DATABASE,
}
WELL = Facts(
    major=18,
    fsync="on",
    full_page_writes="on",
    skew_s=0.01,
    max_connections=100,
    is_superuser=False,
    is_remote=True,
    is_encrypted=True,
    is_shared=False,
    revision="0007",
    newest_revision="0007",
    is_current=True,
    is_marked=True,
)


def kinds(found):
    found = list(found)
    assert all(finding.problem.endswith(".") and finding.remedy.endswith(".") for finding in found)
    return {finding.kind for finding in found}


def prod(**changed):
    return load_settings(**{**PROD, **changed})


def test_prod_that_is_set_up_well_has_nothing_wrong_with_its_settings():
    assert kinds(examine_settings(prod(), {"POSTGRES_PASSWORD": "fJ2-qx8Wn_5Kd7Rs"})) == set()


@pytest.mark.parametrize(
    ("kind", "changed", "environment"),
    [
        ("dev_in_public", {"mode": "dev", "metrics": False}, {}),
        ("allowed_hosts_missing", {"allowed_hosts": ()}, {}),
        ("metrics_public", {"metrics": True}, {}),
        ("plain_http", {"plain_http": True}, {}),
        ("every_proxy_trusted", {"trusted_proxies": "0.0.0.0/0"}, {}),
        ("access_token_long", {"access_token_s": 86_400}, {}),
        (
            "database_password_weak",
            {"mode": "dev", "host": "127.0.0.1", "database_url": "postgresql://a:CHANGEME@db/a"},
            {},
        ),
        ("password_weak", {}, {"PGADMIN_DEFAULT_PASSWORD": "admin"}),
        ("password_weak", {}, {"POSTGRES_PASSWORD": "postgres"}),
    ],
)
def test_setting_that_is_wrong_is_found(kind, changed, environment):
    assert kinds(examine_settings(prod(**changed), environment)) == {kind}


def test_sign_up_that_is_open_to_everybody_is_found():
    assert kinds(examine_settings(prod().model_copy(update={"sign_up": "open"}), {})) == {"sign_up_open"}


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("postgres_old", {"major": 13}),
        ("fsync_off", {"fsync": "off"}),
        ("full_page_writes_off", {"full_page_writes": "off"}),
        ("clock_skew", {"skew_s": 61.0}),
        ("clock_skew", {"skew_s": -3.0}),
        ("connections_few", {"max_connections": 10}),
        ("schema_behind", {"revision": "0005", "is_current": False}),
        ("schema_behind", {"revision": None, "is_current": False}),
        ("pooler_without_direct_url", {"is_shared": True}),
        ("database_superuser", {"is_superuser": True}),
        ("database_without_tls", {"is_encrypted": False}),
    ],
)
def test_database_that_is_run_badly_is_found(kind, changed):
    assert kinds(examine_database(prod(), WELL)) == set()
    assert kinds(examine_database(prod(), replace(WELL, **changed))) == {kind}


def test_database_of_prod_is_found_in_dev():
    dev = load_settings(database_url=DATABASE)
    assert kinds(examine_database(dev, WELL)) == {"prod_database_in_dev"}
    assert kinds(examine_database(dev, replace(WELL, is_marked=False))) == set()


def test_way_past_the_pooler_is_enough():
    assert kinds(examine_database(prod(database_direct_url=DATABASE), replace(WELL, is_shared=True))) == set()


@pytest.fixture
def machine(monkeypatch):
    """A machine with room on its disk and descriptors enough, whose user is not root."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100 * 2**30, 50 * 2**30, 50 * 2**30))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 65_536))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return usage


@pytest.fixture
def data(tmp_path):
    data = tmp_path / "data"
    (data / "postgres").mkdir(parents=True)
    (data / "dev-secret").write_text(SECRET)
    for path, mode in ((data, 0o755), (data / "postgres", 0o700), (data / "dev-secret", 0o600)):
        path.chmod(mode)
    return data


def test_machine_that_is_well_has_nothing_wrong(machine, data, tmp_path):
    assert kinds(examine_machine(load_settings(data=data))) == set()
    assert kinds(examine_machine(load_settings(data=tmp_path / "new" / "data"))) == set()


@pytest.mark.parametrize(
    ("name", "mode"), [("", 0o777), ("postgres", 0o750), ("postgres", 0o701), ("dev-secret", 0o644)]
)
def test_files_that_others_may_use_are_found(machine, data, name, mode):
    (data / name).chmod(mode)
    (finding,) = examine_machine(load_settings(data=data))
    assert finding.kind == "data_open"
    assert str(data / name) in finding.problem


def test_disk_that_is_nearly_full_is_found(machine, data, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: machine(100 * 2**30, 97 * 2**30, 3 * 2**30))
    assert kinds(examine_machine(load_settings(data=data))) == {"disk_nearly_full"}


def test_few_descriptors_are_found(machine, data, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    assert kinds(examine_machine(load_settings(data=data))) == {"descriptors_few"}


def test_root_in_prod_is_found(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert kinds(examine_machine(prod())) == {"runs_as_root"}


async def test_facts_are_those_of_the_database(database_url, empty_database_url):
    facts = await read_facts(database_url)
    assert (facts.is_current, facts.revision) == (True, facts.newest_revision)
    assert (facts.fsync, facts.full_page_writes, facts.major) == ("on", "on", 18)
    assert (facts.is_superuser, facts.is_remote, facts.is_shared, facts.is_marked) == (True, False, False, False)
    assert abs(facts.skew_s) < 1.0
    await leave_mark(database_url)
    assert (await read_facts(database_url)).is_marked
    empty = await read_facts(empty_database_url)
    assert (empty.is_current, empty.revision) == (False, None)


async def test_settings_that_cannot_be_read_are_found(monkeypatch):
    monkeypatch.setenv("AUTOTUNE_SECRET", "changeme" * 8)
    monkeypatch.setenv("AUTOTUNE_PORT", "none")
    found = await examine()
    assert kinds(found) == {"settings"}
    assert len(found) == 2
    assert all("changeme" not in finding.problem for finding in found)


async def test_database_that_does_not_answer_is_found(monkeypatch, machine):
    monkeypatch.setenv("AUTOTUNE_DATABASE_URL", "postgresql://ada@127.0.0.1:1/db")
    assert kinds(await examine()) == {"database_unavailable"}


def test_command_says_what_is_wrong_and_ends_with_1(empty_database_url):
    ended = run_autotune("doctor", AUTOTUNE_DATABASE_URL=empty_database_url, AUTOTUNE_HOST="0.0.0.0")
    assert ended.returncode == 1
    assert {"dev_in_public", "metrics_public", "schema_behind"} <= set(
        re.findall(r"^(\w+): ", ended.stdout, re.MULTILINE)
    )
    assert "    Set AUTOTUNE_MODE=prod" in ended.stdout


def test_command_finds_nothing_where_nothing_is_wrong(database_url):
    ended = run_autotune("doctor", AUTOTUNE_DATABASE_URL=database_url)
    assert (ended.returncode, ended.stdout) == (0, "Nothing found.\n"), ended.stdout


def test_folder_of_a_service_that_runs_is_examined_and_left_alone(start_service, tmp_path):
    service = start_service("--no-worker")
    ended = run_autotune("doctor", "--data", str(tmp_path / "data"))
    assert "database_unavailable" not in ended.stdout, ended.stdout
    with service.client() as client:
        assert client.get("/experiment/all").status_code == 200
