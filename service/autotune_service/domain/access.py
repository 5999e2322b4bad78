"""Who may do what: the order of roles and scopes, what a route asks for, and who the caller is."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, get_args
from uuid import UUID

from autotune_service.domain.errors import ForbiddenError, NotFoundError
from autotune_wire.access import Role, Scope

ROLES: tuple[Role, ...] = get_args(Role)
SCOPES: tuple[Scope, ...] = get_args(Scope)

Way = Literal["token", "cookie", "basic", "automation"]


def highest(scopes: AbstractSet[Scope]) -> Scope:
    """Return the scope that allows most."""
    return max(scopes, key=SCOPES.index)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request.

    Attributes:
        user_uuid: The user.
        email: The user's address.
        is_admin: Whether the user may look after all users.
        way: How the user has shown who they are.
        scope: The most that this way allows; a person's own sign-in allows everything.
        proof_uuid: The session, or the token for automation, that ends what is opened by it; None for a password.
        experiments: The only experiments that the token for automation is for; None for all.
    """

    user_uuid: UUID
    email: str
    is_admin: bool
    way: Way
    scope: Scope = "admin"
    proof_uuid: UUID | None = None
    experiments: frozenset[UUID] | None = None

    def require_scope(self, scope: Scope) -> None:
        """Check that the way in allows what is asked for.

        Raises:
            ForbiddenError: If the token has too small a scope.
        """
        if SCOPES.index(self.scope) < SCOPES.index(scope):
            raise ForbiddenError(f"this token may only {self.scope}: the request needs a token with the scope {scope}")

    def require_all_experiments(self) -> None:
        """Check that the way in is not for some experiments alone.

        Raises:
            ForbiddenError: If it is.
        """
        if self.experiments is not None:
            raise ForbiddenError("this token is for some experiments alone: name one of them in the path")

    def require_admin(self) -> None:
        """Check that the user may look after all users.

        Raises:
            ForbiddenError: If not.
        """
        if not self.is_admin:
            raise ForbiddenError("this needs an administrator: ask one, or see `autotune user add --admin`")

    def sees(self, exp_uuid: UUID) -> bool:
        """Return whether the way in is for this experiment too."""
        return self.experiments is None or exp_uuid in self.experiments


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route asks of its caller.

    Attributes:
        scope: The least scope; None if anybody may call, signed in or not.
        role: The least role on the experiment that the path names; None if the path names none.
        is_for_admins: Whether the caller must be an administrator.
        is_for_some: Whether a token for some experiments alone may call a route whose path names none of them.
    """

    scope: Scope | None
    role: Role | None = None
    is_for_admins: bool = False
    is_for_some: bool = False

    @property
    def is_for_all(self) -> bool:
        """Whether only those may call who may use all experiments of their user."""
        return self.scope is not None and self.role is None and not self.is_for_some


def require_role(exp_uuid: UUID, role: Role | None, least: Role) -> None:
    """Check that somebody with a role on an experiment may do what needs another one.

    Raises:
        NotFoundError: If there is no role, as if the experiment did not exist.
        ForbiddenError: If the role is too low.
    """
    if role is None:
        raise no_experiment(exp_uuid)
    if ROLES.index(role) < ROLES.index(least):
        raise ForbiddenError(f"you are a {role} of this experiment: this needs the role {least}; ask its owner")


def no_experiment(exp_uuid: UUID) -> NotFoundError:
    """Build the error for an experiment that does not exist, or that the caller may not see."""
    return NotFoundError(f"you have no experiment {exp_uuid}")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something, for the audit: the user, how they were signed in, and the address that they came from.

    The user is None, and the way "none", where nobody has shown who they are.
    """

    user_uuid: UUID | None
    way: Way | Literal["command", "none"]
    address: str | None = None


OPERATOR = Actor(None, "command")
"""Whoever types a command on the service's machine."""
