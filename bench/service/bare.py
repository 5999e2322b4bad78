"""Send the transactions of a tell without the service, to measure what Postgres and its driver alone allow."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from autotune_service.store.database import Store
from autotune_service.tuning.tell import tell
from autotune_wire.observations import Told

_NO_PART_OF_IT = ("BEGIN", "COMMIT", "SELECT PG_ADVISORY_UNLOCK_ALL")
_NOTIFY = re.compile(r"\bpg_notify\b(?=\()")
_SEQ = re.compile(r'"seq":\d+')


@dataclass(frozen=True)
class Statement:
    """A statement that was sent, with its arguments."""

    text: str
    arguments: tuple[Any, ...]

    @property
    def silent(self) -> "Statement":
        """Return the same statement without its notification."""
        return Statement(_NOTIFY.sub("concat", self.text), self.arguments)


async def recorded_tell(url: str, exp_uuid: UUID) -> list[Statement]:
    """Run a tell by the service's own code, and return the statements that the tell sends.

    The statements are recorded rather than written here, so they stay those of a tell when the service changes.
    """
    store = Store(url, pool_size=2, timeout_s=10)
    await store.connect()
    sent: list[Statement] = []
    try:
        pool: Any = store._database._backend._pool  # nothing public reaches the driver's own log
        async with pool.acquire() as connection:
            owner = await connection.fetchval(
                "SELECT owner_uuid FROM autotune.experiments WHERE exp_uuid = $1", exp_uuid
            )
            connection.add_query_logger(lambda query: sent.append(Statement(query.query, tuple(query.args or ()))))
        covars = await _space(url, exp_uuid)
        for response in (1.0, -1.0):  # the second is no new best, as most are not
            sent.clear()
            await tell(store, owner, exp_uuid, [Told(covars=dict.fromkeys(covars, 0.25), response=response)])
    finally:
        await store.disconnect()
    return [statement for statement in sent if not statement.text.strip().upper().startswith(_NO_PART_OF_IT)]


async def _space(url: str, exp_uuid: UUID) -> dict[str, Any]:
    connection = await asyncpg.connect(url)
    try:
        covars = await connection.fetchval("SELECT covars FROM autotune.experiments WHERE exp_uuid = $1", exp_uuid)
    finally:
        await connection.close()
    return dict(json.loads(covars))


class Repeated:
    """A recorded tell that can be sent again, with another observation and another seq, else unchanged."""

    def __init__(self, statements: Sequence[Statement], *, notify: bool = True, first_seq: int = 10**6) -> None:
        self._statements = [statement if notify else statement.silent for statement in statements]
        self._seq = first_seq
        texts = [value for statement in statements for value in statement.arguments if isinstance(value, str)]
        found = re.search(r'"observation_uuid":"([^"]*)"', " ".join(texts))
        assert found is not None
        self._observation = found[1]

    def __len__(self) -> int:
        return len(self._statements)

    async def run(self, connection: asyncpg.Connection) -> None:
        """Send the tell as one transaction."""
        self._seq += 1
        seq, observation = f'"seq":{self._seq}', str(uuid4())
        async with connection.transaction():
            for statement in self._statements:
                renewed = [self._renewed(value, seq, observation) for value in statement.arguments]
                await connection.fetch(statement.text, *renewed)

    def _renewed(self, value: Any, seq: str, observation: str) -> Any:
        if not isinstance(value, str) or not value.startswith("[{"):
            return value
        return _SEQ.sub(seq, value).replace(self._observation, observation)


@asynccontextmanager
async def connected(url: str, n: int) -> AsyncIterator[list[asyncpg.Connection]]:
    """Open connections, and close them."""
    connections = [await asyncpg.connect(url) for _ in range(n)]
    try:
        yield connections
    finally:
        for connection in connections:
            await connection.close()


async def rate(
    connections: Sequence[asyncpg.Connection],
    act: Callable[[int, asyncpg.Connection], Awaitable[object]],
    warm_s: float,
    seconds: float,
) -> float:
    """Repeat an act on all connections as often as possible, and return how often a second."""
    started_s = time.perf_counter() + warm_s
    n_done = 0

    async def repeat(index: int, connection: asyncpg.Connection) -> None:
        nonlocal n_done
        while time.perf_counter() < started_s + seconds:
            await act(index, connection)
            n_done += started_s <= time.perf_counter() < started_s + seconds

    await asyncio.gather(*(repeat(*numbered) for numbered in enumerate(connections)))
    return n_done / seconds
