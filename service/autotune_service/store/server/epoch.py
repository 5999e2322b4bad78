"""The epoch of the event log: the name of one history of one database, so that no watcher mixes the events of two.

A standby that is promoted, and a point-in-time recovery, begin another history: what the old server had written last
may be missing, and the same seqs are given to other events. Postgres counts such histories as timelines.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from uuid import uuid4
from weakref import WeakSet

import asyncpg
import sqlalchemy as sa
from sqlalchemy.sql import ClauseElement

from autotune_service.observing.repeats import Repeats
from autotune_service.store.statements import Filled, Row, Statement, filled
from autotune_service.store.tables import log_epoch

_log = logging.getLogger(__name__)
_LENGTH = 16
_TIMELINE_DIGITS = 8
"""The name of a WAL file begins with the timeline, in so many hexadecimal digits."""
_STANDBY = "standby"
_NO_ANSWER = (
    asyncpg.FeatureNotSupportedError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InternalServerError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.UndefinedFunctionError,
)
"""How servers that are not quite Postgres refuse what every role may ask an ordinary one."""


def _may(function: str) -> sa.ColumnElement[bool]:
    # An administrator may have revoked the right, and a server that is not quite Postgres may lack the function.
    may = sa.func.has_function_privilege(sa.func.to_regprocedure(function), "EXECUTE")
    return sa.func.coalesce(may, sa.false(), type_=sa.Boolean())


_EPOCH_TEXT = sa.cast(log_epoch.c.epoch, sa.Text)
_OID = sa.column("oid", sa.BigInteger)
_DATABASE = (
    sa.select(sa.cast(_OID, sa.Text))
    .select_from(sa.table("pg_database", _OID))
    .where(sa.column("datname") == sa.func.current_database())
    .scalar_subquery()
)
_OWN = Statement(
    sa.select(
        sa.func.min(_EPOCH_TEXT).label("epoch"),
        _DATABASE.label("database"),
        sa.func.pg_is_in_recovery(type_=sa.Boolean()).label("is_standby"),
        _may("pg_control_system()").label("may_ask_server"),
        (_may("pg_current_wal_insert_lsn()") & _may("pg_walfile_name(pg_lsn)")).label("may_ask_timeline"),
    )
)
_SYSTEM = sa.func.pg_control_system().table_valued(sa.column("system_identifier", sa.BigInteger))
_SERVER = Statement(sa.select(sa.cast(_SYSTEM.c.system_identifier, sa.Text).label("found")))
# The timeline in the control file is that of the last checkpoint, so it is the old one for a while after a promotion.
_WAL_FILE = sa.func.pg_walfile_name(sa.func.pg_current_wal_insert_lsn(), type_=sa.Text())
# From the tenth timeline on its digits have letters: capital ones here, and small ones in a uuid.
_TIMELINE = Statement(sa.select(sa.func.lower(sa.func.left(_WAL_FILE, _TIMELINE_DIGITS)).label("found")))
_MARK = Statement(
    sa.update(log_epoch)
    .where(sa.func.left(_EPOCH_TEXT, _TIMELINE_DIGITS) != sa.bindparam("timeline", type_=sa.Text()))
    .values(epoch=sa.bindparam("new"))
    .returning(_EPOCH_TEXT.label("found"))
)


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg is untyped
    """A connection that knows which log it reads.

    Attributes:
        epoch: The epoch of the log that its server had when the connection was made.
        is_standby: Whether its server followed another one then. It may be promoted at any time.
    """

    epoch = ""
    is_standby = False


class Log:
    """The log that this process reads: the one of the server to which its newest connection leads.

    Every connection is greeted before it is used. If its server has another log than the connections before, these are
    ended at once, as they may lead to a server that was replaced and lives on. Where the process listens, the address
    that it listens on decides: if the pool's address led to another server, the two would replace the log in turn.

    Attributes:
        epoch: The name of the log; empty before the first connection.
    """

    def __init__(self) -> None:
        self.epoch = ""
        self._on_change: list[Callable[[], None]] = []
        self._look: Callable[[], Awaitable[None]] | None = None
        self._repeats = Repeats(_log)
        self._greeted: WeakSet[Connection] = WeakSet()
        self._n_greetings = 0
        self._newest = 0
        self._asked_at = 0.0
        self._may_ask_timeline = True

    def on_change(self, call: Callable[[], None]) -> None:
        """Call a function whenever the log has become another one."""
        self._on_change.append(call)

    def decide_by(self, look: Callable[[], Awaitable[None]]) -> None:
        """Call a function where the pool meets another log; it greets a connection by the deciding address."""
        self._look = look

    @property
    def age_s(self) -> float:
        """The seconds since a server was last asked for its epoch."""
        return time.monotonic() - self._asked_at

    async def greet(self, connection: Connection, *, is_pooled: bool = False) -> None:
        """Ask the server of a new connection for the epoch of its log.

        Args:
            connection: The connection.
            is_pooled: Whether its address is that of the pool, which does not decide.

        Raises:
            ConnectionResetError: If a newer connection has led to another log meanwhile, or the address that decides
                leads to another one.
        """
        self._n_greetings += 1
        number = self._n_greetings
        connection.epoch, connection.is_standby = await self._read(connection)
        if is_pooled and self._look is not None and self.epoch not in {"", connection.epoch}:
            await self._look()
            if connection.epoch != self.epoch:
                self._repeats.warning(
                    "the pool's connections lead to a server with another event log than the one that is listened to, "
                    "and are not used until both are the same: look at AUTOTUNE_DATABASE_URL, and at "
                    "AUTOTUNE_DATABASE_DIRECT_URL if it is set"
                )
                raise ConnectionResetError(
                    "the address of the database leads to another server than the one listened to"
                )
        self._asked_at = time.monotonic()
        if connection.epoch != self.epoch:
            if number < self._newest:
                raise ConnectionResetError("the address of the database leads to another server by now")
            self._turn(connection.epoch)
        self._newest = max(self._newest, number)
        self._greeted.add(connection)

    def _turn(self, epoch: str) -> None:
        is_first, self.epoch = not self.epoch, epoch
        if is_first:
            return
        _log.warning(
            "the database has another event log than before, as after a failover or a recovery: all watchers are reset"
        )
        for connection in list(self._greeted):
            if connection.epoch != epoch:
                connection.terminate()
        for call in self._on_change:
            call()

    async def _read(self, connection: Connection) -> tuple[str, bool]:
        own = await _row(connection, _OWN())
        assert own is not None  # an aggregate without groups has a row
        is_standby, epoch = own["is_standby"], own["epoch"]
        server = await _answer(connection, _SERVER()) if own["may_ask_server"] else None
        timeline: str | None = None
        if is_standby:
            timeline = _STANDBY
        elif own["may_ask_timeline"] and self._may_ask_timeline:
            timeline = await _answer(connection, _TIMELINE())
            self._may_ask_timeline = timeline is not None  # each question would be an error in the server's log
            if timeline is not None and epoch is not None and not epoch.startswith(timeline):
                epoch = await _marked(connection, timeline) or epoch
        parts = (server, own["database"], epoch, timeline)
        return sha256("/".join(str(part) for part in parts).encode()).hexdigest()[:_LENGTH], is_standby


async def _marked(connection: Connection, timeline: str) -> str | None:
    """Begin a new epoch of a new timeline, whose digits the row then begins with; return it, None if there is none yet.

    Two standbys of one server that are promoted without knowing of each other both count the next timeline. The row
    that the first connection to each of them writes is another one.
    """
    new = f"{timeline}{uuid4().hex[_TIMELINE_DIGITS:]}"
    try:
        row = await _row(connection, _MARK(timeline=timeline, new=new))
        if row is None:  # another process was first
            row = await _row(connection, Statement(sa.select(sa.func.min(_EPOCH_TEXT).label("found")))())
    except (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError):
        raise
    except asyncpg.PostgresError as error:  # such as a full disk, or a database that only reads
        _log.debug("the new timeline %s could not be marked: %s", timeline, error)
        return None
    return None if row is None else row["found"]


async def _answer(connection: Connection, query: Filled) -> str | None:
    is_within = connection.is_in_transaction()  # where an error would be the reply to all further questions
    if is_within:
        await connection.execute("SAVEPOINT question")
    try:
        row = await _row(connection, query)
    except _NO_ANSWER:
        if is_within:
            await connection.execute("ROLLBACK TO question")
        return None
    return None if row is None else row["found"]


async def _row(connection: Connection, query: ClauseElement | Filled) -> Row | None:
    ready = filled(query)
    record = await connection.fetchrow(ready.compiled.text, *ready.arguments)
    return None if record is None else ready.compiled.row(record)
