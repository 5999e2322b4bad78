"""Delete an experiment with all that belongs to it, in steps of a bounded number of rows."""

from uuid import UUID

import sqlalchemy as sa

from autotune_service.store.database import Work
from autotune_service.store.tables import curves, events, experiments, observation_versions, observations, suggestions

_STEP = 20_000
"""How many seqs one statement covers, few enough that the statement ends well within the statement timeout."""

_BY_SEQ = (curves, observation_versions, observations, suggestions, events)
"""The large tables; a row of one of them may refer to rows of those after it, and never to rows of those before it."""


async def delete_experiment(work: Work, exp_uuid: UUID, last_seq: int) -> None:
    """Delete an experiment and its rows in every table; the transaction holds the experiment's row lock.

    Args:
        work: The transaction.
        exp_uuid: The experiment.
        last_seq: The seq of the experiment's last event.
    """
    for table in _BY_SEQ:
        for start in range(0, last_seq, _STEP):
            is_in_step = sa.and_(table.c.seq > start, table.c.seq <= start + _STEP)
            await work.run(sa.delete(table).where(table.c.exp_uuid == exp_uuid, is_in_step))
    # The rows that are left, in small tables, go with the experiment.
    await work.run(sa.delete(experiments).where(experiments.c.exp_uuid == exp_uuid))
