"""How much work waits and what the pool does, read when somebody looks."""

import asyncio

import asyncpg

from autotune_service.domain.errors import UnavailableError
from autotune_service.observing.metrics import Load
from autotune_service.store.database import Store
from autotune_service.store.due import count_due
from autotune_service.store.questions import count_waiting

_WITHIN_S = 2.0  # a scrape has ten seconds by default, and must be answered where the database is not there


async def read_load(store: Store) -> Load:
    """Read it; the counts are None where the database does not give them in time."""
    n_experiments_due, n_questions_waiting = None, None
    try:
        async with asyncio.timeout(_WITHIN_S), store.work() as work:
            n_experiments_due, n_questions_waiting = await count_due(work), await count_waiting(work)
    except (UnavailableError, TimeoutError, asyncpg.PostgresError):
        pass  # told as such: whoever scrapes must not be refused the rest
    n_in_use, n_idle, n_max = store.connections()
    return Load(n_experiments_due, n_questions_waiting, n_in_use, n_idle, n_max)
