"""What is wrong with the database, judged by what it says of itself."""

from collections.abc import Iterator

from autotune_service.doctor.findings import Finding
from autotune_service.settings import Settings
from autotune_service.store.server.facts import Facts

_OLDEST = 15  # 14 had its last update in November 2026
_MOST_SKEW_S = 2.0
_CONNECTIONS_BESIDES = 4  # that listen, and the one that migrates


def examine_database(settings: Settings, facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with a database that answers."""
    yield from _examine_server(settings, facts)
    if not facts.is_current:
        yield Finding(
            "schema_behind",
            f"the tables are of {facts.revision or 'no version'}, and this version needs {facts.newest_revision}.",
            "Make a backup, then run `autotune migrate`, or start the service, which does so.",
        )
    if settings.mode == "dev" and facts.is_marked:
        yield Finding(
            "prod_database_in_dev",
            "a service in prod mode has used this database: in dev mode the service does not start with it.",
            "Set AUTOTUNE_MODE=prod, or choose another database.",
        )
    if facts.is_shared and settings.database_direct_url is None:
        yield Finding(
            "pooler_without_direct_url",
            "AUTOTUNE_DATABASE_URL leads to a pooler that gives each transaction another session, and AutoTune must "
            "listen in one of its own.",
            "Set AUTOTUNE_DATABASE_DIRECT_URL to an address of the same database without that pooler.",
        )
    if settings.mode == "prod" and settings.database_url is not None and facts.is_superuser:
        yield Finding(
            "database_superuser",
            "AutoTune uses the database as a superuser, who may read the server's files and run programs there.",
            "CREATE ROLE autotune LOGIN PASSWORD ...; give it the database (ALTER DATABASE ... OWNER TO autotune) and "
            "change the URL.",
        )
    if settings.mode == "prod" and facts.is_remote and not facts.is_encrypted:
        yield Finding(
            "database_without_tls",
            "what AutoTune and the database tell each other, password hashes too, can be read on the way.",
            "Switch TLS on in the server, and set sslmode=verify-full in AUTOTUNE_DATABASE_URL.",
        )


def _examine_server(settings: Settings, facts: Facts) -> Iterator[Finding]:
    if facts.major < _OLDEST:
        yield Finding(
            "postgres_old",
            f"the server is Postgres {facts.major}, which gets no security updates any more.",
            f"Upgrade it to Postgres {_OLDEST} or later.",
        )
    for name, value in (("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes)):
        if value == "off":
            yield Finding(
                f"{name}_off",
                f"the server has {name} = off: a power cut loses what was acknowledged, or the whole database.",
                f"Set {name} = on in postgresql.conf and reload the server.",
            )
    if abs(facts.skew_s) > _MOST_SKEW_S:
        yield Finding(
            "clock_skew",
            f"the database's clock is {abs(facts.skew_s):.0f} s {'ahead of' if facts.skew_s > 0 else 'behind'} this "
            "machine's: tokens and leases end at the wrong time.",
            "Let both set their clocks by NTP (chrony, systemd-timesyncd).",
        )
    needed = settings.database_pool_size + _CONNECTIONS_BESIDES
    if facts.max_connections < needed:
        yield Finding(
            "connections_few",
            f"the server lets this role have {facts.max_connections} connections, and one process of AutoTune takes up "
            f"to {needed}.",
            "Raise max_connections or the role's limit there, or lower AUTOTUNE_DATABASE_POOL_SIZE.",
        )
