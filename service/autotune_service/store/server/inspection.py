"""Looks at a database once, before anything else uses it, and refuses what AutoTune cannot work with in a sentence."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.server.address import Address
from autotune_service.store.server.connecting import (
    READ_ONLY,
    NotConnectedError,
    connect,
    session_query,
    unavailable_of,
)
from autotune_service.store.server.refusals import DATABASE_ERRORS, RETRY_AFTER_S

_log = logging.getLogger(__name__)
_CONNECT_S = 10.0
_STARTING_S = 30.0
_PAUSE_S = 0.5
_PROBES = 4
_URL = "AUTOTUNE_DATABASE_URL"
_DIRECT_URL = "AUTOTUNE_DATABASE_DIRECT_URL"
_POOLED = (
    "the database's URL leads to a pooler that gives each transaction another session (pgbouncer's pool_mode = "
    "transaction), and AutoTune must listen in a session of its own: set AUTOTUNE_DATABASE_DIRECT_URL to an address of "
    "the same database without that pooler, or use pool_mode = session"
)
_NOT_DIRECT = f"{_DIRECT_URL} is no direct one: {_POOLED}"


@dataclass(frozen=True, slots=True)
class Reached:
    """A database that can be used.

    Args:
        url: Where transactions go.
        direct_url: Where sessions go that must last: listening, migrations and backups.
        is_shared: Whether ``url`` leads to a pooler that gives each transaction another session.
    """

    url: str
    direct_url: str
    is_shared: bool


async def inspect_database(url: str, direct_url: str | None = None, source: str = _URL) -> Reached:
    """Find out whether and how a database can be used; wait for a server that is starting.

    Args:
        url: Where transactions go.
        direct_url: Where sessions go that must last, if elsewhere.
        source: Where ``url`` stands, for messages.

    Raises:
        UnavailableError: If it cannot be used; the message names host and remedy.
    """
    address = Address.of(url, source)
    warnings = address.warnings
    async with _connected(address) as first:
        identity = await _require_writable(first, address)
        async with _connected(address) as second:
            is_shared = await _is_shared(first, second)
    if is_shared and direct_url is None:
        raise UnavailableError(_POOLED, RETRY_AFTER_S)
    if direct_url is not None:
        direct = Address.of(direct_url, _DIRECT_URL)
        warnings += direct.warnings
        async with _connected(direct) as first, _connected(direct) as second:
            if await _require_writable(first, direct) != identity:
                raise UnavailableError(
                    f"{_DIRECT_URL} leads to another database ({direct}) than {source} ({address}): both must lead to "
                    "the same",
                    RETRY_AFTER_S,
                )
            if await _is_shared(first, second):
                raise UnavailableError(_NOT_DIRECT, RETRY_AFTER_S)
    for warning in warnings:
        _log.warning("%s", warning)
    return Reached(url, direct_url or url, is_shared)


async def inspect_session(url: str, direct_url: str | None = None, source: str = _URL) -> str:
    """Find out where a session can be had that lasts, also on a standby; wait for a server that is starting.

    Args:
        url: Where transactions go.
        direct_url: Where sessions go that must last, if elsewhere.
        source: Where ``url`` stands, for messages.

    Returns:
        The URL for such a session.

    Raises:
        UnavailableError: If there is none; the message names host and remedy.
    """
    address = Address.of(url, source) if direct_url is None else Address.of(direct_url, _DIRECT_URL)
    async with _connected(address) as first, _connected(address) as second:
        if await _is_shared(first, second):
            raise UnavailableError(_POOLED if direct_url is None else _NOT_DIRECT, RETRY_AFTER_S)
    return direct_url or url


async def are_shared(url: str) -> bool:
    """Return whether a URL leads to a pooler that gives each transaction another session.

    Raises:
        UnavailableError: If the database does not answer; the message names host and remedy.
    """
    address = Address.of(url)
    async with _connected(address) as first, _connected(address) as second:
        return await _is_shared(first, second)


@asynccontextmanager
async def _connected(address: Address) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await _patiently(address)
        try:
            yield connection
        finally:
            connection.terminate()
    except DATABASE_ERRORS as error:
        raise unavailable_of(address, error, _CONNECT_S) from error


async def _patiently(address: Address) -> asyncpg.Connection:
    """Connect; for half a minute, wait for a server that says that it is starting."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _STARTING_S
    is_waiting = False
    while True:
        try:
            # Named statements would be unknown to another session of a pooler.
            return await connect(address, timeout_s=_CONNECT_S, statement_cache_size=0, command_timeout=_CONNECT_S)
        except NotConnectedError as error:
            if not error.is_starting or loop.time() > deadline:
                raise
            if not is_waiting:
                _log.warning("waiting for half a minute at most: %s", error)
            is_waiting = True
        await asyncio.sleep(_PAUSE_S)


async def _require_writable(connection: asyncpg.Connection, address: Address) -> tuple[object, ...]:
    """Refuse a server that takes no changes; return what tells its database from all others."""
    async with connection.transaction():
        await connection.execute(session_query(address, "autotune-start", is_local=True))
        row = await connection.fetchrow(_STATE)
    if row["is_read_only"]:
        raise UnavailableError(f"the database cannot be used: Postgres at {address} {READ_ONLY}", RETRY_AFTER_S)
    if row["synchronous_commit"] == "off":
        _log.warning(
            "the database at %s commits before the commit is on its disk, and does not let AutoTune change that: the "
            "last seconds of acknowledged observations are lost if it crashes; set synchronous_commit = on there",
            address,
        )
    return row["oid"], row["started_at"]


_STATE = """
SELECT pg_catalog.current_setting('transaction_read_only')::boolean AS is_read_only,
    pg_catalog.current_setting('synchronous_commit') AS synchronous_commit,
    (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AS oid,
    pg_catalog.pg_postmaster_start_time() AS started_at
"""
_PID = "SELECT pg_catalog.pg_backend_pid()"


async def _is_shared(first: asyncpg.Connection, second: asyncpg.Connection) -> bool:
    """Find out whether two open connections share sessions, as behind a pooler that hands out one per transaction.

    A session that is one connection's own never changes, and is nobody else's. While the second connection holds the
    session that the first one had, a pooler must give the first one another. As others may take it before the second
    one does, there are several tries.
    """
    for _ in range(_PROBES):
        before = await _session(first)
        async with second.transaction():
            held = await second.fetchval(_PID)
            # A pooler that has one session alone could give the first connection none while the second one holds it.
            if held == before or await _session(first) != before:
                return True
    return False


async def _session(connection: asyncpg.Connection) -> int:
    """Return the process of the session that a transaction of the connection gets."""
    async with connection.transaction():
        pid: int = await connection.fetchval(_PID)
    return pid
