"""How many replies are kept for each user: counted in memory, and told to the database now and then.

A row that every request of a user counts itself in would have all of them wait for each other. What a process has
counted in the last seconds is lost with it.
"""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from cachetools import LRUCache

from autotune_service.domain.errors import TooManyError
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.domain.reply_parts import Parted
from autotune_service.store.database import Work
from autotune_service.store.rows.once import count_kept, insert_kept
from autotune_service.store.statements import Filled

PROMISED_FOR = timedelta(hours=24)
"""How long a reply is kept in any case: so the share is one of the requests of a day."""
_TOLD_EVERY_S = 10.0
_READ_EVERY_S = 60.0
_RETRY_S = 600
_A_ROW = 200
"""The bytes that a reply takes besides its text."""


@dataclass(slots=True)
class _Count:
    """What is known of a user: the replies of the day as read at ``read_at``, and those counted since."""

    n_replies: int = 0
    n_bytes: int = 0
    read_at: float = -_READ_EVERY_S
    n_new: int = 0
    n_new_bytes: int = 0
    told_at: float = field(default_factory=time.monotonic)


class KeptReplies:
    """Counts the replies kept for each user, and refuses what goes beyond the user's share.

    Args:
        limits: The limits of the service.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._of: LRUCache[UUID, _Count] = LRUCache(10_000)
        self._seen: LRUCache[tuple[UUID, bytes], None] = LRUCache(20_000)

    async def require_room(self, work: Work, user_uuid: UUID) -> None:
        """Check that one more reply may be kept for a user.

        Raises:
            TooManyError: If the replies of the last 24 hours are as many, or as large, as they may be. None of them can
                make room: each is promised for that time.
        """
        count = self._count_of(user_uuid)
        if time.monotonic() - count.read_at >= _READ_EVERY_S:
            count.n_replies, count.n_bytes = await count_kept(work, user_uuid, PROMISED_FOR)
            count.read_at = time.monotonic()
        n_replies, n_bytes = count.n_replies + count.n_new, count.n_bytes + count.n_new_bytes
        if n_replies >= self._limits.answers or n_bytes >= self._limits.answer_bytes:
            raise TooManyError(
                f"{n_replies} replies of {n_bytes} bytes are kept for your requests of the last 24 hours, in case they "
                f"are sent again; a user may have {self._limits.answers} of {self._limits.answer_bytes} bytes: send "
                "requests without an Idempotency-Key, or wait until the oldest are a day old",
                _RETRY_S,
            )

    def counted(self, user_uuid: UUID, reply: str, parted: Parted | None) -> list[Filled]:
        """Count a reply; return the queries that tell the database of what was counted, if it is time to."""
        count = self._count_of(user_uuid)
        count.n_new += 1
        count.n_new_bytes += _A_ROW + (len(reply) if parted is None else self._bytes_of(user_uuid, parted))
        now = time.monotonic()
        if now - count.told_at < _TOLD_EVERY_S:
            return []
        told = insert_kept(user_uuid, count.n_new, count.n_new_bytes)
        count.n_replies, count.n_bytes = count.n_replies + count.n_new, count.n_bytes + count.n_new_bytes
        count.n_new = count.n_new_bytes = 0
        count.told_at = now
        return [told]

    def _bytes_of(self, user_uuid: UUID, parted: Parted) -> int:
        n_bytes = sum(map(len, parted.gaps)) + sum(map(len, parted.hashes))
        for hashed, text in parted.parts.items():
            if (user_uuid, hashed) not in self._seen:
                n_bytes += len(text)
            self._seen[user_uuid, hashed] = None
        return n_bytes

    def _count_of(self, user_uuid: UUID) -> _Count:
        if user_uuid not in self._of:
            self._of[user_uuid] = _Count()
        return self._of[user_uuid]
