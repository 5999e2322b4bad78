"""What was told to an experiment, page by page."""

from collections.abc import Iterator
from uuid import UUID

from autotune.transport.connection import Connection
from autotune_wire.observations import HistoryPage
from autotune_wire.paths import EXPERIMENT_HISTORY

PAGE = 1000


def history_pages(connection: Connection, exp_uuid: UUID) -> Iterator[HistoryPage]:
    """Fetch the observations of an experiment, oldest first."""
    after: str | None = None
    while True:
        page = connection.get(EXPERIMENT_HISTORY.format(exp_uuid=exp_uuid), HistoryPage, limit=PAGE, after=after)
        yield page
        after = page.next
        if after is None:
            return
