"""Sign up and sign in."""

from dataclasses import dataclass
from uuid import UUID

from autotune_service.domain.errors import EmailTakenError, NotFoundError, UnauthenticatedError
from autotune_service.security.passwords import Passwords
from autotune_service.store.database import Store
from autotune_service.store.rows.users import UserRow, add_user, get_user, get_user_by_email, update_user_active
from autotune_wire.accounts import Signup, User


@dataclass(frozen=True, slots=True)
class Accounts:
    """The users of one service and the passwords they sign in with."""

    store: Store
    passwords: Passwords
    reserved_emails: frozenset[str] = frozenset()

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

    async def read(self, user_uuid: UUID) -> UserRow:
        """Return a user.

        Raises:
            NotFoundError: If there is no such user.
        """
        user = await get_user(self.store, user_uuid)
        if user is None:
            raise NotFoundError(f"there is no user {user_uuid}")
        return user

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
