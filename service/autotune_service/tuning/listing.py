"""A user's experiments by pages; an experiment that has not changed since the last listing is not read again."""

import json
from uuid import UUID

from cachetools import LRUCache

from autotune_service.store.database import Store
from autotune_service.store.rows.experiments import Stamp, list_stamped, list_stamps
from autotune_service.tuning.experiments import cursor_of
from autotune_wire.experiments import PageQuery

_MAX_BYTES = 32 << 20


class Listing:
    """Pages of experiments as JSON.

    Reading a thousand experiments and writing them as JSON takes a fifth of a second. Between two listings most of
    them do not change. So the experiments that were listed last are kept as JSON, each with its stamp.
    """

    def __init__(self) -> None:
        self._shaped: LRUCache[UUID, tuple[Stamp, bytes]] = LRUCache(_MAX_BYTES, getsizeof=lambda entry: len(entry[1]))

    async def page(self, store: Store, user_uuid: UUID, query: PageQuery) -> bytes:
        """Return a page of a user's experiments, newest first, as the JSON of an ``ExperimentPage``."""
        before = cursor_of(query)
        async with store.work() as work:
            stamps = await list_stamps(work, user_uuid, before, query.limit + 1)
            page = stamps[: query.limit]
            shaped: dict[UUID, bytes | None] = {}
            for stamp in page:
                known_stamp, known_text = self._shaped.get(stamp.exp_uuid, (None, None))
                shaped[stamp.exp_uuid] = known_text if known_stamp == stamp else None
            missing = [exp_uuid for exp_uuid, text in shaped.items() if text is None]
            for stamp, row in await list_stamped(work, user_uuid, missing) if missing else ():
                text = row.to_wire().model_dump_json().encode()
                shaped[stamp.exp_uuid] = text
                if len(text) <= _MAX_BYTES:
                    self._shaped[stamp.exp_uuid] = stamp, text
        after = str(page[-1].number) if len(stamps) > len(page) else None
        texts = [text for text in shaped.values() if text is not None]
        return b'{"experiments":[' + b",".join(texts) + b'],"next":' + json.dumps(after).encode() + b"}"
