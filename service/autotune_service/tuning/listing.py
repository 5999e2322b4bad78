"""A user's experiments by pages; an experiment that has not changed since the last listing is not read again."""

import json
from collections.abc import Sequence
from uuid import UUID

from cachetools import LRUCache

from autotune_service.domain.limits import MAX_PAGE_BYTES
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.experiments import Stamp, list_stamped, list_stamps
from autotune_service.tuning.experiments import cursor_of
from autotune_wire.experiments import PageQuery

_MAX_BYTES = 32 << 20
_AT_ONCE = 200
"""Experiments that are read together; a page may end before they are all shown."""


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
            texts: list[bytes] = []
            n_shown, n_bytes = 0, 0
            for start in range(0, len(page), _AT_ONCE):
                some = page[start : start + _AT_ONCE]
                shaped = await self._shapes(work, user_uuid, some)
                for stamp in some:
                    text = shaped.get(stamp.exp_uuid) or b""  # nothing if it was deleted just now
                    if n_shown and n_bytes + len(text) > MAX_PAGE_BYTES:
                        return _page(texts, page[n_shown - 1].number)
                    texts += [text] if text else []
                    n_shown, n_bytes = n_shown + 1, n_bytes + len(text)
        return _page(texts, page[-1].number if len(stamps) > len(page) else None)

    async def _shapes(self, work: Work, user_uuid: UUID, stamps: Sequence[Stamp]) -> dict[UUID, bytes]:
        """Return the JSON of experiments by uuid; those that have changed since the last listing are read."""
        shaped: dict[UUID, bytes] = {}
        for stamp in stamps:
            known_stamp, known_text = self._shaped.get(stamp.exp_uuid, (None, b""))
            if known_stamp == stamp:
                shaped[stamp.exp_uuid] = known_text
        missing = [stamp.exp_uuid for stamp in stamps if stamp.exp_uuid not in shaped]
        for stamp, row in await list_stamped(work, user_uuid, missing) if missing else ():
            text = row.to_wire().model_dump_json().encode()
            shaped[stamp.exp_uuid] = text
            if len(text) <= _MAX_BYTES:
                self._shaped[stamp.exp_uuid] = stamp, text
        return shaped


def _page(texts: Sequence[bytes], after: int | None) -> bytes:
    following = json.dumps(None if after is None else str(after)).encode()
    return b'{"experiments":[' + b",".join(texts) + b'],"next":' + following + b"}"
