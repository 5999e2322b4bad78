"""How many bytes the experiments of each user take: each experiment counts its own, and the sum is read now and then.

What is added to an experiment counts for its owner, whoever adds it: the owner has invited them, and may delete it.

A count of the user's own would be a row that all tells to the user's experiments wait for. So a user may go a little
beyond the share, by what is told within seconds.
"""

import time
from uuid import UUID

from cachetools import LRUCache, TTLCache

from autotune_service.domain.errors import TooManyError
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.store.database import Store
from autotune_service.store.rows.experiments import count_bytes, get_owner

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
        self._owners: TTLCache[UUID, UUID] = TTLCache(10_000, _READ_EVERY_S)

    async def require_room(self, store: Store, user_uuid: UUID, exp_uuid: UUID | None = None) -> None:
        """Check that an experiment may grow, or that a user may have another one.

        Args:
            store: The database.
            user_uuid: Who adds something.
            exp_uuid: The experiment that it is added to, whose owner is asked for room; None for a new one.

        Raises:
            TooManyError: If the experiments of the owner take as many bytes as they may.
        """
        owner_uuid = user_uuid if exp_uuid is None else await self._owner_of(store, exp_uuid)
        if owner_uuid is None:
            return  # it was deleted a moment ago, as whoever adds to it is told
        n_bytes = await self._bytes_of(store, owner_uuid)
        if n_bytes < self._limits.stored_bytes:
            return
        if owner_uuid != user_uuid:
            raise TooManyError(
                f"the experiments of this one's owner take the {self._limits.stored_bytes} bytes that a user's may "
                "take on this service: ask the owner to delete one",
                _RETRY_S,
            )
        raise TooManyError(
            f"your experiments take {n_bytes} bytes, and a user's may take {self._limits.stored_bytes} on this "
            "service: delete one of them, or ask the operator to raise the limit",
            _RETRY_S,
        )

    async def _bytes_of(self, store: Store, owner_uuid: UUID) -> int:
        read_at, n_bytes = self._of.get(owner_uuid, (-_READ_EVERY_S, 0))
        is_near = n_bytes >= _MOST * self._limits.stored_bytes
        if time.monotonic() - read_at >= (_READ_SOON_S if is_near else _READ_EVERY_S):
            async with store.work() as work:
                n_bytes = await count_bytes(work, owner_uuid)
            self._of[owner_uuid] = time.monotonic(), n_bytes
        return n_bytes

    async def _owner_of(self, store: Store, exp_uuid: UUID) -> UUID | None:
        owner_uuid = self._owners.get(exp_uuid)
        if owner_uuid is None:
            owner_uuid = await get_owner(store, exp_uuid)
            if owner_uuid is not None:
                self._owners[exp_uuid] = owner_uuid
        return owner_uuid

    def forget(self, exp_uuid: UUID) -> None:
        """Look up anew who owns an experiment, as after its transfer."""
        self._owners.pop(exp_uuid, None)
