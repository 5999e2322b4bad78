"""The production stack is safe as it comes: what is open, what is secret, what is kept."""

import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner
from deploy_files import PROD, ROOT, interpolate
from prepared import needs_root, prepare
from test_compose import target_of

from autotune_service.cli import main
from autotune_service.security.secrets import weakness_of_password, weakness_of_secret
from autotune_service.settings import load_settings

SERVICES = PROD.services
OURS = {name for name, service in SERVICES.items() if target_of(service) and name != "check-secrets"}


def test_stack_has_its_services():
    assert set(SERVICES) == {"check-secrets", "web-1", "web-2", "worker", "db", "backup", "traefik", "pgadmin"}
    assert SERVICES["worker"]["deploy"]["replicas"] == 2


def test_traefik_alone_is_open_to_others_and_by_two_ports():
    opened = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert opened == {"traefik": ["80:8000", "443:8443"], "pgadmin": ["127.0.0.1:5050:5050"]}
    assert SERVICES["pgadmin"]["profiles"] == ["admin"]
    assert "api" not in PROD.traefik(), "the dashboard"


def test_ports_lead_to_the_entrypoints():
    entries = PROD.traefik()["entryPoints"]
    assert (entries["web"]["address"], entries["websecure"]["address"]) == (":8000", ":8443")
    assert entries["web"]["http"]["redirections"]["entryPoint"] == {"to": ":443", "scheme": "https", "permanent": True}
    (router,) = PROD.router()["http"]["routers"].values()
    assert router["entryPoints"] == ["websecure"]
    assert router["tls"]["certResolver"] in PROD.traefik()["certificatesResolvers"]


def test_browsers_are_told_to_keep_to_https():
    (router,) = PROD.router()["http"]["routers"].values()
    chosen = [PROD.router()["http"]["middlewares"][name] for name in router["middlewares"]]
    (headers,) = [each["headers"] for each in chosen if "headers" in each]
    assert headers["stsSeconds"] == 365 * 86_400


def test_certificates_outlive_the_container_and_are_traefiks_alone(tmp_path):
    storage = PROD.traefik()["certificatesResolvers"]["letsencrypt"]["acme"]["storage"]
    assert f"./acme:{Path(storage).parent}" in SERVICES["traefik"]["volumes"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_processes_take_their_secrets_from_files(name):
    settings = SERVICES[name]["environment"]
    assert settings["AUTOTUNE_MODE"] == "prod"
    for variable in ("AUTOTUNE_SECRET_FILE", "AUTOTUNE_DATABASE_URL_FILE"):
        assert settings[variable].removeprefix("/run/secrets/") in SERVICES[name]["secrets"]
    assert {"AUTOTUNE_SECRET", "AUTOTUNE_SECRET_BEFORE", "AUTOTUNE_DATABASE_URL"}.isdisjoint(settings)


def test_no_secret_stands_in_the_files():
    text = PROD.text + (ROOT / PROD.example).read_text()
    given = re.findall(r"^\s*(?:- )?\w*(?:PASSWORD|SECRET)\w*[:=][ ]*(\S*)", text, re.MULTILINE)
    assert {value for value in given if value} == {
        "/run/secrets/secret",
        "/run/secrets/postgres_password",
        "/run/secrets/pgadmin_password",
        "${AUTOTUNE_SECRET_BEFORE_FILE:-}",
        "/run/secrets/database_password",
    }


def test_nobody_can_sign_up_who_was_not_asked():
    settings = interpolate(SERVICES["web-1"]["environment"], PROD.environment)
    assert load_settings(sign_up=settings["AUTOTUNE_SIGN_UP"]).sign_up_mode == "closed"


def test_web_processes_differ_in_nothing_but_who_builds_the_image():
    differing = {"build", "pull_policy"}
    first, second = (
        {key: value for key, value in SERVICES[name].items() if key not in differing} for name in ("web-1", "web-2")
    )
    assert first == second


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_container_comes_back_and_its_log_does_not_fill_the_disk(name):
    assert SERVICES[name]["restart"] == ("no" if name == "check-secrets" else "unless-stopped")
    assert SERVICES[name]["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


def test_containers_see_the_neighbours_that_they_need_and_traefik_alone_the_world():
    assert {name: set(service.get("networks", [])) for name, service in SERVICES.items()} == {
        "check-secrets": set(),
        "web-1": {"front", "back"},
        "web-2": {"front", "back"},
        "worker": {"back"},
        "db": {"back", "admin"},
        "backup": {"back"},
        "traefik": {"edge", "front"},
        "pgadmin": {"admin"},
    }
    networks = PROD.content["networks"]
    assert SERVICES["check-secrets"]["network_mode"] == "none"
    assert [networks[name]["internal"] for name in ("front", "back")] == [True, True]
    assert networks["admin"]["driver_opts"] == {"com.docker.network.bridge.enable_ip_masquerade": "false"}


def test_containers_see_the_secrets_that_they_need():
    assert {name: set(service.get("secrets", [])) for name, service in SERVICES.items() if name not in OURS} == {
        "check-secrets": {"secret", "database_password", "postgres_password", "pgadmin_password"},
        "db": {"postgres_password", "database_password", "database_certificate", "database_key"},
        "traefik": set(),
        "pgadmin": {"pgadmin_password"},
    }


@needs_root
def test_prepared_secrets_are_strong_and_behind_a_closed_door(tmp_path):
    secrets = prepare(tmp_path)
    assert set(secrets) == set(PROD.content["secrets"])
    assert {f"./secrets/{name}" for name in secrets} == {each["file"] for each in PROD.content["secrets"].values()}
    texts = {name: path.read_text() for name, path in secrets.items()}
    passwords = [texts[name] for name in ("postgres_password", "database_password", "pgadmin_password")]
    assert weakness_of_secret(texts["secret"]) is None
    assert [weakness_of_password(password) for password in passwords] == [None] * 3
    assert len({texts["secret"], *passwords}) == 4
    assert texts["secret_before"] == ""
    assert texts["database_url"] == f"postgresql://autotune:{texts['database_password']}@db:5432/autotune"
    load_settings(mode="prod", secret=texts["secret"], database_url=texts["database_url"])
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    modes = {name: stat.S_IMODE(path.stat().st_mode) for name, path in secrets.items()}
    assert modes.pop("database_key") == 0o400
    assert set(modes.values()) == {0o444}
    found = secrets["database_key"].stat()
    assert f"{found.st_uid}:{found.st_gid}" == SERVICES["db"]["user"]


@needs_root
def test_prepared_folders_belong_to_the_users_who_write_to_them(tmp_path):
    prepare(tmp_path)
    owners = {name: (tmp_path / name).stat() for name in ("backups", "acme")}
    assert (owners["backups"].st_uid, owners["backups"].st_gid) == (10001, 10001)
    assert f"{owners['acme'].st_uid}:{owners['acme'].st_gid}" == SERVICES["traefik"]["user"]
    assert {stat.S_IMODE(found.st_mode) for found in owners.values()} == {0o700}


@needs_root
def test_preparation_gives_a_copy_of_the_secrets_its_owners_again(tmp_path):
    originals = {name: path.stat() for name, path in prepare(tmp_path).items()}
    for path in (tmp_path / "secrets").iterdir():
        text = path.read_bytes()
        path.unlink()
        path.write_bytes(text)
        path.chmod(0o600)
    found = {name: path.stat() for name, path in prepare(tmp_path).items()}
    assert {name: (each.st_mode, each.st_uid, each.st_gid) for name, each in found.items()} == {
        name: (each.st_mode, each.st_uid, each.st_gid) for name, each in originals.items()
    }


@needs_root
def test_second_preparation_changes_nothing_but_makes_what_was_deleted(tmp_path):
    before = {name: path.read_text() for name, path in prepare(tmp_path).items()}
    (tmp_path / "secrets" / "secret").unlink()
    after = {name: path.read_text() for name, path in prepare(tmp_path).items()}
    assert {name for name in before if before[name] != after[name]} == {"secret"}


def test_stack_does_not_start_with_a_secret_that_can_be_guessed(monkeypatch, tmp_path):
    assert SERVICES["db"]["depends_on"]["check-secrets"] == {"condition": "service_completed_successfully"}
    files = dict.fromkeys(SERVICES["check-secrets"]["secrets"], "f3Kx-9QwLz_7RbT2vYmC8sNdHgJ4pUaE6iXo")
    assert _checked(monkeypatch, tmp_path, files).exit_code == 0
    names = {
        "secret": "AUTOTUNE_SECRET",
        "database_password": "DATABASE_PASSWORD",
        "postgres_password": "POSTGRES_PASSWORD",
        "pgadmin_password": "PGADMIN_DEFAULT_PASSWORD",
    }
    assert set(names) == set(files)
    for file, name in names.items():
        refused = _checked(monkeypatch, tmp_path, {**files, file: "CHANGEME"})
        assert refused.exit_code == 1
        assert f"{name} is under" in refused.output
        assert "CHANGEME" not in refused.output


def _checked(monkeypatch, folder, files):
    """Run the service's command with its environment, and the secrets in a folder of the test."""
    for name, text in files.items():
        (folder / name).write_text(text)
    for name, path in SERVICES["check-secrets"]["environment"].items():
        monkeypatch.setenv(name, path.replace("/run/secrets", str(folder)))
    program, *words = SERVICES["check-secrets"]["command"]
    assert program == "autotune"
    return CliRunner().invoke(main, words)
