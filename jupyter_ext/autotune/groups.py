"""A group of people, with whom an experiment can be shared as with one."""

from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from autotune.calls.grouping import GroupCalls, GroupList
from autotune.transport.connection import Connection
from autotune.transport.coroutines import result_of

T = TypeVar("T")


class Group(GroupCalls[Connection]):
    """A group of people. Its owner changes it; who is in it has every role that the group has on experiments."""

    def add(self, email: str) -> Self:
        """Put somebody into the group; the address may get its account later.

        Raises:
            InvalidInputError: If it is no mail address.
            ForbiddenError: If somebody else owns the group.
        """
        return self._do(self._add(email))

    def remove(self, email: str) -> Self:
        """Take somebody out of the group: what was shared with the group is shared with them no longer.

        Raises:
            InvalidInputError: If it is no mail address.
            ForbiddenError: If somebody else owns the group.
            ServiceError: If the address is not in the group.
        """
        return self._do(self._remove(email))

    def delete(self) -> None:
        """Delete the group; what was shared with it is shared with its people no longer.

        Raises:
            ForbiddenError: If somebody else owns the group.
        """
        return self._do(self._delete())

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return result_of(coroutine)


class Groups(GroupList[Group]):
    """The groups that a user owns or is in."""
