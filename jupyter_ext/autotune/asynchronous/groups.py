"""A group of people, for programs that await."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from autotune.calls.grouping import GroupCalls
from autotune.groups import Group
from autotune.transport.connection import AsyncConnection
from autotune.transport.coroutines import AwaitedSelf, awaited

T = TypeVar("T")


class AsyncGroup(GroupCalls[AsyncConnection]):
    """A group of people, with the calls of ``Group``, which describes them, to be awaited."""

    add = AwaitedSelf(Group.add)
    remove = AwaitedSelf(Group.remove)
    delete = awaited(Group.delete)

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        return coroutine
