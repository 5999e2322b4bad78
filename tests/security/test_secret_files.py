"""Secrets that stand in files."""

import pytest
from click.testing import CliRunner

from autotune_service.commands.examining import check_secrets_command
from autotune_service.settings import SECRET_SETTINGS, SettingsError, load_settings
from support import SECRET

URL = "postgresql://autotune:8dK2mQ0x7LrVw3Tz@db:5432/autotune"


@pytest.fixture
def secret_file(tmp_path, monkeypatch):
    """Write a secret and name its file by the setting's variable."""
    for name in SECRET_SETTINGS:
        monkeypatch.delenv(f"AUTOTUNE_{name.upper()}", raising=False)

    def write(name, content):
        file = tmp_path / name
        file.write_bytes(content)
        monkeypatch.setenv(f"AUTOTUNE_{name.upper()}_FILE", str(file))
        return file

    return write


def test_every_secret_may_stand_in_a_file():
    assert set(SECRET_SETTINGS) == {"secret", "secret_before", "database_url", "database_direct_url"}


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_secret_of_a_file_is_read_without_the_line_break_at_its_end(secret_file, end):
    secret_file("secret", (SECRET + end).encode())
    secret_file("database_url", (URL + end).encode())
    settings = load_settings(mode="prod")
    assert settings.secret is not None
    assert settings.database_url is not None
    assert settings.secret.get_secret_value() == SECRET
    assert settings.database_url.get_secret_value() == URL


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"one line\nand another\n", "the file must hold one line of text"),
        (b"\xff\xfe\x00", "the file must hold one line of text"),
        (b"x" * 70_000, "the file must hold one line of text"),
        (b"changeme", "must be at least"),
    ],
)
def test_file_that_holds_no_secret_stops_the_start_and_is_not_shown(secret_file, content, said):
    secret_file("secret", content)
    with pytest.raises(SettingsError, match="AUTOTUNE_SECRET") as refused:
        load_settings()
    assert said in str(refused.value)
    assert "changeme" not in str(refused.value)


def test_file_that_cannot_be_read_is_named_with_the_reason(secret_file):
    file = secret_file("secret_before", SECRET.encode())
    file.unlink()
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == (
        f"AUTOTUNE_SECRET_BEFORE_FILE is {str(file)!r}: cannot be read: No such file or directory"
    )


def test_secret_that_is_given_in_both_ways_stops_the_start(secret_file, monkeypatch):
    secret_file("secret", SECRET.encode())
    monkeypatch.setenv("AUTOTUNE_SECRET", SECRET)
    with pytest.raises(SettingsError, match="AUTOTUNE_SECRET and AUTOTUNE_SECRET_FILE are both set: unset one of them"):
        load_settings()
    monkeypatch.setenv("AUTOTUNE_SECRET", "")  # as Compose passes a variable on that is not set
    assert load_settings().secret is not None


def test_what_is_no_secret_is_read_from_no_file(monkeypatch, tmp_path):
    (tmp_path / "port").write_text("9000")
    monkeypatch.setenv("AUTOTUNE_PORT_FILE", str(tmp_path / "port"))
    assert load_settings().port == 8008


def test_check_of_secrets_looks_into_the_files_too(tmp_path, monkeypatch):
    file = tmp_path / "password"
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(file))
    monkeypatch.delenv("POSTGRES_PASSWORD", raising=False)
    ended = {}
    for content in ("hunter2", "xJ7q2Vw9rTz4LmN8"):
        file.write_text(f"{content}\n")
        ended[content] = CliRunner().invoke(check_secrets_command, ["POSTGRES_PASSWORD"])
    assert [one.exit_code for one in ended.values()] == [1, 0]
    assert "POSTGRES_PASSWORD is " in ended["hunter2"].stderr
    assert "hunter2" not in ended["hunter2"].output
    file.unlink()
    missing = CliRunner().invoke(check_secrets_command, ["POSTGRES_PASSWORD"])
    assert (missing.exit_code, "POSTGRES_PASSWORD_FILE is" in missing.stderr) == (1, True)
