"""What was told to an experiment, page by page."""

from collections.abc import AsyncIterator
from uuid import UUID

from autotune.transport.caller import Caller
from autotune_wire.observations import HistoryPage
from autotune_wire.paths import EXPERIMENT_HISTORY

PAGE = 1000


async def history_pages(connection: Caller, exp_uuid: UUID) -> AsyncIterator[HistoryPage]:
    """Fetch the observations of an experiment, oldest first."""
    path, after = EXPERIMENT_HISTORY.format(exp_uuid=exp_uuid), None
    while True:
        page = await connection.fetch(path, HistoryPage, limit=PAGE, after=after)
        yield page
        after = page.next
        if after is None:
            return
