"""The load of the service at the moment of a scrape: waiting work and connections of the pool."""

import asyncio

import asyncpg

from autotune_service.domain.errors import UnavailableError
from autotune_service.observing.metrics import Load
from autotune_service.store.database import Store
from autotune_service.store.rows.due import count_due
from autotune_service.store.rows.questions import count_waiting

_WITHIN_S = 2.0  # a scrape has ten seconds by default, and needs a reply even if the database is down


async def read_load(store: Store) -> Load:
    """Read the load; the counts of waiting work are None if the database does not answer within two seconds."""
    n_experiments_due, n_questions_waiting = None, None
    try:
        async with asyncio.timeout(_WITHIN_S), store.work() as work:
            n_experiments_due, n_questions_waiting = await count_due(work), await count_waiting(work)
    except (UnavailableError, TimeoutError, asyncpg.PostgresError):
        pass  # the counts stay None; the scrape still gets all other metrics
    n_in_use, n_idle, n_max = store.connections()
    return Load(n_experiments_due, n_questions_waiting, n_in_use, n_idle, n_max)
