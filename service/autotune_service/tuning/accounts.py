"""Sign up and sign in."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Literal
from uuid import UUID, uuid4

from autotune_service.domain.access import Actor
from autotune_service.domain.errors import InvitationError, NotFoundError, SignUpClosedError, UnauthenticatedError
from autotune_service.security.codes import code_hash
from autotune_service.security.password_rules import PasswordRules
from autotune_service.security.passwords import Passwords
from autotune_service.security.same_checks import WRONG, SameChecks
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.audit import add_refused_sign_in
from autotune_service.store.rows.people import take_invitation
from autotune_service.store.rows.users import UserRow, add_user, get_user, get_user_by_email, update_user_active
from autotune_service.tuning.audit import write_audit
from autotune_service.tuning.brakes import Attempt, Brakes
from autotune_service.tuning.mail import Mail
from autotune_wire.accounts import Signup, User

_MOST_REPEATS = 10


@dataclass(frozen=True, slots=True)
class Accounts:
    """The users of one service and the passwords they sign in with.

    ``is_trusting`` says that whoever signs up is taken to have the address, as in dev mode; otherwise what was shared
    with the address before is theirs only after it is shared once more.
    """

    store: Store
    passwords: Passwords
    brakes: Brakes
    mail: Mail = field(default_factory=Mail)
    reserved_emails: frozenset[str] = frozenset()
    password_rules: PasswordRules = field(default_factory=PasswordRules)
    sign_up_mode: Literal["open", "invitation", "closed"] = "open"
    is_trusting: bool = True
    _checks: SameChecks[UserRow] = field(default_factory=lambda: SameChecks(_MOST_REPEATS))

    async def sign_up(self, signup: Signup, address: str = "") -> User:
        """Create a user; where the address is taken or reserved, change nothing and reply in the same way.

        So nobody learns who has an account. The user's own next sign-in shows whether the account is theirs.

        Args:
            signup: The request.
            address: The network address of the client.

        Raises:
            SignUpClosedError: If nobody can sign up.
            InvitationError: If sign-up needs an invitation to this address, and there is none.
            InvalidError: If the password is too easy to guess.
            TooManyError: If the client has signed up, or failed to sign in, too often.
        """
        if self.sign_up_mode == "closed":
            raise SignUpClosedError("accounts of this service are made by its operator: ask there for one")
        if self.sign_up_mode == "invitation" and signup.invitation is None:
            raise InvitationError("sign-up is by invitation: ask an admin for one, and send its code as invitation")
        await self.password_rules.check(signup.password, signup.email)
        async with self.brakes.sign_up(address, signup.email) as note_known:
            password_hash = await self.passwords.hash(signup.password)
            async with self.store.work() as work:
                # Whoever signs up unasked may have typed the address of somebody else.
                is_invited = await self._is_invited(work, signup)
                is_verified = is_invited or self.is_trusting
                is_free = signup.email not in self.reserved_emails
                user = await add_user(work, signup.email, password_hash, is_verified=is_verified) if is_free else None
                if user is not None:
                    await write_audit(work, Actor(user.user_uuid, "none", address), "signed_up", invited=is_invited)
            if user is not None:
                await note_known()
        if user is None:
            self.mail.send(signup.email, "somebody tried to sign up with your address, which has an account already")
            return User(uuid=uuid4(), email=signup.email, active=True, time_created=datetime.now(UTC))
        return to_wire(user)

    async def _is_invited(self, work: Work, signup: Signup) -> bool:
        """Use up the invitation, if there is one, and return whether it was one to this address."""
        if signup.invitation is None:
            return False
        is_invited = await take_invitation(work, code_hash(signup.invitation), signup.email)
        if not is_invited and self.sign_up_mode == "invitation":
            message = f"this is no invitation to {signup.email}, or it was used, or has expired: ask for another"
            raise InvitationError(message)
        return is_invited

    async def sign_in(self, email: str, password: str, address: str = "") -> UserRow:
        """Return the user with this address and this password.

        Args:
            email: The user's mail address.
            password: What is to be checked.
            address: The network address of the client.

        Raises:
            UnauthenticatedError: If no active user has this address and password. An unknown address takes as long, and
                gives the same message, as a wrong password.
            TooManyError: If the client, or strangers at this account, have failed too often.
        """
        attempt = Attempt.of(address, email)
        name = self._checks.name(attempt.at_both, password)
        against = self._checks.failed_against(name)
        if against is not None and against == _hash_of(await self._user_by_email(email)):
            raise self._checks.repeated(name)
        return await self._checks.result(name, lambda: self._checked(attempt, name, email, password, address))

    async def _checked(self, attempt: Attempt, name: bytes, email: str, password: str, address: str) -> UserRow:
        note_refused = partial(add_refused_sign_in, email=email.lower(), address=address)
        async with self.brakes.sign_in(attempt, note_refused):
            user = await self._user_by_email(email)
            is_right = await self.passwords.is_right(password, _hash_of(user) or None)
            if user is None or not is_right:
                self._checks.note_failed(name, _hash_of(user))
                raise UnauthenticatedError(WRONG)
            return user

    async def _user_by_email(self, email: str) -> UserRow | None:
        async with self.store.work() as work:
            return await get_user_by_email(work, email.lower())

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
                await add_user(work, email, password_hash, is_verified=True)

    async def lock_out(self, email: str) -> None:
        """Lock a user out; the user's experiments stay."""
        async with self.store.work() as work:
            await update_user_active(work, email, is_active=False)


def to_wire(user: UserRow) -> User:
    """Return a user as others see it."""
    return User(
        uuid=user.user_uuid, email=user.email, active=user.is_active, time_created=user.created_at, admin=user.is_admin
    )


def _hash_of(user: UserRow | None) -> str:
    """Return the hash that a password must match; an empty text where none can."""
    return user.password_hash if user is not None and user.is_active else ""
