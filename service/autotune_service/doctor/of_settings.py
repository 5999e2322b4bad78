"""What is wrong with the settings: who may come in, by which name, and with which secrets."""

from collections.abc import Iterator, Mapping

from autotune_service.doctor.findings import Finding
from autotune_service.security.secrets import weakness_of_password
from autotune_service.settings import (
    DEV_EMAIL,
    HOW_TO_MAKE_A_SECRET,
    Settings,
    is_loopback,
    weakness_of_database,
)

_LONG_TOKEN_S = 3600
_PASSWORDS = ("POSTGRES_PASSWORD", "PGADMIN_DEFAULT_PASSWORD")
"""Variables of the Compose stack, which the doctor sees if they are passed on to it."""
_MAKE = f"Make another one with: {HOW_TO_MAKE_A_SECRET}"


def examine_settings(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is wrong with settings that can be read, and with the passwords beside them."""
    is_prod, is_public = settings.mode == "prod", not is_loopback(settings.host)
    if not is_prod and is_public:
        yield Finding(
            "dev_in_public",
            f"the service listens on {settings.host} in dev mode, where everybody signs in as {DEV_EMAIL} with a "
            "published password.",
            "Set AUTOTUNE_MODE=prod, or AUTOTUNE_HOST=127.0.0.1.",
        )
    if is_prod and is_public and not settings.allowed_hosts:
        yield Finding(
            "allowed_hosts_missing",
            "AUTOTUNE_ALLOWED_HOSTS is not set: only requests to this machine's own addresses are answered.",
            "Set it to the names under which the service is reached, as in tune.example.org.",
        )
    if is_public and settings.has_metrics:
        yield Finding(
            "metrics_public",
            "/metrics is served without login to everybody who can reach the service.",
            "Set AUTOTUNE_METRICS=0, and AUTOTUNE_METRICS_PORT for a port that only Prometheus reaches.",
        )
    if is_prod and getattr(settings, "sign_up", None) == "open":
        yield Finding(
            "sign_up_open",
            "everybody who can reach the service can make an account.",
            "Set AUTOTUNE_SIGN_UP=closed or invitation.",
        )
    if is_prod and settings.plain_http:
        yield Finding(
            "plain_http",
            "AUTOTUNE_PLAIN_HTTP is set: everybody on the network can read passwords, tokens and cookies.",
            "Put a proxy with TLS in front, and take AUTOTUNE_PLAIN_HTTP away.",
        )
    if any(network.prefixlen == 0 for network in settings.trusted_proxies):
        yield Finding(
            "every_proxy_trusted",
            "AUTOTUNE_TRUSTED_PROXIES has a network of all addresses: everybody can say to be anybody, and so get "
            "around the brake on sign-ins and stand in the audit log under a false address.",
            "Set it to the addresses of the proxies alone.",
        )
    if is_prod and settings.access_token_s > _LONG_TOKEN_S:
        yield Finding(
            "access_token_long",
            f"a stolen access token works for {settings.access_token_s} s, whatever its owner does.",
            f"Set AUTOTUNE_ACCESS_TOKEN_S to {_LONG_TOKEN_S} or less; clients fetch a new one by themselves.",
        )
    yield from _examine_passwords(settings, environment)


def _examine_passwords(settings: Settings, environment: Mapping[str, str]) -> Iterator[Finding]:
    for name in ("database_url", "database_direct_url"):
        weakness = weakness_of_database(getattr(settings, name))
        if weakness is not None:
            yield Finding(
                "database_password_weak",
                f"the password in AUTOTUNE_{name.upper()} is {weakness}.",
                f"{_MAKE}. Then ALTER ROLE ... PASSWORD in the database, and change the URL.",
            )
    for name in _PASSWORDS:
        weakness = weakness_of_password(environment[name]) if environment.get(name) else None
        if weakness is not None:
            yield Finding("password_weak", f"{name} is {weakness}.", f"{_MAKE}.")
