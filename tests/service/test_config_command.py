"""`autotune config`: every setting and where it came from."""

import json

import pytest
from click.testing import CliRunner

from autotune_service.commands.config import MASK, config_command
from autotune_service.settings import Settings
from support import SECRET

URL = "postgresql://autotune:8dK2mQ0x7Lr@db1:5432,db2/tuning?sslmode=require"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in ("SIGN_IN_ATTEMPTS", *map(str.upper, Settings.model_fields)):
        monkeypatch.delenv(f"AUTOTUNE_{name}", raising=False)


def rows(*arguments):
    ended = CliRunner().invoke(config_command, ["--json", *arguments])
    assert ended.exit_code == 0, ended.output
    return {row["name"]: row for row in map(json.loads, ended.stdout.splitlines())}


def test_every_setting_says_where_it_came_from(tmp_path, monkeypatch):
    (tmp_path / "secret").write_text(SECRET)
    monkeypatch.setenv("AUTOTUNE_SECRET_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("AUTOTUNE_MAX_BATCH", "10")
    monkeypatch.setenv("AUTOTUNE_HOST", "0.0.0.0")
    found = rows("--host", "::1", "--data", str(tmp_path), "--no-worker")
    assert list(found) == list(Settings.model_fields)
    told = {name: (row["value"], row["source"], row["origin"]) for name, row in found.items()}
    assert told["host"] == ("::1", "option", "--host")
    assert told["worker"] == (False, "option", "--no-worker")
    assert told["max_batch"] == (10, "variable", "AUTOTUNE_MAX_BATCH")
    assert told["secret"] == (MASK, "file", str(tmp_path / "secret"))
    assert told["port"] == (8008, "default", None)
    assert told["database_url"] == (None, "default", None)


def test_option_that_is_empty_is_not_where_a_value_came_from():
    assert rows("--host", "")["host"]["source"] == "default"


def test_value_that_nobody_set_is_the_one_that_counts_in_this_mode(monkeypatch):
    assert [rows()[name]["value"] for name in ("sign_up", "password_length", "metrics")] == ["open", 8, True]
    monkeypatch.setenv("AUTOTUNE_MODE", "prod")
    monkeypatch.setenv("AUTOTUNE_SECRET", SECRET)
    assert [rows()[name]["value"] for name in ("sign_up", "password_length", "metrics")] == ["closed", 15, False]


def test_secrets_are_masked_and_of_an_address_the_rest_is_shown(monkeypatch):
    monkeypatch.setenv("AUTOTUNE_SECRET", SECRET)
    monkeypatch.setenv("AUTOTUNE_DATABASE_URL", URL)
    monkeypatch.setenv("AUTOTUNE_DATABASE_DIRECT_URL", "postgresql:///tuning?host=/run/postgresql&password=8dK2mQ0x7Lr")
    for ended in (CliRunner().invoke(config_command, way) for way in ([], ["--json"])):
        assert "8dK2" not in ended.output
        assert SECRET not in ended.output
    assert rows()["database_url"]["value"] == f"postgresql://autotune:{MASK}@db1:5432, db2:5432/tuning"


def test_table_has_a_line_for_each_setting(monkeypatch):
    monkeypatch.setenv("AUTOTUNE_ALLOWED_HOSTS", "tune.example.org,*.lab")
    lines = CliRunner().invoke(config_command, []).stdout.splitlines()
    told = {line.split()[0]: line.split()[1:] for line in lines}
    assert len(told) == len(Settings.model_fields)
    assert told["AUTOTUNE_ALLOWED_HOSTS"] == ["tune.example.org,*.lab", "variable"]
    assert told["AUTOTUNE_WORKER"] == ["1", "default"]
    assert told["AUTOTUNE_METRICS_PORT"] == ["-", "default"]


def test_variable_that_is_no_setting_is_named(monkeypatch):
    monkeypatch.setenv("AUTOTUNE_SERCET", SECRET)
    monkeypatch.setenv("AUTOTUNE_TOKEN", "of the client")
    ended = CliRunner().invoke(config_command, [])
    assert ended.stderr == "WARNING: AUTOTUNE_SERCET is no setting; did you mean AUTOTUNE_SECRET?\n"
    assert SECRET not in ended.output


def test_setting_that_is_wrong_is_said_in_a_line(monkeypatch):
    monkeypatch.setenv("AUTOTUNE_PORT", "http")
    ended = CliRunner().invoke(config_command, [])
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: AUTOTUNE_PORT is 'http': must be a whole number")
