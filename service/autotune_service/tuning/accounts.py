"""Sign up, sign in, and stay signed in."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from autotune_service.domain.errors import EmailTakenError, UnauthenticatedError
from autotune_service.security.passwords import Passwords
from autotune_service.security.tokens import AccessTokens, new_refresh_token, refresh_token_hash
from autotune_service.store.database import Store
from autotune_service.store.rows.users import (
    UserRow,
    add_refresh_token,
    add_session,
    add_user,
    delete_session,
    get_session_user,
    get_user,
    get_user_by_email,
    take_refresh_token,
    update_user_active,
)
from autotune_wire.accounts import Signup, Tokens, User

SESSION_LIFETIME = timedelta(days=14)
_KNOWN_S = 1.0  # the longest time that a user who was locked out can still call
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Accounts:
    """The users of one service and the secrets they sign in with."""

    store: Store
    passwords: Passwords
    access_tokens: AccessTokens
    refresh_lifetime: timedelta
    reserved_emails: frozenset[str] = frozenset()
    _known: dict[tuple[str, UUID], tuple[float, UserRow]] = field(default_factory=dict)

    async def sign_up(self, signup: Signup) -> User:
        """Create a user.

        Raises:
            EmailTakenError: If the address is taken, or reserved.
        """
        password_hash = await self.passwords.hash(signup.password)
        async with self.store.work() as work:
            is_free = signup.email not in self.reserved_emails
            user = await add_user(work, signup.email, password_hash) if is_free else None
        if user is None:
            raise EmailTakenError(f"{signup.email} has an account already: sign in, or sign up with another address")
        return User(uuid=user.user_uuid, email=user.email, active=True, time_created=user.created_at)

    async def sign_in(self, email: str, password: str) -> UserRow:
        """Return the user with this address and this password.

        Raises:
            UnauthenticatedError: If no active user has this address and password. An unknown address takes as long, and
                gives the same message, as a wrong password.
        """
        async with self.store.work() as work:
            user = await get_user_by_email(work, email.lower())
        is_right = await self.passwords.is_right(password, user.password_hash if user and user.is_active else None)
        if user is None or not is_right:
            raise UnauthenticatedError("the address or the password is wrong")
        return user

    async def issue_tokens(self, user_uuid: UUID) -> Tokens:
        """Issue an access token to a user, and the refresh token that fetches the next one."""
        refresh_token = new_refresh_token()
        async with self.store.work() as work:
            await add_refresh_token(work, refresh_token_hash(refresh_token), user_uuid, self.refresh_lifetime)
        return Tokens(
            access_token=self.access_tokens.issue(user_uuid, datetime.now(UTC)),
            expires_in=int(self.access_tokens.lifetime.total_seconds()),
            refresh_token=refresh_token,
        )

    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token for new tokens; the refresh token is then used up.

        Raises:
            UnauthenticatedError: If the refresh token is unknown, used or expired, or its user is locked out.
        """
        async with self.store.work() as work:
            user_uuid = await take_refresh_token(work, refresh_token_hash(refresh_token))
            user = None if user_uuid is None else await get_user(work, user_uuid)
        if user is None or not user.is_active:
            raise UnauthenticatedError("the refresh token is unknown, expired or used already: sign in again")
        return await self.issue_tokens(user.user_uuid)

    async def user_of_token(self, access_token: str) -> UserRow:
        """Return the user of an access token, as stored at most a second ago.

        The user is remembered for that second, as the client of a lab calls many times a second.

        Raises:
            UnauthenticatedError: If the token is not valid or the user is locked out.
        """
        user_uuid = self.access_tokens.user_of(access_token)
        now = time.monotonic()
        place = self.store.log.epoch, user_uuid  # a database that replaced another one may not have the user
        until, user = self._known.get(place, (now, None))
        if user is None or now >= until:
            user = await get_user(self.store, user_uuid)
            if user is None or not user.is_active:
                raise UnauthenticatedError("the account of this token is not active")
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[place] = now + _KNOWN_S, user
        return user

    async def open_session(self, user_uuid: UUID) -> UUID:
        """Open a session for a browser and return its uuid."""
        session_uuid = uuid4()
        async with self.store.work() as work:
            await add_session(work, session_uuid, user_uuid, SESSION_LIFETIME)
        return session_uuid

    async def user_of_session(self, session_uuid: UUID) -> UserRow:
        """Return the user of a session.

        Raises:
            UnauthenticatedError: If the session has ended.
        """
        user = await get_session_user(self.store, session_uuid)
        if user is None:
            raise UnauthenticatedError("the session has ended: sign in again")
        return user

    async def end_session(self, session_uuid: UUID) -> None:
        """End a browser's session."""
        async with self.store.work() as work:
            await delete_session(work, session_uuid)

    async def admit_dev_user(self, email: str, password: str) -> None:
        """Create the documented user of dev mode if there is none, and let that user sign in."""
        async with self.store.work() as work:
            user = await get_user_by_email(work, email)
            if user is not None and not user.is_active:
                await update_user_active(work, email, is_active=True)
        if user is None:
            password_hash = await self.passwords.hash(password)
            async with self.store.work() as work:
                # Two replicas may start together: the second one finds the address taken, which is no error.
                await add_user(work, email, password_hash)

    async def lock_out(self, email: str) -> None:
        """Lock a user out; the user's experiments stay."""
        async with self.store.work() as work:
            await update_user_active(work, email, is_active=False)
