"""Looks at the rights of open websockets again every few seconds, all those of a process together."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from uuid import UUID

from autotune_service.domain.access import Caller
from autotune_service.domain.errors import UnavailableError
from autotune_service.store.database import Store
from autotune_service.store.rows.automation import list_automation_tokens
from autotune_service.store.rows.members import list_roles
from autotune_service.store.rows.sessions import End, list_sessions
from autotune_service.tuning.sessions import ENDED
from autotune_wire.access import Role
from autotune_wire.frames import (
    CLOSE_DEACTIVATED,
    CLOSE_EXPIRED,
    CLOSE_PASSWORD_CHANGED,
    CLOSE_REVOKED,
    CLOSE_ROLE_CHANGED,
    CLOSE_SIGNED_OUT,
)

_log = logging.getLogger(__name__)
_EVERY_S = 3.0
"""Rights that were lost are noticed within five seconds, the time that two looks may take included."""

_CODES: dict[End, int] = {
    "expired": CLOSE_EXPIRED,
    "signed_out": CLOSE_SIGNED_OUT,
    "token_reused": CLOSE_REVOKED,
    "password_changed": CLOSE_PASSWORD_CHANGED,
    "deactivated": CLOSE_DEACTIVATED,
    "revoked": CLOSE_REVOKED,
}


@dataclass(eq=False, slots=True)
class Watched:
    """An open websocket: who opened it, and for which experiment, if for one.

    ``lost`` gets the code and the reason to close the websocket with, once its rights have ended. A websocket of one
    experiment is opened with a role, and closes when that changes.
    """

    caller: Caller
    exp_uuid: UUID | None
    role: Role | None
    lost: asyncio.Future[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Rights:
    """The open websockets of a process; the first one starts the looking, the last one ends it."""

    store: Store
    _watched: set[Watched] = field(default_factory=set)
    _looking: list[asyncio.Task[None]] = field(default_factory=list)

    @contextmanager
    def watching(
        self, caller: Caller, exp_uuid: UUID | None, role: Role | None
    ) -> Iterator[asyncio.Future[tuple[int, str]]]:
        """Yield what gets the code and the reason to close with, once the rights of a websocket have ended."""
        watched = Watched(caller, exp_uuid, role, asyncio.get_running_loop().create_future())
        self._watched.add(watched)
        if not self._looking:
            # In a context of its own: the looking is done for all, and not at the expense of who came first.
            self._looking.append(asyncio.create_task(self._look_now_and_then(), context=Context()))
        try:
            yield watched.lost
        finally:
            self._watched.discard(watched)
            watched.lost.cancel()
            if not self._watched:
                self._looking.pop().cancel()

    async def _look_now_and_then(self) -> None:
        while True:
            try:
                await self._look()
            except UnavailableError:
                pass  # what cannot be looked at now is looked at when the database is back
            except Exception:  # noqa: BLE001 -- the looking must go on for all other websockets, logged
                _log.exception("the rights of open websockets could not be looked at")
            await asyncio.sleep(_EVERY_S)

    async def _look(self) -> None:
        watched = list(self._watched)
        proofs = {one.caller.proof_uuid for one in watched if one.caller.proof_uuid is not None}
        pairs = {(one.caller.user_uuid, one.exp_uuid) for one in watched if one.exp_uuid is not None}
        async with self.store.work() as work:
            sessions = {row.session_uuid: row.end for row in await list_sessions(work, proofs)}
            tokens = {row.token_uuid: row.end for row in await list_automation_tokens(work, proofs)}
            roles = await list_roles(work, pairs)
        ends: dict[UUID, End | None] = {**sessions, **tokens}
        for one in watched:
            if one.lost.done():
                continue
            end = None if one.caller.proof_uuid is None else ends.get(one.caller.proof_uuid, "revoked")
            if end is not None:
                one.lost.set_result((_CODES[end], ENDED[end]))
            elif one.exp_uuid is not None:
                # Where the experiment was deleted, the stream itself says so.
                role = roles.get((one.caller.user_uuid, one.exp_uuid), one.role)
                if role != one.role:
                    one.lost.set_result((CLOSE_ROLE_CHANGED, _changed(role)))


def _changed(role: Role | None) -> str:
    now = "you have none any more" if role is None else f"you are a {role} now: connect again"
    return f"your role on this experiment has changed: {now}"
