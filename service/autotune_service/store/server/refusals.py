"""Which errors of the database are its own state, so that the same request may succeed later, and which are our bugs.

Decided by SQLSTATE. A code that nobody knows is the database's own, as our statements raise none of those.
"""

from enum import Enum

import asyncpg

from autotune_service.domain.errors import UnavailableError

RETRY_AFTER_S = 2
DATABASE_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # asyncpg raises it on a connection that the server closed while it was idle
)
"""All that an operation on a connection raises for the database's sake."""


class Verdict(Enum):
    """Whose an error of the database is."""

    OURS = "a bug of ours: the statement is wrong, and would be at the next try"
    BUSY = "the statement met another one, and may succeed at the next try on the same connection"
    REFUSED = "the database refuses because of its own state"


_OURS = {
    "03",  # SQL statement not yet complete
    "07",  # dynamic SQL
    "0A",  # feature not supported
    "0B",  # invalid transaction initiation
    "0F",  # locators
    "0L",  # grants
    "0P",  # roles
    "0Z",  # diagnostics
    "10",  # XQuery
    "20",  # case not found
    "21",  # cardinality
    "22",  # data
    "23",  # integrity constraints
    "24",  # cursor state
    "25",  # transaction state
    "27",  # triggered data change
    "2B",  # dependent privileges
    "2D",  # transaction termination
    "34",  # cursor name
    "3B",  # savepoints
    "42",  # syntax, names and privileges
    "44",  # WITH CHECK OPTION
}
_REFUSED = {
    "25006",  # read-only
    "25P03",  # the server's limit for idle transactions
    "25P04",  # the server's limit for transactions
    "42501",  # a privilege was revoked or never granted
    "42P01",  # tables are gone: the schema is being moved or restored, or the database is another one
    "42P05",  # a pooler mixes up the prepared statements of its clients
}
_BUSY = {
    "55P03",  # a lock was not free in time
    "57014",  # the statement took too long
}
_ELSEWHERE = {"08", "25", "26", "28", "3D", "3F", "42", "57", "XX"}
_SEEN_BY_READING = {"08", "25P03", "25P04", "26", "28", "3D", "57"}
_REASONS = {
    "25006": "it is read-only",
    "28": "it does not accept the login of the service",
    "3D": "it is gone or has another name",
    "3F": "its schema is not there, as while it is restored or migrated",
    "42P01": "its tables are not there, as while it is restored or migrated",
    "42501": "the service's user lacks a privilege",
    "53100": "its disk is full",
    "53200": "it is out of memory",
    "53300": "it has no connection free",
    "57P03": "it is starting or stopping",
    "57": "it is stopping or restarting",
    "58": "its operating system reports an error",
    "XX": "it reports damage or an internal error",
}


def verdict_of(sqlstate: str) -> Verdict:
    """Judge an error by its SQLSTATE."""
    if sqlstate in _BUSY or sqlstate[:2] == "40":
        return Verdict.BUSY
    return Verdict.OURS if sqlstate[:2] in _OURS and sqlstate not in _REFUSED else Verdict.REFUSED


def is_settled_elsewhere(error: BaseException) -> bool:
    """Return whether a new connection may do what this one refused.

    After a failover, an old connection may still lead to a server that has become read-only; a pooler may have given
    the connection to a server that knows nothing of it.
    """
    sqlstate = _sqlstate(error)
    return sqlstate is not None and verdict_of(sqlstate) is Verdict.REFUSED and sqlstate[:2] in _ELSEWHERE


def is_seen_by_changes_alone(error: BaseException) -> bool:
    """Return whether the database may refuse changes and still answer a query that reads nothing."""
    sqlstate = _sqlstate(error)
    is_refused = sqlstate is not None and verdict_of(sqlstate) is Verdict.REFUSED
    return is_refused and not {sqlstate, (sqlstate or "")[:2]} & _SEEN_BY_READING


def is_read_only(error: BaseException) -> bool:
    """Return whether a server takes no changes."""
    return _sqlstate(error) == "25006"


def reason_of(sqlstate: str) -> str:
    """Describe in words that may be shown to all users why the database refuses, with the SQLSTATE."""
    words = _REASONS.get(sqlstate) or _REASONS.get(sqlstate[:2]) or "it reports an error of its own"
    return f"{words} (SQLSTATE {sqlstate or 'unknown'})"


def refusal_of(error: BaseException) -> UnavailableError | None:
    """Return what is told of a database that is down, busy or refuses; None if the error is a bug of ours."""
    sqlstate = _sqlstate(error)
    if sqlstate is not None:
        verdict = verdict_of(sqlstate)
        if isinstance(error, asyncpg.InvalidCachedStatementError):  # the tables have changed; asyncpg prepares anew
            verdict = Verdict.BUSY
        if verdict is Verdict.OURS:
            return None
        if verdict is Verdict.BUSY:
            return UnavailableError(f"the database is busy ({type(error).__name__})", RETRY_AFTER_S)
        return UnavailableError(f"the database refuses: {reason_of(sqlstate)}", RETRY_AFTER_S)
    if isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError):
        return None  # a value that the driver cannot send
    if isinstance(error, DATABASE_ERRORS):
        return UnavailableError(f"the database does not answer ({type(error).__name__})", RETRY_AFTER_S)
    return None


def _sqlstate(error: BaseException) -> str | None:
    return (error.sqlstate or "") if isinstance(error, asyncpg.PostgresError) else None
