"""How many bytes the experiments of each user take: each experiment counts its own, and the sum is read now and then.

A count of the user's own would be a row that all of the user's tells wait for. So a user may go a little beyond the
share, by what is told within seconds.
"""

import time
from uuid import UUID

from cachetools import LRUCache

from autotune_service.domain.errors import TooManyError
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.store.database import Store
from autotune_service.store.rows.experiments import count_bytes

_READ_EVERY_S = 60.0
_READ_SOON_S = 2.0
"""How often the sum is read of a user who has used most of the share: so room that was made is noticed at once."""
_MOST = 0.8
_RETRY_S = 60


class StoredBytes:
    """Refuses what would add to the experiments of a user who has used the share.

    Args:
        limits: The limits of the service.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._of: LRUCache[UUID, tuple[float, int]] = LRUCache(10_000)

    async def require_room(self, store: Store, user_uuid: UUID) -> None:
        """Check that a user's experiments may grow.

        Raises:
            TooManyError: If they take as many bytes as they may.
        """
        read_at, n_bytes = self._of.get(user_uuid, (-_READ_EVERY_S, 0))
        is_near = n_bytes >= _MOST * self._limits.stored_bytes
        if time.monotonic() - read_at >= (_READ_SOON_S if is_near else _READ_EVERY_S):
            async with store.work() as work:
                n_bytes = await count_bytes(work, user_uuid)
            self._of[user_uuid] = time.monotonic(), n_bytes
        if n_bytes >= self._limits.stored_bytes:
            raise TooManyError(
                f"your experiments take {n_bytes} bytes, and a user's may take {self._limits.stored_bytes} on this "
                "service: delete one of them, or ask the operator to raise the limit",
                _RETRY_S,
            )
