"""The Compose stack holds together: each name one file uses exists where the other defines it."""

import re
from pathlib import Path

import compose_spec
import pytest
from deploy_files import (
    ROOT,
    compose,
    compose_text,
    dockerfile,
    example_environment,
    instructions,
    interpolate,
    start_command,
    traefik,
    variables_in,
)

from autotune_service.settings import GRACE_S, Settings
from autotune_service.store.embedded import STOPPED_WITHIN_S

SERVICES = compose()["services"]
LABELS: dict[str, str] = SERVICES["web"]["labels"]
SECRETS = {"AUTOTUNE_SECRET", "POSTGRES_PASSWORD", "PGADMIN_DEFAULT_PASSWORD"}


def _label(pattern: str) -> dict[str, str]:
    found = ((re.fullmatch(pattern, name), value) for name, value in LABELS.items())
    return {match[1]: value for match, value in found if match}


def _published(service: str) -> dict[int, int]:
    ports = [port.split(":") for port in SERVICES[service].get("ports", [])]
    return {int(outside): int(inside) for _, outside, inside in ports}


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def _mounts() -> list[str]:
    return [mount for service in SERVICES.values() for mount in service.get("volumes", [])]


def test_compose_file_follows_the_specification():
    compose_spec.PyOptions(apply_merge=True).from_yaml(compose_text()).validate()


def test_compose_file_with_an_unknown_key_is_refused():
    wrong = compose_text().replace("    ports:", "    port:", 1)
    with pytest.raises(ValueError, match="port"):
        compose_spec.PyOptions(apply_merge=True).from_yaml(wrong)


def test_stack_has_its_five_services():
    assert set(SERVICES) == {"web", "worker", "db", "pgadmin", "traefik"}


@pytest.mark.parametrize("name", ["web", "worker"])
def test_container_is_not_killed_while_it_stops(name):
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) >= GRACE_S + STOPPED_WITHIN_S


def test_every_variable_is_in_the_example_and_back():
    assert variables_in(compose_text()) == set(example_environment())


def test_example_leaves_exactly_the_secrets_to_fill_in():
    empty = {name for name, value in example_environment().items() if not value}
    assert empty - {"TORCH_INDEX_URL"} == SECRETS


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_stack_does_not_start_without_a_secret(name: str):
    given = {**example_environment(), **dict.fromkeys(SECRETS - {name}, "given")}
    with pytest.raises(KeyError, match=name):
        interpolate(compose(), given)


def test_settings_named_in_the_files_exist():
    named = set(re.findall(r"\bAUTOTUNE_\w+", compose_text() + (ROOT / ".env.example").read_text()))
    assert named <= {f"AUTOTUNE_{field.upper()}" for field in Settings.model_fields}


def test_web_and_worker_share_image_and_settings():
    assert SERVICES["web"]["image"] == SERVICES["worker"]["image"]
    assert SERVICES["web"]["environment"] == SERVICES["worker"]["environment"]


def test_database_url_is_that_of_the_database():
    given = {**example_environment(), **dict.fromkeys(SECRETS, "given")}
    services = interpolate(SERVICES, given)
    owner = services["db"]["environment"]
    expected = "postgresql://{POSTGRES_USER}:{POSTGRES_PASSWORD}@db:5432/{POSTGRES_DB}".format(**owner)
    assert services["web"]["environment"]["AUTOTUNE_DATABASE_URL"] == expected


def test_router_leads_the_seed_address_to_the_web_process():
    assert LABELS["traefik.enable"] == "true"
    assert _label(r"traefik\.http\.routers\.(\w+)\.rule") == {"autotune": "Host(`dev.autotune.localhost`)"}
    assert set(_label(r"traefik\.http\.routers\.(\w+)\.entrypoints").values()) <= set(traefik()["entryPoints"])
    behind = _label(r"traefik\.http\.services\.(\w+)\.loadbalancer\.server\.port")
    assert set(_label(r"traefik\.http\.routers\.(\w+)\.service").values()) == set(behind)
    assert set(behind.values()) == {_option(SERVICES["web"]["command"], "--port")}


def test_every_label_is_one_that_these_tests_read():
    routers, services = (
        r"http\.routers\.\w+\.(rule|entrypoints|service)",
        r"http\.services\.\w+\.loadbalancer\.server\.port",
    )
    assert [name for name in LABELS if not re.fullmatch(rf"traefik\.(enable|{routers}|{services})", name)] == []


def test_traefik_publishes_the_entrypoints_as_they_are():
    listens = {int(entry["address"].removeprefix(":")) for entry in traefik()["entryPoints"].values()}
    assert _published("traefik") == {port: port for port in listens}


def test_addresses_are_the_known_ones():
    assert traefik()["entryPoints"]["web"]["address"] == ":8008"
    assert traefik()["entryPoints"]["traefik"]["address"] == ":8081"
    assert traefik()["api"]["dashboard"] is True
    assert _published("pgadmin") == {5050: 80}


def test_nothing_is_published_beyond_this_machine():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_traefik_routes_to_no_service_that_did_not_ask():
    assert traefik()["providers"]["docker"]["exposedByDefault"] is False


def test_engine_socket_is_mounted_read_only():
    assert [mount for mount in _mounts() if "docker.sock" in mount] == ["/var/run/docker.sock:/var/run/docker.sock:ro"]


def test_every_mounted_file_and_volume_exists():
    sources = {mount.split(":")[0] for mount in _mounts()} - {"/var/run/docker.sock"}
    files = {source for source in sources if source.startswith(".")}
    assert [source for source in files if not (ROOT / source).is_file()] == []
    assert sources - files == set(compose()["volumes"])


def test_traefik_reads_the_mounted_file():
    inside = {mount.split(":")[1] for mount in SERVICES["traefik"]["volumes"]}
    assert _option(" ".join(SERVICES["traefik"]["command"]).replace("=", " ").split(), "--configFile") in inside


def test_every_service_waited_for_can_become_healthy():
    built = {name for name, service in SERVICES.items() if "build" in service and instructions("HEALTHCHECK")}
    checked = built | {name for name, service in SERVICES.items() if "test" in service.get("healthcheck", {})}
    waits = [wait for service in SERVICES.values() for wait in service.get("depends_on", {}).items()]
    assert waits
    assert [name for name, wait in waits if wait["condition"] != "service_healthy" or name not in checked] == []


def test_image_checks_and_exposes_the_port_it_serves():
    port = _option(start_command(), "--port")
    assert instructions("EXPOSE") == [port]
    assert f"http://127.0.0.1:{port}/health/live" in instructions("HEALTHCHECK")[0]
    assert _option(SERVICES["web"]["command"], "--port") == port


def test_image_does_not_run_as_root():
    names = [name for name, _ in dockerfile()]
    assert instructions("USER") == ["autotune"]
    assert "RUN" not in names[names.index("USER") :]


def test_example_environment_is_not_ignored_but_the_real_one_is():
    ignored = Path(ROOT / ".gitignore").read_text().splitlines()
    assert ".env" in ignored
    assert ".env.example" not in ignored
