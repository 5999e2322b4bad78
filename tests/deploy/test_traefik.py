"""Traefik's files: keys that Traefik knows, names that exist, and times that fit the service's own."""

import re
from typing import Any

import pytest
from deploy_files import DEV, PROD, Stack
from hypercorn.config import Config

from autotune_wire import paths

EACH_STACK = pytest.mark.parametrize("stack", [DEV, PROD], ids=lambda stack: stack.name)
DURATION = re.compile(r"(\d+)(ms|s|m)")

# The part that we use of the reference of Traefik 3.6, doc.traefik.io/traefik/reference/install-configuration and
# .../reference/routing-configuration/other-providers/file. * stands for a name that the file chooses.
STATIC = {
    "entryPoints": {
        "*": {
            "address": str,
            "http": {"redirections": {"entryPoint": {"to": str, "scheme": str, "permanent": bool}}},
            "transport": {
                "respondingTimeouts": dict.fromkeys(("readTimeout", "writeTimeout", "idleTimeout"), DURATION),
                "lifeCycle": {"graceTimeOut": DURATION},
            },
        }
    },
    "api": {"dashboard": bool, "insecure": bool},
    "ping": {},
    "serversTransport": {"forwardingTimeouts": dict.fromkeys(("dialTimeout", "idleConnTimeout"), DURATION)},
    "certificatesResolvers": {"*": {"acme": {"storage": str, "httpChallenge": {"entryPoint": str}}}},
    "providers": {"file": {"filename": str}},
    "log": {"level": str},
    "global": {"checkNewVersion": bool, "sendAnonymousUsage": bool},
}
DYNAMIC = {
    "http": {
        "routers": {
            "*": {
                **dict.fromkeys(("rule", "service"), str),
                "entryPoints": [str],
                "middlewares": [str],
                "tls": {"certResolver": str, "options": str},
            }
        },
        "middlewares": {
            "*": {
                "rateLimit": {"average": int, "burst": int},
                "headers": {
                    "stsSeconds": int,
                    "contentTypeNosniff": bool,
                    "frameDeny": bool,
                    "referrerPolicy": str,
                },
                "retry": {"attempts": int, "initialInterval": DURATION},
            }
        },
        "services": {
            "*": {
                "loadBalancer": {
                    "servers": [{"url": str}],
                    "healthCheck": {"path": str, "interval": DURATION, "timeout": DURATION},
                }
            }
        },
    },
    "tls": {"options": {"*": {"minVersion": str, "sniStrict": bool}}},
}


def unknown(given: Any, known: Any, path: str = "") -> list[str]:
    """The paths of keys that are not known, and of values that are of another type."""
    if isinstance(known, dict) and isinstance(given, dict):
        found = []
        for key, value in given.items():
            inner = known.get(key, known.get("*"))
            found += [f"{path}.{key}"] if inner is None else unknown(value, inner, f"{path}.{key}")
        return found
    if isinstance(known, list) and isinstance(given, list):
        return [problem for item in given for problem in unknown(item, known[0], f"{path}[]")]
    if isinstance(known, re.Pattern):
        return [] if isinstance(given, str) and known.fullmatch(given) else [path]
    return [] if isinstance(known, type) and type(given) is known else [path]


def seconds(duration: str) -> float:
    found = DURATION.fullmatch(duration)
    assert found is not None
    return int(found[1]) * {"ms": 0.001, "s": 1, "m": 60}[found[2]]


@EACH_STACK
def test_keys_are_those_that_traefik_knows(stack: Stack):
    assert unknown(stack.traefik(), STATIC) == []
    assert unknown(stack.router(), DYNAMIC) == []


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"http": {"router": {}}}, ".http.router"),
        ({"http": {"routers": {"a": {"middlewares": "rate"}}}}, ".http.routers.a.middlewares"),
        (
            {"http": {"middlewares": {"a": {"retry": {"initialInterval": "1 s"}}}}},
            ".http.middlewares.a.retry.initialInterval",
        ),
    ],
)
def test_key_that_traefik_does_not_know_is_found(wrong: dict[str, Any], path: str):
    assert unknown(wrong, DYNAMIC) == [path]


@EACH_STACK
def test_every_name_that_a_router_uses_is_there_and_every_part_is_used(stack: Stack):
    http, static = stack.router()["http"], stack.traefik()
    routers = http["routers"].values()
    assert {router["service"] for router in routers} == set(http["services"])
    assert {name for router in routers for name in router.get("middlewares", [])} == set(http.get("middlewares", {}))
    assert {name for router in routers for name in router["entryPoints"]} <= set(static["entryPoints"])
    tls = [router["tls"] for router in routers if "tls" in router]
    assert {each["certResolver"] for each in tls} == set(static.get("certificatesResolvers", {}))
    assert {each["options"] for each in tls} == set(stack.router().get("tls", {}).get("options", {}))
    challenges = [each["acme"]["httpChallenge"] for each in static.get("certificatesResolvers", {}).values()]
    assert {challenge["entryPoint"] for challenge in challenges} <= set(static["entryPoints"])


@EACH_STACK
def test_traefik_gives_up_idle_connections_before_the_service_does(stack: Stack):
    timeouts = stack.traefik()["serversTransport"]["forwardingTimeouts"]
    assert seconds(timeouts["idleConnTimeout"]) < Config().keep_alive_timeout


def test_nothing_that_takes_its_time_is_cut_off():
    timeouts = PROD.traefik()["entryPoints"]["websecure"]["transport"]["respondingTimeouts"]
    assert seconds(timeouts["writeTimeout"]) == 0  # none
    slow_line_bytes_a_second = 2**20 / 8  # a megabit
    assert seconds(timeouts["readTimeout"]) * slow_line_bytes_a_second > 64 * 2**20  # the largest import


def test_requests_under_way_are_answered_before_traefik_is_killed():
    life = PROD.traefik()["entryPoints"]["websecure"]["transport"]["lifeCycle"]
    assert seconds(life["graceTimeOut"]) < seconds(PROD.services["traefik"]["stop_grace_period"])


def test_web_process_gets_requests_while_it_lives():
    balancer = PROD.router()["http"]["services"]["autotune"]["loadBalancer"]
    assert balancer["healthCheck"]["path"] == paths.HEALTH_LIVE
    assert seconds(balancer["healthCheck"]["timeout"]) < seconds(balancer["healthCheck"]["interval"])
    assert len(balancer["servers"]) == 2


def test_request_that_finds_no_process_is_tried_with_another():
    (router,) = PROD.router()["http"]["routers"].values()
    middlewares = PROD.router()["http"]["middlewares"]
    (retry,) = [middlewares[name]["retry"] for name in router["middlewares"] if "retry" in middlewares[name]]
    assert retry["attempts"] > len(PROD.router()["http"]["services"]["autotune"]["loadBalancer"]["servers"])
