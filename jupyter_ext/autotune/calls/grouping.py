"""Groups of people, with whom an experiment can be shared as with one: the calls, as coroutines of both clients."""

from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from autotune.inputs.checks import checked
from autotune.transport.caller import Caller
from autotune.views.access import group_table, group_text
from autotune_wire import access
from autotune_wire.paths import GROUP, GROUP_ADD, GROUP_REMOVE, GROUPS

C = TypeVar("C", bound=Caller)
G = TypeVar("G", bound="GroupCalls[Any]")


class GroupCalls(Generic[C]):
    """A group as the service sent it last, with the coroutines behind its calls; ``Group`` describes the calls."""

    def __init__(self, connection: C, seen: access.Group) -> None:
        self._connection = connection
        self._seen = seen

    @property
    def group_uuid(self) -> UUID:
        """The uuid of the group."""
        return self._seen.group_uuid

    @property
    def name(self) -> str:
        """The name, by which the owner shares an experiment with the group."""
        return self._seen.name

    @property
    def owner(self) -> str:
        """The mail address of the owner, who alone changes the group."""
        return self._seen.owner

    @property
    def emails(self) -> list[str]:
        """The mail addresses of the people in the group."""
        return list(self._seen.emails)

    async def _change(self, path: str, email: str) -> Self:
        with checked("this person"):
            body = access.GroupMember.model_validate({"email": email})
        self._seen = await self._connection.send(path.format(group_uuid=self.group_uuid), access.Group, body)
        return self

    async def _add(self, email: str) -> Self:
        return await self._change(GROUP_ADD, email)

    async def _remove(self, email: str) -> Self:
        return await self._change(GROUP_REMOVE, email)

    async def _delete(self) -> None:
        await self._connection.delete(GROUP.format(group_uuid=self.group_uuid))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r} of {self.owner}: {', '.join(self.emails) or 'nobody yet'})"

    def _repr_html_(self) -> str:
        return group_table([self._seen])


class GroupList(list[G]):
    """The groups that a user owns or is in."""

    def __repr__(self) -> str:
        return group_text([group._seen for group in self])

    def _repr_html_(self) -> str:
        return group_table([group._seen for group in self])


async def read_groups(connection: Caller) -> list[access.Group]:
    """Fetch the groups that the user owns or is in."""
    return (await connection.fetch(GROUPS, access.Groups)).groups


async def make_group(connection: Caller, name: str) -> access.Group:
    """Make a group of nobody."""
    with checked("the argument name"):
        body = access.NewGroup.model_validate({"name": name})
    return await connection.send(GROUPS, access.Group, body)
