"""Staying signed in: sessions of browsers and programs, tokens for automation, tickets for websockets."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from autotune_service.domain.access import Actor, Caller, Way, highest
from autotune_service.domain.errors import UnauthenticatedError, UnknownSecretError
from autotune_service.security.tokens import AUTOMATION_PREFIX, AccessTokens, new_token, token_hash
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.automation import (
    AutomationRow,
    get_automation_token,
    list_automation_tokens,
    note_use,
)
from autotune_service.store.rows.sessions import (
    End,
    RefreshTokenRow,
    SessionRow,
    add_refresh_token,
    add_session,
    add_ticket,
    adopt_refresh_token,
    end_session,
    get_refresh_token,
    get_session,
    get_time_s,
    list_sessions,
    prolong_session,
    take_ticket,
    use_refresh_token,
)
from autotune_service.tuning.audit import write_audit
from autotune_wire.access import Ticket
from autotune_wire.accounts import Tokens

BROWSER_LIFETIME = timedelta(days=14)
TICKET_LIFETIME = timedelta(seconds=30)
GRACE_S = 10.0
"""How long after its use a refresh token may come again, because the reply was lost on the way."""

_MEETING_S = 0.2
"""How long a refresh waits for others that were sent at the same moment: one of them gets the reply."""
_KNOWN_S = 1.0  # the longest time that somebody who was signed out can still call
_MOST_KNOWN = 10_000
_REFUSED = "the refresh token is unknown, expired or used already: sign in again"
ENDED: dict[End, str] = {
    "expired": "the session has ended: sign in again",
    "signed_out": "you have signed out: sign in again",
    # pragma: allowlist nextline secret -- what users are told
    "token_reused": "a refresh token of this session came twice, so it may be stolen: sign in again",
    # pragma: allowlist nextline secret -- what users are told
    "password_changed": "the password was changed: sign in again",
    "deactivated": "the account is not active: ask an administrator",
    "revoked": "the token was revoked",
}
"""What a caller is told when a session or a token for automation has ended."""


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sign-ins of one service.

    Whoever calls is remembered for a second, as the client of a lab calls many times a second.
    """

    store: Store
    access_tokens: AccessTokens
    refresh_lifetime: timedelta
    _known: dict[tuple[str, bytes], tuple[float, Caller]] = field(default_factory=dict)

    async def open_program(self, user_uuid: UUID, address: str | None = None) -> Tokens:
        """Open a session for a program: an access token, and the refresh token that fetches the next one.

        Args:
            user_uuid: The user, who has shown the password.
            address: The network address of the client.
        """
        session_uuid = uuid4()
        async with self.store.work() as work:
            await add_session(work, session_uuid, user_uuid, self.refresh_lifetime, is_browser=False)
            await write_audit(work, Actor(user_uuid, _way_of(is_browser=False), address), "signed_in")
            return await self._next_tokens(work, user_uuid, session_uuid)

    async def open_browser(self, user_uuid: UUID, before: UUID | None = None, address: str | None = None) -> UUID:
        """Open a session for a browser and end the one that the browser had before.

        Args:
            user_uuid: The user, who has shown the password.
            before: The session of before, which may be another user's.
            address: The network address of the client.

        Returns:
            The uuid of the new session.
        """
        session_uuid = uuid4()
        async with self.store.work() as work:
            if before is not None:
                await _sign_out(work, before, address)
            await add_session(work, session_uuid, user_uuid, BROWSER_LIFETIME, is_browser=True)
            await write_audit(work, Actor(user_uuid, _way_of(is_browser=True), address), "signed_in")
        return session_uuid

    async def end(self, session_uuid: UUID, address: str | None = None) -> None:
        """Sign out: end a session with all that belongs to it."""
        async with self.store.work() as work:
            await _sign_out(work, session_uuid, address)
        self._known.clear()

    async def refresh(self, refresh_token: str, address: str | None = None) -> Tokens:
        """Exchange a refresh token for new tokens; the refresh token is then used up.

        Of several requests that come at the same moment with one token, one gets the new tokens. A token that comes
        again within ten seconds of its use is a reply that was lost: the tokens of then are replaced by new ones. A
        token that comes later, or whose successor was used or replaced, may be stolen: the session ends with all its
        tokens and websockets (RFC 9700, section 4.14.2).

        Raises:
            UnauthenticatedError: If the refresh token is unknown, used or expired, or its user is locked out.
            UnknownSecretError: If it is unknown.
        """
        hashed = token_hash(refresh_token)
        came_at_s = await get_time_s(self.store)
        await asyncio.sleep(_MEETING_S)
        async with self.store.work() as work:
            row = await get_refresh_token(work, hashed, lock=True)
            if row is None:
                raise UnknownSecretError(_REFUSED)
            session_uuid = await self._session_of(work, hashed, row)
            reason = None if session_uuid is None else await self._refusal(work, row, session_uuid, came_at_s, address)
            if session_uuid is not None and reason is None:
                return await self._next_tokens(work, row.user_uuid, session_uuid, hashed)
        raise UnauthenticatedError(reason or _REFUSED)

    async def _session_of(self, work: Work, hashed: bytes, row: RefreshTokenRow) -> UUID | None:
        """Return the session of a refresh token; one that a service of before made gets a session now."""
        if row.session_uuid is not None or not row.is_good:
            return row.session_uuid
        session_uuid = uuid4()
        await add_session(work, session_uuid, row.user_uuid, self.refresh_lifetime, is_browser=False)
        await adopt_refresh_token(work, hashed, session_uuid)
        return session_uuid

    async def _refusal(
        self, work: Work, row: RefreshTokenRow, session_uuid: UUID, came_at_s: float, address: str | None
    ) -> str | None:
        session = await get_session(work, session_uuid)
        if session is None or session.end is not None:
            return ENDED[session.end] if session is not None and session.end is not None else _REFUSED
        if row.used_s is None or row.used_at_s is None:
            return None if row.is_good else _REFUSED
        if came_at_s < row.used_at_s:
            return "another request has used the refresh token at this moment"
        successor = None if row.next_hash is None else await get_refresh_token(work, row.next_hash, lock=True)
        if row.used_s <= GRACE_S and successor is not None and successor.used_s is None:
            # Whoever holds the successor that is replaced now ends the session by using it.
            await use_refresh_token(work, row.next_hash or b"", b"")
            return None
        await end_session(work, session_uuid, "token_reused")
        # By nobody: the user and a thief look alike here.
        await write_audit(work, Actor(None, "none", address), "refresh_token_reused", account_uuid=row.user_uuid)
        self._known.clear()
        return ENDED["token_reused"]

    async def _next_tokens(
        self, work: Work, user_uuid: UUID, session_uuid: UUID, used_hash: bytes | None = None
    ) -> Tokens:
        refresh_token = new_token()
        hashed = token_hash(refresh_token)
        await add_refresh_token(work, hashed, user_uuid, session_uuid, self.refresh_lifetime)
        if used_hash is not None:
            await use_refresh_token(work, used_hash, hashed)
            await prolong_session(work, session_uuid, self.refresh_lifetime)
        return Tokens(
            access_token=self.access_tokens.issue(user_uuid, session_uuid, datetime.now(UTC)),
            expires_in=int(self.access_tokens.lifetime.total_seconds()),
            refresh_token=refresh_token,
        )

    async def caller_of_bearer(self, token: str) -> Caller:
        """Return who sent a bearer token, as stored at most a second ago.

        Raises:
            UnauthenticatedError: If the token is not valid, or its session has ended.
        """
        if token.startswith(AUTOMATION_PREFIX):
            return await self._caller_of_automation(token)
        claims = self.access_tokens.read(token)
        return await self._caller_of_session(claims.session_uuid, is_browser=False)

    async def caller_of_cookie(self, session_uuid: UUID) -> Caller:
        """Return who has a browser's session, as stored at most a second ago.

        Raises:
            UnauthenticatedError: If the session has ended.
        """
        return await self._caller_of_session(session_uuid, is_browser=True)

    async def require_alive(self, caller: Caller) -> None:
        """Check that what a caller has signed in with has not ended, as stored at most a second ago.

        Raises:
            UnauthenticatedError: If it has.
        """
        if caller.proof_uuid is None or self._recall(caller.proof_uuid.bytes) is not None:
            return
        async with self.store.work() as work:
            found: list[SessionRow] | list[AutomationRow] = (
                await list_automation_tokens(work, [caller.proof_uuid])
                if caller.way == "automation"
                else await list_sessions(work, [caller.proof_uuid])
            )
        end: End | None = found[0].end if found else "revoked"
        if end is not None:
            raise UnauthenticatedError(ENDED[end])
        self._remember(caller.proof_uuid.bytes, caller)

    async def _caller_of_session(self, session_uuid: UUID, *, is_browser: bool) -> Caller:
        known = self._recall(session_uuid.bytes)
        if known is not None:
            return known
        session = await get_session(self.store, session_uuid)
        if session is None or session.end is not None:
            raise UnauthenticatedError(ENDED[session.end if session is not None and session.end else "expired"])
        return self._remember(session_uuid.bytes, _caller_of(session, is_browser=is_browser))

    async def _caller_of_automation(self, token: str) -> Caller:
        hashed = token_hash(token)
        known = self._recall(hashed)
        if known is not None:
            return known
        row = await get_automation_token(self.store, hashed)
        if row is None or row.end is not None:
            raise UnauthenticatedError("the token for automation is unknown, revoked or expired: make a new one")
        async with self.store.work() as work:
            await note_use(work, row.token_uuid)
        return self._remember(hashed, _caller_of(row, is_browser=False))

    def _recall(self, proof: bytes) -> Caller | None:
        # Together with the epoch, as a database that replaced another one may not have the session.
        until, caller = self._known.get((self.store.log.epoch, proof), (0.0, None))
        return caller if time.monotonic() < until else None

    def _remember(self, proof: bytes, caller: Caller) -> Caller:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[self.store.log.epoch, proof] = time.monotonic() + _KNOWN_S, caller
        return caller

    def forget(self) -> None:
        """Look at everybody anew, as after a change of somebody's rights."""
        self._known.clear()

    async def give_ticket(self, caller: Caller) -> Ticket:
        """Return a ticket that opens one websocket for the caller.

        Raises:
            UnauthenticatedError: If the caller has signed in by password alone, which nothing could end later.
        """
        if caller.proof_uuid is None:
            raise UnauthenticatedError("get a ticket with an access token, a token for automation or a cookie")
        ticket = new_token()
        is_automation = caller.way == "automation"
        session_uuid, token_uuid = (None, caller.proof_uuid) if is_automation else (caller.proof_uuid, None)
        async with self.store.work() as work:
            await add_ticket(work, token_hash(ticket), session_uuid, token_uuid, TICKET_LIFETIME)
        return Ticket(ticket=ticket, expires_in=int(TICKET_LIFETIME.total_seconds()))

    async def caller_of_ticket(self, ticket: str) -> Caller:
        """Return who got a ticket; the ticket is then used up.

        Raises:
            UnauthenticatedError: If the ticket is unknown, used or expired, or what it was got with has ended.
        """
        async with self.store.work() as work:
            place = await take_ticket(work, token_hash(ticket))
            found: list[SessionRow] | list[AutomationRow] = []
            if place is not None:
                session_uuid, token_uuid = place
                found = (
                    await list_automation_tokens(work, [token_uuid])
                    if token_uuid is not None
                    else await list_sessions(work, [session_uuid] if session_uuid is not None else [])
                )
        if not found or found[0].end is not None:
            raise UnauthenticatedError("the ticket is unknown, used or expired: a ticket opens one websocket in 30 s")
        return _caller_of(found[0], is_browser=False)


async def _sign_out(work: Work, session_uuid: UUID, address: str | None) -> None:
    session = await get_session(work, session_uuid)
    if session is None or session.end is not None:
        return
    await end_session(work, session_uuid, "signed_out")
    way = _way_of(is_browser=session.is_browser)
    await write_audit(work, Actor(session.user_uuid, way, address), "signed_out")


def _way_of(*, is_browser: bool) -> Way:
    return "cookie" if is_browser else "token"


def _caller_of(row: SessionRow | AutomationRow, *, is_browser: bool) -> Caller:
    if isinstance(row, SessionRow):
        way = _way_of(is_browser=is_browser)
        return Caller(row.user_uuid, row.email, row.is_admin, way, proof_uuid=row.session_uuid)
    return Caller(
        row.user_uuid,
        row.email,
        row.is_admin,
        "automation",
        scope=highest(set(row.scopes)),
        proof_uuid=row.token_uuid,
        experiments=None if row.experiments is None else frozenset(row.experiments),
    )
