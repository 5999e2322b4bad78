"""Do a request that changes something once, however often it is sent: requests with the same key count as one."""

import json
from collections.abc import Awaitable, Iterable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from autotune_service.domain.errors import KeyReusedError, RequestRunningError
from autotune_service.domain.reply_parts import Parted
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.once import RequestRow, get_request, insert_request, lock_request
from autotune_service.store.statements import Filled
from autotune_service.tuning.kept import KeptReplies
from autotune_wire.base import Reply

R = TypeVar("R", bound=Reply)
S = TypeVar("S", bound=Reply)

KEPT_FOR = timedelta(days=7)
"""How long a reply is kept."""

_DONE = 200
_RUNNING = "a request with this Idempotency-Key is still being worked on: send it again in a few seconds"


class _DoneBefore(Exception):  # noqa: N818 -- no error: the work of the request is done
    def __init__(self, reply: str) -> None:
        super().__init__()
        self.reply = reply


class Once:
    """A request of a user; a request without a key is done as often as it comes.

    A use case calls ``begin`` first in its transaction and ``keep`` last, or runs the queries of ``kept`` with its last
    change: its changes and its reply are then stored together or not at all. A use case of several transactions calls
    ``begin`` first in each of them, and runs the queries of ``note`` where it makes or leases what its reply is about.

    Args:
        user_uuid: The user who sends the request.
        key: The name that the sender gave the request: its Idempotency-Key.
        body_hash: The hash of all that the request asks for.
        kept: Counts the replies that are kept for the user, within the user's share.
    """

    def __init__(
        self,
        user_uuid: UUID | None = None,
        key: str | None = None,
        body_hash: bytes = b"",
        kept: KeptReplies | None = None,
    ) -> None:
        self._kept_replies = kept or KeptReplies()
        self._user_uuid = user_uuid
        self._key = key
        self._body_hash = body_hash
        self._noted: list[UUID] | None = None

    @property
    def has_key(self) -> bool:
        """Whether the request has a key, by which it is recognised when it is sent again."""
        return self._key is not None

    async def reply(self, reply_type: type[R], act: Awaitable[S]) -> R | S:
        """Do the request and return its reply; if it was done before, return the reply of that time."""
        try:
            return await act
        except _DoneBefore as before:
            return reply_type.model_validate_json(before.reply)

    async def begin(self, work: Work) -> list[UUID]:
        """Begin the request, or go on with it.

        If the request was done before, the use case ends here, and ``reply`` returns the stored reply.

        Returns:
            The uuids that ``note`` has stored, if the request was begun before and interrupted.

        Raises:
            RequestRunningError: If the same request, sent a second time, is still being worked on.
            KeyReusedError: If the key belongs to a request that asks for something else.
            TooManyError: If no more replies may be kept for the user.
        """
        if self._key is None or self._user_uuid is None:
            return []
        if not await lock_request(work, self._user_uuid, self._key):
            raise RequestRunningError(_RUNNING)
        row = await get_request(work, self._user_uuid, self._key)
        if row is not None and row.body_hash != self._body_hash:
            raise KeyReusedError("this Idempotency-Key belongs to another request: give each request its own")
        if row is not None and row.status is not None:
            raise _DoneBefore(row.reply)
        if row is None:
            await self._kept_replies.require_room(work, self._user_uuid)
        noted = [] if row is None else [UUID(uuid) for uuid in json.loads(row.reply)]
        if self._noted is None:
            self._noted = noted
        elif noted != self._noted:
            raise RequestRunningError(_RUNNING)  # the other one has gone on since
        return noted

    async def begin_alone(self, store: Store) -> list[UUID]:
        """Begin the request in a transaction of its own, for a use case that reads before its first change.

        Returns:
            As ``begin``.

        Raises:
            RequestRunningError: As ``begin``.
            KeyReusedError: As ``begin``.
        """
        if self._key is None:
            return []
        async with store.work() as work:
            return await self.begin(work)

    def note(self, uuids: Iterable[UUID]) -> list[Filled]:
        """Build the queries that store how far a request of several transactions came.

        Args:
            uuids: Those of what this transaction makes or leases for the request.
        """
        if not self.has_key:
            return []
        self._noted = [*(self._noted or ()), *uuids]
        return self._stored(None, json.dumps([str(uuid) for uuid in self._noted]))

    async def keep(self, work: Work, reply: Reply) -> None:
        """Store the reply."""
        for query in self.kept(reply):
            await work.run(query)

    def kept(self, reply: Reply) -> list[Filled]:
        """Build the queries that store the reply; none if the request has no key."""
        return self._stored(_DONE, reply.model_dump_json()) if self.has_key else []

    async def keep_alone(self, store: Store, reply: Reply) -> None:
        """Store the reply to a request of several transactions, after all of them."""
        if self._key is not None:
            async with store.work() as work:
                await self.begin(work)
                await self.keep(work, reply)

    def _stored(self, status: int | None, reply: str) -> list[Filled]:
        if self._key is None or self._user_uuid is None:
            return []
        parted = None if status is None else Parted.of(reply)
        counted = [] if status is None else self._kept_replies.counted(self._user_uuid, reply, parted)
        row = RequestRow(self._body_hash, status, reply)
        return [*counted, *insert_request(self._user_uuid, self._key, row, parted)]


ALWAYS = Once()
"""A request without a key."""
