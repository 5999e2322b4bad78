"""Groups of people, with whom experiments can be shared as with one."""

from uuid import UUID

from autotune_service.domain.access import Actor
from autotune_service.domain.errors import ForbiddenError, InvalidError, LimitReachedError, NotFoundError
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.members import (
    GroupRow,
    add_group,
    add_to_group,
    delete_group,
    list_groups,
    remove_from_group,
)
from autotune_service.tuning.audit import write_audit
from autotune_wire.access import MAX_GROUPS, MAX_MEMBERS, Group, GroupMember, Groups, NewGroup
from autotune_wire.problems import FieldProblem


async def read_groups(store: Store, user_uuid: UUID) -> Groups:
    """Return the groups that a user owns or is in."""
    async with store.work() as work:
        return Groups(groups=[_to_wire(row) for row in await list_groups(work, user_uuid)])


async def create_group(store: Store, actor: Actor, user_uuid: UUID, body: NewGroup) -> Group:
    """Create a group of nobody, which the user owns.

    Raises:
        InvalidError: If the user has a group of this name.
        LimitReachedError: If the user has too many groups.
    """
    async with store.work() as work:
        n_groups = sum(row.owner_uuid == user_uuid for row in await list_groups(work, user_uuid))
        if n_groups >= MAX_GROUPS:
            raise LimitReachedError(f"you have {n_groups} groups, and nobody may have more: delete one")
        group_uuid = await add_group(work, user_uuid, body.name)
        if group_uuid is None:
            raise InvalidError.of([FieldProblem(field="name", message="you have this group already", value=body.name)])
        await write_audit(work, actor, "group_created", account_uuid=user_uuid, group=body.name)
        return _to_wire(await _owned(work, user_uuid, group_uuid))


async def add_person(store: Store, actor: Actor, user_uuid: UUID, group_uuid: UUID, body: GroupMember) -> Group:
    """Put somebody into a group of the user; an address may get its account later.

    Raises:
        NotFoundError: If the user neither owns the group nor is in it.
        ForbiddenError: If somebody else owns the group.
        LimitReachedError: If the group has too many people.
    """
    async with store.work() as work:
        group = await _owned(work, user_uuid, group_uuid)
        if len(group.emails) >= MAX_MEMBERS:
            raise LimitReachedError(f"a group may have {MAX_MEMBERS} people")
        await add_to_group(work, group_uuid, body.email)
        await write_audit(work, actor, "group_joined", account_uuid=user_uuid, group=group.name, email=body.email)
        return _to_wire(await _owned(work, user_uuid, group_uuid))


async def remove_person(store: Store, actor: Actor, user_uuid: UUID, group_uuid: UUID, body: GroupMember) -> Group:
    """Take somebody out of a group of the user.

    Raises:
        NotFoundError: If the user neither owns the group nor is in it.
        ForbiddenError: If somebody else owns the group.
    """
    async with store.work() as work:
        group = await _owned(work, user_uuid, group_uuid)
        await remove_from_group(work, group_uuid, body.email)
        await write_audit(work, actor, "group_left", account_uuid=user_uuid, group=group.name, email=body.email)
        return _to_wire(await _owned(work, user_uuid, group_uuid))


async def drop_group(store: Store, actor: Actor, user_uuid: UUID, group_uuid: UUID) -> None:
    """Delete a group of the user; what was shared with it is shared no longer.

    Raises:
        NotFoundError: If the user neither owns the group nor is in it.
        ForbiddenError: If somebody else owns the group.
    """
    async with store.work() as work:
        group = await _owned(work, user_uuid, group_uuid)
        await delete_group(work, group_uuid)
        await write_audit(work, actor, "group_deleted", account_uuid=user_uuid, group=group.name)


async def _owned(work: Work, user_uuid: UUID, group_uuid: UUID) -> GroupRow:
    found = await list_groups(work, user_uuid, group_uuid)
    if not found:
        raise NotFoundError(f"you have no group {group_uuid}")
    if found[0].owner_uuid != user_uuid:
        raise ForbiddenError(f"{found[0].owner} owns this group: ask them to change it")
    return found[0]


def _to_wire(row: GroupRow) -> Group:
    return Group(group_uuid=row.group_uuid, name=row.name, owner=row.owner, emails=row.emails)
