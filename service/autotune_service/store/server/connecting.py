"""Connects to a database by its address, and says in a sentence why that failed and what to do."""

import random
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import asyncpg

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.server.address import Address, Host
from autotune_service.store.server.refusals import DATABASE_ERRORS, RETRY_AFTER_S, refusal_of

NO_TIMEOUTS = {"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0"}
"""Settings of a session that may take long: a role's own timeouts are meant for queries."""
READ_ONLY = "takes no changes, as it is a standby or read-only; AutoTune needs the primary"
_SYSTEM_ROOTS = "system"


class NotConnectedError(ConnectionError):
    """No server of an address can be used.

    The message names the servers and what to do, for the operator; it never shows the password.

    Args:
        message: The message.
        told: What may be told to all users.
        is_starting: Whether a server is starting, so that it may soon be there.
    """

    def __init__(self, message: str, told: str, *, is_starting: bool = False) -> None:
        super().__init__(message)
        self.told = told
        self.is_starting = is_starting


async def connect(address: Address, *, timeout_s: float, **options: Any) -> asyncpg.Connection:
    """Connect to the first host of an address that can be used.

    Args:
        address: The address.
        timeout_s: How long all hosts together may take, in seconds. One that vanished takes its share of that alone.
        options: Arguments of ``asyncpg.connect`` that do not depend on the address.

    Raises:
        NotConnectedError: If none can be used.
    """
    hosts: list[Host | None] = list(address.hosts) or [None]
    if address.parameters.get("load_balance_hosts") == "random":
        random.shuffle(hosts)
    share_s = min(timeout_s / len(hosts), address.connect_timeout_s or timeout_s)
    failed: list[tuple[Host | None, Exception]] = []
    for host in hosts:
        try:
            arguments = options | address.arguments(host) | _own_tls(address)
            connection = await asyncpg.connect(**arguments, timeout=share_s)
            try:
                _keep_alive(connection, address.parameters)
            except OSError:  # the system takes less than Linux
                connection.terminate()
                raise
        except (*DATABASE_ERRORS, UnicodeError) as error:
            failed.append((host, error))
        else:
            return connection
    raise _not_connected(address, failed, share_s) from failed[-1][1]


async def connect_session(
    address: Address, name: str, settings: Mapping[str, str] | None = None, *, timeout_s: float, **options: Any
) -> asyncpg.Connection:
    """Connect as ``connect``, with the settings of a session under a name.

    Raises:
        NotConnectedError: If no host can be used, or the server does not take a setting of the URL.
    """
    connection = await connect(address, timeout_s=timeout_s, **options)
    try:
        await connection.execute(session_query(address, name, settings, is_local=False), timeout=timeout_s)
    except DATABASE_ERRORS as error:
        connection.terminate()
        raise _not_connected(address, [(None, error)], timeout_s) from error
    return connection


def session_query(address: Address, name: str, settings: Mapping[str, str] | None = None, *, is_local: bool) -> str:
    """Build the query that makes the settings of a session, or those of a transaction alone.

    They are no start-up parameters, as poolers refuse those. An acknowledged commit must be on disk, so a server that
    does not wait for that, for speed, waits for us; a server that waits for more is left as it is.

    Args:
        address: The address, whose URL may have settings, too.
        name: The session's name in the server's list of sessions.
        settings: More settings.
        is_local: Whether the settings end with the transaction.
    """
    mode = str(is_local).lower()
    name = f"{name} {address.parameters.get('application_name', '')}".strip()
    values = {
        setting: _quoted(value)
        for setting, value in ({"application_name": name} | address.settings | dict(settings or {})).items()
    }
    values = {"synchronous_commit": _DURABLE} | values
    calls = [f"pg_catalog.set_config({_quoted(setting)}, {value}, {mode})" for setting, value in values.items()]
    return f"SELECT {', '.join(calls)}"


_DURABLE = """
CASE WHEN pg_catalog.current_setting('synchronous_commit') = 'off' THEN 'on'
    WHEN pg_catalog.current_setting('synchronous_commit') = 'local'
        AND pg_catalog.current_setting('synchronous_standby_names') <> '' THEN 'on'
    ELSE pg_catalog.current_setting('synchronous_commit') END
""".strip()


def said(error: asyncpg.PostgresError) -> str:
    """Return what the server said, in one line and with the SQLSTATE."""
    return f"{error.message or str(error)} (SQLSTATE {error.sqlstate})"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f" E'{escaped}'"


def _own_tls(address: Address) -> dict[str, Any]:
    """Return asyncpg's argument where it cannot make the TLS context itself: for the roots of the operating system."""
    given = address.parameters
    if given.get("sslrootcert") != _SYSTEM_ROOTS:
        return {}
    context = ssl.create_default_context()
    if "sslcert" in given:
        context.load_cert_chain(given["sslcert"], given.get("sslkey"), given.get("sslpassword"))
    return {"ssl": context}


def _keep_alive(connection: asyncpg.Connection, given: Mapping[str, str]) -> None:
    """Set what notices a server that vanished without closing the connection."""
    sock = connection._transport.get_extra_info("socket")
    if sock is None or sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(given.get("keepalives", "1") != "0"))
    for parameter, name in (
        ("keepalives_idle", "TCP_KEEPIDLE"),
        ("keepalives_interval", "TCP_KEEPINTVL"),
        ("keepalives_count", "TCP_KEEPCNT"),
        ("tcp_user_timeout", "TCP_USER_TIMEOUT"),
    ):
        value = int(given.get(parameter, "0"))
        if value > 0 and hasattr(socket, name):  # zero stands for the system's own value
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _not_connected(address: Address, failed: list[tuple[Host | None, Exception]], share_s: float) -> NotConnectedError:
    causes = [cause_of(address, error, share_s, host) for host, error in failed]
    errors = [error for _, error in failed]
    # Of several hosts, one that answered says most: the others may be away, as after a failover.
    answered = [error for error in errors if isinstance(error, asyncpg.PostgresError)]
    refusal = refusal_of((answered or errors)[-1])
    return NotConnectedError(
        f"cannot use the database: {'; '.join(causes)}",
        "the database cannot be reached" if refusal is None else refusal.detail,
        is_starting=any(isinstance(error, asyncpg.CannotConnectNowError) for error in errors),
    )


def unavailable_of(address: Address, error: BaseException, within_s: float) -> UnavailableError:
    """Build the error for an operator whose database cannot be used: what is wrong, and what to do."""
    is_told = isinstance(error, NotConnectedError)
    said = str(error) if is_told else f"cannot use the database: {cause_of(address, error, within_s)}"
    return UnavailableError(said, RETRY_AFTER_S)


def cause_of(address: Address, error: BaseException, within_s: float, host: Host | None = None) -> str:
    """Return why a host of an address, or all of it, cannot be used, and what to do, as a part of a sentence."""
    return f"Postgres at {host or address} {_cause(address, host, error, within_s)}"


def _cause(address: Address, host: Host | None, error: BaseException, within_s: float) -> str:
    url = address.source
    match error:
        case asyncpg.PostgresError():
            return f"refuses: {said(error)}; {_remedy(address, error)}"
        case asyncpg.TargetServerAttributeNotMatched():
            return READ_ONLY
        case socket.gaierror() | UnicodeError():
            return f"cannot be found: the name is unknown here; correct the host in {url}, or the DNS"
        case ssl.SSLError() | ssl.CertificateError():
            return f"cannot be reached by TLS ({error}); correct sslmode and sslrootcert in {url}, or the server"
        case TimeoutError():
            return f"did not answer within {within_s:g} s; correct the host and port in {url}, or look at the firewall"
        case ConnectionRefusedError():
            return f"does not listen; start it, or correct the host and port in {url}"
        case FileNotFoundError() | PermissionError() if host is None or host.is_socket:
            return f"has no socket there that this process may use; start it, or correct the host in {url}"
        case FileNotFoundError():
            return f"cannot be reached: a file is missing that sslrootcert, sslcert, sslkey or sslcrl in {url} names"
        case ConnectionError() if address.requires_tls and "rejected SSL upgrade" in str(
            error
        ):  # asyncpg has no class for it
            return f"has no TLS, and the URL asks for it; switch TLS on there, or set sslmode=prefer in {url}"
        case _:
            return f"cannot be reached ({error or type(error).__name__}); correct {url}, or look at the server's log"


def _remedy(address: Address, error: asyncpg.PostgresError) -> str:
    user, database = address.user, address.database
    match error.sqlstate:
        case "28P01":
            return f"correct the password of user {user!r} in {address.source}"
        case "3D000":
            return f"make it with: createdb {database}, or correct the name in {address.source}"
        case "53300":
            return "raise max_connections there or the role's limit, or lower AUTOTUNE_DATABASE_POOL_SIZE"
        case "57P03":
            return "wait until it has started"
        case "42704" | "22023" | "08P01" | "55P02":
            return f"correct the parameters in {address.source}, and what the pooler lets pass if there is one"
    if error.sqlstate[:2] == "28":
        return f"let user {user!r} log in there: ALTER ROLE ... LOGIN, and a line in pg_hba.conf for this host"
    return "look at the server's log"
