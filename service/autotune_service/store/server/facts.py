"""What a database says of itself, for who judges whether it is run well."""

import time
from dataclasses import dataclass

import asyncpg

from autotune_service.store.prod_mark import is_marked
from autotune_service.store.schema import find_tables, known_revisions
from autotune_service.store.server.address import Address
from autotune_service.store.server.connecting import connect_session, unavailable_of
from autotune_service.store.server.inspection import are_shared
from autotune_service.store.server.refusals import DATABASE_ERRORS

_CONNECT_S = 10.0
_FACTS = """
SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS major,
    pg_catalog.current_setting('fsync') AS fsync,
    pg_catalog.current_setting('full_page_writes') AS full_page_writes,
    EXTRACT(EPOCH FROM pg_catalog.clock_timestamp())::float AS now_s,
    pg_catalog.inet_server_addr() IS NOT NULL
        AND pg_catalog.inet_server_addr() IS DISTINCT FROM pg_catalog.inet_client_addr() AS is_remote,
    COALESCE((SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()), false) AS is_encrypted,
    rolsuper AS is_superuser,
    LEAST(pg_catalog.current_setting('max_connections')::int, NULLIF(rolconnlimit, -1)) AS max_connections
FROM pg_catalog.pg_roles WHERE rolname = current_user
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a database.

    Attributes:
        major: The server's version.
        fsync: The setting of that name, ``on`` or ``off``.
        full_page_writes: The setting of that name, ``on`` or ``off``.
        skew_s: By how many seconds its clock is ahead of this machine's.
        max_connections: How many connections the server and the role allow.
        is_superuser: Whether the role is one.
        is_remote: Whether it is another machine's, as far as the addresses of the connection tell.
        is_encrypted: Whether the connection is.
        is_shared: Whether the URL leads to a pooler that gives each transaction another session.
        revision: The revision of AutoTune's tables; None if there are none.
        newest_revision: The revision that this version needs.
        is_current: Whether this version can use the tables as they are.
        is_marked: Whether a service in prod mode has used it.
    """

    major: int
    fsync: str
    full_page_writes: str
    skew_s: float
    max_connections: int
    is_superuser: bool
    is_remote: bool
    is_encrypted: bool
    is_shared: bool
    revision: str | None
    newest_revision: str
    is_current: bool
    is_marked: bool


async def read_facts(url: str, direct_url: str | None = None) -> Facts:
    """Ask a database; nothing is changed.

    Args:
        url: Where transactions go.
        direct_url: Where sessions go that must last, if elsewhere.

    Raises:
        UnavailableError: If it does not answer.
        SchemaError: If its tables are of a newer version, or may not be read.
    """
    is_shared = await are_shared(url)
    address = Address.of(direct_url or url)
    try:
        connection = await connect_session(address, "autotune-doctor", timeout_s=_CONNECT_S, statement_cache_size=0)
        try:
            return await _read(connection, is_shared=is_shared)
        finally:
            await connection.close()
    except DATABASE_ERRORS as error:
        raise unavailable_of(address, error, _CONNECT_S) from error


async def _read(connection: asyncpg.Connection, *, is_shared: bool) -> Facts:
    held = await find_tables(connection)
    marked = await is_marked(connection)
    before = time.time()
    row = dict(await connection.fetchrow(_FACTS))
    # The server has read its clock somewhere between the two readings of ours.
    skew_s = row.pop("now_s") - (before + time.time()) / 2
    return Facts(
        **row,
        skew_s=skew_s,
        is_shared=is_shared,
        revision=None if held is None else held.revision,
        newest_revision=known_revisions()[-1],
        is_current=held is not None and held.is_current,
        is_marked=marked,
    )
