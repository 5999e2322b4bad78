"""The Compose stacks hold together: each name one file uses exists where the other defines it."""

import os
import re
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from typing import Any

import compose_spec
import pytest
import yaml
from deploy_files import DEV, PROD, ROOT, Stack, interpolate, stages, variables_in

from autotune_service.settings import GRACE_S, Settings, is_loopback, load_settings
from autotune_service.store.embedded import STOPPED_WITHIN_S

STACKS = [DEV, PROD]
EACH_STACK = pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
EACH_SERVICE = pytest.mark.parametrize(
    ("stack", "name"),
    [(stack, name) for stack in STACKS for name in stack.services],
    ids=lambda value: getattr(value, "name", value),
)
DATABASE_URL = "postgresql://autotune:{}@db:5432/autotune"


def option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def published(service: dict[str, Any]) -> dict[int, int]:
    """Ports inside by ports outside, of whatever address."""
    ports = [port.split(":")[-2:] for port in service.get("ports", [])]
    return {int(outside): int(inside) for outside, inside in ports}


def mounts(stack: Stack) -> list[str]:
    return [mount for service in stack.services.values() for mount in service.get("volumes", [])]


def target_of(service: dict[str, Any]) -> str | None:
    """The stage of the Dockerfile that a service's image is of; None for other people's images."""
    found = re.match(r"autotune-(\w+):", service["image"])
    return found and found[1]


def seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)([sm])", duration)
    assert found is not None
    return int(found[1]) * {"s": 1, "m": 60}[found[2]]


@EACH_STACK
def test_compose_file_follows_the_specification(stack: Stack):
    _read_by_the_specification(interpolate(stack.content, stack.environment))


@EACH_STACK
def test_compose_file_with_an_unknown_key_is_refused(stack: Stack):
    wrong = interpolate(stack.content, stack.environment)
    wrong["services"]["traefik"]["port"] = wrong["services"]["traefik"].pop("ports")
    with pytest.raises(ValueError, match="port"):
        _read_by_the_specification(wrong)


def _read_by_the_specification(content: dict[str, Any]) -> None:
    compose_spec.PyOptions().from_yaml(yaml.safe_dump(content)).validate()


@EACH_STACK
def test_compose_itself_reads_the_file_with_the_example_as_it_is(stack: Stack):
    words = [*_compose(), "--project-directory", str(ROOT), "-f", stack.name, "--env-file", stack.example, "config"]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert run.returncode == 0, run.stderr
    # Compose 1 shows what stands in a profile, too; Compose 2 does not.
    assert set(stack.services) - set(yaml.safe_load(run.stdout)["services"]) <= {"pgadmin"}


def _compose() -> list[str]:
    for words in (["docker-compose"], ["docker", "compose"]):
        if shutil.which(words[0]) and subprocess.run([*words, "version"], capture_output=True).returncode == 0:
            return words
    pytest.skip("there is no Compose")


@EACH_SERVICE
def test_container_is_not_killed_while_it_stops(stack: Stack, name: str):
    service = stack.services[name]
    if target_of(service) is not None and "stop_grace_period" in service:
        assert seconds(service["stop_grace_period"]) >= GRACE_S + STOPPED_WITHIN_S
    else:
        assert target_of(service) is None or name == "check-secrets"


@EACH_STACK
def test_every_variable_is_in_the_example_and_back(stack: Stack):
    of_compose = {name for name in stack.environment if name.startswith("COMPOSE_")}
    optional = {"PGADMIN_DEFAULT_EMAIL"} if stack is PROD else set()
    assert variables_in(stack.text) - optional == set(stack.environment) - of_compose


@EACH_STACK
def test_settings_named_in_the_files_exist(stack: Stack):
    named = set(re.findall(r"\bAUTOTUNE_\w+", stack.text + (ROOT / stack.example).read_text()))
    of_stack = {"AUTOTUNE_DOMAIN", "AUTOTUNE_VERSION"} if stack is PROD else set()
    settings = {f"AUTOTUNE_{field.upper()}" for field in Settings.model_fields}
    assert {name.removesuffix("_FILE") for name in named} - of_stack <= settings


@EACH_STACK
def test_stack_does_not_start_without_the_variables_that_it_needs(stack: Stack):
    interpolate(stack.content, stack.environment)
    needed = {"POSTGRES_PASSWORD"} if stack is DEV else {"AUTOTUNE_DOMAIN"}
    for name in needed:
        with pytest.raises(KeyError, match=name):
            interpolate(stack.content, {**stack.environment, name: ""})


@EACH_STACK
def test_secret_before_and_basic_authentication_can_be_set(stack: Stack):
    (web, *_) = [service for service in stack.services.values() if "serve" in str(service.get("command"))] or [
        stack.services["web-1"]
    ]
    suffix = "_FILE" if stack is PROD else ""
    for name in (f"AUTOTUNE_SECRET_BEFORE{suffix}", "AUTOTUNE_BASIC_AUTH"):
        assert interpolate(web["environment"][name], {name: "given"}) == "given"
        assert interpolate(web["environment"][name], stack.environment) == ""


@EACH_STACK
def test_web_process_answers_to_the_name_of_the_router_and_believes_traefik_alone(stack: Stack):
    for service in stack.services.values():
        if target_of(service) is None or "AUTOTUNE_ALLOWED_HOSTS" not in service.get("environment", {}):
            continue
        settings = interpolate(service["environment"], stack.environment)
        hosts, proxies = settings["AUTOTUNE_ALLOWED_HOSTS"], settings["AUTOTUNE_TRUSTED_PROXIES"]
        given = load_settings(allowed_hosts=hosts, trusted_proxies=proxies)
        (router,) = stack.router()["http"]["routers"].values()
        assert router["rule"] == f"Host(`{given.allowed_hosts[0]}`)"
        (proxy,) = given.trusted_proxies
        address = ip_address(stack.services["traefik"]["networks"]["front"]["ipv4_address"])
        (network,) = stack.content["networks"]["front"]["ipam"]["config"]
        assert proxy == ip_network(address)
        assert address in ip_network(network["subnet"])
        assert address not in ip_network(network["ip_range"]), "the engine could give it to another container"


@EACH_STACK
def test_nobody_has_the_socket_of_the_engine(stack: Stack):
    assert [mount for mount in mounts(stack) if "docker.sock" in mount] == []
    assert "docker" not in stack.traefik()["providers"]


@EACH_SERVICE
def test_container_is_confined(stack: Stack, name: str):
    service = stack.services[name]
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", [])) <= {"NET_BIND_SERVICE"}
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["pids_limit"] > 0
    assert service["mem_limit"]
    assert "privileged" not in service


@EACH_SERVICE
def test_container_runs_as_no_root(stack: Stack, name: str):
    service, target = stack.services[name], target_of(stack.services[name])
    (user,) = [service["user"]] if target is None else stages()[target].of("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert target is None or "user" not in service


@EACH_SERVICE
def test_image_is_of_one_version(stack: Stack, name: str):
    image = stack.services[name]["image"]
    assert target_of(stack.services[name]) in stages() or re.fullmatch(r"[\w/]+:v?\d+\.\d+(\.\d+)?(-\w+)?", image)


@EACH_STACK
def test_every_mounted_file_volume_and_secret_exists(stack: Stack):
    sources = {mount.split(":")[0] for mount in mounts(stack)}
    made = {"./backups", "./acme"} if stack is PROD else set()
    files = {source for source in sources if source.startswith(".")}
    assert [source for source in files - made if not (ROOT / source).is_file()] == []
    assert sources - files == set(stack.content["volumes"])
    used = {secret for service in stack.services.values() for secret in service.get("secrets", [])}
    assert used == set(stack.content.get("secrets", {}))


@EACH_STACK
def test_traefik_reads_the_mounted_files(stack: Stack):
    inside = {mount.split(":")[1]: mount.split(":")[0] for mount in stack.services["traefik"]["volumes"]}
    static = option(" ".join(stack.services["traefik"]["command"]).replace("=", " ").split(), "--configFile")
    assert inside[static] == f"./{stack.static}"
    assert inside[stack.traefik()["providers"]["file"]["filename"]] == f"./{stack.routes}"


@EACH_STACK
def test_every_service_waited_for_can_become_healthy(stack: Stack):
    checked = {
        name
        for name, service in stack.services.items()
        if "test" in service.get("healthcheck", {}) or (target_of(service) and "healthcheck" not in service)
    }
    waits = [wait for service in stack.services.values() for wait in service.get("depends_on", {}).items()]
    assert waits
    healthy = [name for name, wait in waits if wait["condition"] == "service_healthy"]
    assert [name for name in healthy if name not in checked] == []
    assert {name for name, _ in waits} - set(healthy) <= {"check-secrets"}


@EACH_STACK
def test_router_leads_to_the_web_processes(stack: Stack):
    (router,) = stack.router()["http"]["routers"].values()
    servers = stack.router()["http"]["services"][router["service"]]["loadBalancer"]["servers"]
    port = option(stages()["web"].command(), "--port")
    webs = {name for name in stack.services if name.startswith("web")}
    assert {server["url"] for server in servers} == {f"http://{name}:{port}" for name in webs}
    assert stages()["web"].of("EXPOSE") == [port]
    for name in webs:
        assert "--no-worker" in stack.services[name].get("command", stages()["web"].command())


def test_image_checks_the_port_it_serves():
    port = option(stages()["web"].command(), "--port")
    assert f"http://127.0.0.1:{port}/health/live" in stages()["web"].of("HEALTHCHECK")[0]
    assert f"AUTOTUNE_METRICS_PORT={PROD.services['worker']['environment']['AUTOTUNE_METRICS_PORT']}" in str(
        stages()["worker"].of("ENV")
    )


# Development: as it is in the example, on this machine alone.


def test_dev_stack_has_its_services():
    assert set(DEV.services) == {"web", "worker", "db", "pgadmin", "traefik"}


def test_dev_stack_starts_with_the_example_as_it_is():
    services = interpolate(DEV.services, DEV.environment)
    assert services["web"]["environment"] == services["worker"]["environment"]
    settings = {name: value for name, value in services["web"]["environment"].items() if value}
    read = load_settings(**{name.removeprefix("AUTOTUNE_").lower(): value for name, value in settings.items()})
    assert read.mode == "dev"
    assert read.secret is None
    assert read.database_url is not None
    assert read.database_url.get_secret_value() == DATABASE_URL.format(
        services["db"]["environment"]["POSTGRES_PASSWORD"]
    )


def test_dev_web_processes_share_the_secret_that_they_make():
    (data,) = re.findall(r"AUTOTUNE_DATA=([\w/]+)", str(stages()["base"].of("ENV")))
    assert f"data:{data}" in DEV.services["web"]["volumes"]


def test_dev_addresses_are_the_known_ones():
    assert DEV.router()["http"]["routers"]["autotune"]["rule"] == "Host(`dev.autotune.localhost`)"
    assert DEV.traefik()["entryPoints"]["web"]["address"] == ":8008"
    assert DEV.traefik()["entryPoints"]["traefik"]["address"] == ":8081"
    assert DEV.traefik()["api"]["dashboard"] is True
    assert published(DEV.services["traefik"]) == {8008: 8008, 8081: 8081}
    assert published(DEV.services["pgadmin"]) == {
        5050: int(DEV.services["pgadmin"]["environment"]["PGADMIN_LISTEN_PORT"])
    }


def test_dev_stack_is_reached_from_this_machine_alone():
    ports = [port for service in DEV.services.values() for port in service.get("ports", [])]
    assert [port for port in ports if not is_loopback(port.split(":")[0])] == []


def test_dev_containers_see_the_neighbours_that_they_need():
    assert {name: set(service.get("networks", [])) for name, service in DEV.services.items()} == {
        "web": {"front", "back"},
        "worker": {"back"},
        "db": {"back", "admin"},
        "pgadmin": {"admin"},
        "traefik": {"front"},
    }
    assert DEV.content["networks"]["back"]["internal"] is True


def test_example_environment_is_not_ignored_but_the_real_one_and_the_secrets_are():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", "/secrets/", "/backups/", "/acme/"} <= set(ignored)
    assert not {".env.example", ".env.prod.example"} & set(ignored)
