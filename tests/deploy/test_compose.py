"""The Compose stack holds together: each name one file uses exists where the other defines it."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import compose_spec
import pytest
from click.testing import CliRunner
from deploy_files import (
    ROOT,
    compose,
    compose_text,
    dockerfile,
    example_environment,
    instructions,
    interpolate,
    routes,
    start_command,
    traefik,
    variables_in,
)

from autotune_service.cli import main
from autotune_service.settings import GRACE_S, Settings, load_settings
from autotune_service.store.embedded import STOPPED_WITHIN_S

SERVICES = compose()["services"]
SECRETS = {"AUTOTUNE_SECRET", "POSTGRES_PASSWORD", "PGADMIN_DEFAULT_PASSWORD"}


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
    wrong = compose_text().replace("    ports:\n", "    port:\n", 1)
    with pytest.raises(ValueError, match="port"):
        compose_spec.PyOptions(apply_merge=True).from_yaml(wrong)


def test_stack_has_its_services():
    assert set(SERVICES) == {"check-secrets", "web", "worker", "db", "pgadmin", "traefik"}


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
    (router,) = routes()["routers"].values()
    assert router["rule"] == "Host(`dev.autotune.localhost`)"
    assert set(router["entryPoints"]) <= set(traefik()["entryPoints"])
    (server,) = routes()["services"][router["service"]]["loadBalancer"]["servers"]
    assert server["url"] == f"http://web:{_option(SERVICES['web']['command'], '--port')}"


def test_web_process_answers_to_the_name_of_the_router_and_believes_traefik_alone():
    settings = interpolate(SERVICES["web"]["environment"], dict.fromkeys(SECRETS, "given"))
    given = load_settings(
        allowed_hosts=settings["AUTOTUNE_ALLOWED_HOSTS"], trusted_proxies=settings["AUTOTUNE_TRUSTED_PROXIES"]
    )
    assert given.allowed_hosts == ("dev.autotune.localhost",)
    (proxy,) = given.trusted_proxies
    address = ip_address(SERVICES["traefik"]["networks"]["front"]["ipv4_address"])
    (network,) = compose()["networks"]["front"]["ipam"]["config"]
    assert proxy == ip_network(address)
    assert address in ip_network(network["subnet"])
    assert address not in ip_network(network["ip_range"]), "the engine could give it to another container"


def test_traefik_publishes_the_entrypoints_as_they_are():
    listens = {int(entry["address"].removeprefix(":")) for entry in traefik()["entryPoints"].values()}
    assert _published("traefik") == {port: port for port in listens}


def test_addresses_are_the_known_ones():
    assert traefik()["entryPoints"]["web"]["address"] == ":8008"
    assert traefik()["entryPoints"]["traefik"]["address"] == ":8081"
    assert traefik()["api"]["dashboard"] is True
    assert _published("pgadmin") == {5050: int(SERVICES["pgadmin"]["environment"]["PGADMIN_LISTEN_PORT"])}


def test_nothing_is_published_beyond_this_machine():
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_nobody_has_the_socket_of_the_engine():
    assert [mount for mount in _mounts() if "docker.sock" in mount] == []
    assert "docker" not in traefik()["providers"]


@pytest.mark.parametrize("name", SERVICES)
def test_container_is_confined(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", [])) <= {"NET_BIND_SERVICE"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    assert "privileged" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_container_runs_as_no_root(name):
    users = [SERVICES[name]["user"]] if "user" in SERVICES[name] else instructions("USER")
    assert "user" in SERVICES[name] or SERVICES[name]["image"] == SERVICES["web"]["image"]
    assert [user for user in users if re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) is None] == []


def test_each_container_sees_the_neighbours_that_it_needs():
    networks = {name: set(service.get("networks", [])) for name, service in SERVICES.items()}
    assert networks == {
        "check-secrets": set(),
        "web": {"front", "back"},
        "worker": {"back"},
        "db": {"back", "admin"},
        "pgadmin": {"admin"},
        "traefik": {"front"},
    }
    assert SERVICES["check-secrets"]["network_mode"] == "none"
    assert compose()["networks"]["back"]["internal"] is True


def test_stack_does_not_start_with_a_secret_that_can_be_guessed(monkeypatch):
    check = SERVICES["check-secrets"]
    assert set(check["environment"]) == SECRETS == set(check["command"][2:])
    assert SERVICES["db"]["depends_on"]["check-secrets"] == {"condition": "service_completed_successfully"}
    for name in SECRETS:
        monkeypatch.setenv(name, "f3Kx-9QwLz_7RbT2vYmC8sNdHgJ4pUaE6iXo")  # pragma: allowlist secret -- made up
    run = CliRunner().invoke
    assert run(main, check["command"][1:]).exit_code == 0
    for name in sorted(SECRETS):
        with monkeypatch.context() as changed:
            changed.setenv(name, "CHANGEME")
            refused = run(main, check["command"][1:])
        assert refused.exit_code == 1
        assert f"{name} is under" in refused.output
        assert "CHANGEME" not in refused.output


def test_every_mounted_file_and_volume_exists():
    sources = {mount.split(":")[0] for mount in _mounts()}
    files = {source for source in sources if source.startswith(".")}
    assert [source for source in files if not (ROOT / source).is_file()] == []
    assert sources - files == set(compose()["volumes"])


def test_traefik_reads_the_mounted_files():
    inside = {mount.split(":")[1] for mount in SERVICES["traefik"]["volumes"]}
    assert _option(" ".join(SERVICES["traefik"]["command"]).replace("=", " ").split(), "--configFile") in inside
    assert traefik()["providers"]["file"]["filename"] in inside


def test_every_service_waited_for_can_become_healthy():
    built = {name for name, service in SERVICES.items() if "build" in service and instructions("HEALTHCHECK")}
    checked = built | {name for name, service in SERVICES.items() if "test" in service.get("healthcheck", {})}
    waits = [wait for service in SERVICES.values() for wait in service.get("depends_on", {}).items()]
    assert waits
    healthy = [name for name, wait in waits if wait["condition"] == "service_healthy"]
    assert [name for name in healthy if name not in checked] == []
    assert {name for name, _ in waits} - set(healthy) == {"check-secrets"}


def test_image_checks_and_exposes_the_port_it_serves():
    port = _option(start_command(), "--port")
    assert instructions("EXPOSE") == [port]
    assert f"http://127.0.0.1:{port}/health/live" in instructions("HEALTHCHECK")[0]
    assert _option(SERVICES["web"]["command"], "--port") == port


def test_image_does_not_run_as_root():
    names = [name for name, _ in dockerfile()]
    assert instructions("USER") == ["10001:10001"]
    assert any("useradd --uid 10001" in run for run in instructions("RUN"))
    assert "RUN" not in names[names.index("USER") :]


def test_example_environment_is_not_ignored_but_the_real_one_is():
    ignored = Path(ROOT / ".gitignore").read_text().splitlines()
    assert ".env" in ignored
    assert ".env.example" not in ignored
