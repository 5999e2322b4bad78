"""Which role a user has on an experiment, remembered for a second."""

import time
from dataclasses import dataclass, field
from uuid import UUID

from autotune_service.domain.access import Caller, no_experiment, require_role
from autotune_service.store.database import Store
from autotune_service.store.rows.members import get_role
from autotune_wire.access import Role, Scope

_KNOWN_S = 1.0  # the longest time that somebody whose role was taken away can still call
_MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of users on experiments, as stored at most a second ago."""

    store: Store
    _known: dict[tuple[str, UUID, UUID], tuple[float, Role]] = field(default_factory=dict)

    async def check(self, caller: Caller, exp_uuid: UUID, scope: Scope, role: Role) -> None:
        """Check that a caller may do what needs a scope, and a role on an experiment.

        Raises:
            NotFoundError: If the experiment does not exist, the user has no role on it, or the token is not for it.
            ForbiddenError: If the role or the scope is too low.
        """
        if not caller.sees(exp_uuid):
            raise no_experiment(exp_uuid)
        require_role(exp_uuid, await self.of(caller.user_uuid, exp_uuid), role)
        caller.require_scope(scope)

    async def of(self, user_uuid: UUID, exp_uuid: UUID) -> Role | None:
        """Return the role of a user on an experiment, None if there is none."""
        place = self.store.log.epoch, user_uuid, exp_uuid
        until, known = self._known.get(place, (0.0, None))
        if known is not None and time.monotonic() < until:
            return known
        role = await get_role(self.store, exp_uuid, user_uuid)
        if role is not None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[place] = time.monotonic() + _KNOWN_S, role
        return role

    def forget(self) -> None:
        """Look at all roles anew, as after one has changed."""
        self._known.clear()
