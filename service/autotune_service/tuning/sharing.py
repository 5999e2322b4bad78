"""Sharing an experiment: roles for people, who need no account yet, and for groups; a new owner."""

from uuid import UUID

from autotune_service.domain.access import Actor
from autotune_service.domain.errors import InvalidError, LimitReachedError
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.experiments import (
    count_bytes,
    count_experiments,
    get_experiment,
    update_experiment,
)
from autotune_service.store.rows.members import (
    count_members,
    delete_member,
    get_group_uuid,
    get_group_with_role,
    get_role,
    list_members,
    put_member,
)
from autotune_service.store.rows.users import UserRow, get_user, get_user_by_email, hold_user
from autotune_service.tuning.audit import write_audit
from autotune_wire.access import MAX_MEMBERS, Member, Members, Share, Transfer, Unshare
from autotune_wire.problems import FieldProblem


async def read_members(store: Store, user_uuid: UUID, exp_uuid: UUID) -> Members:
    """Return who has which role on an experiment.

    Raises:
        NotFoundError: If the user has no role on it.
    """
    async with store.work() as work:
        await get_experiment(work, exp_uuid, user_uuid)
        return await _members(work, user_uuid, exp_uuid)


async def share(store: Store, actor: Actor, user_uuid: UUID, exp_uuid: UUID, body: Share) -> Members:
    """Give a person or a group a role on the user's experiment, instead of the one they may have.

    Raises:
        InvalidError: If the person is the owner, or the user has no such group.
        LimitReachedError: If the experiment is shared with too many already.
    """
    async with store.work() as work:
        await get_experiment(work, exp_uuid, user_uuid, lock=True)
        group_uuid = await _group(work, user_uuid, body.group)
        await _refuse_owner(work, user_uuid, body.email)
        await put_member(work, exp_uuid, email=body.email, group_uuid=group_uuid, role=body.role)
        if await count_members(work, exp_uuid) > MAX_MEMBERS:
            raise LimitReachedError(f"an experiment can be shared with {MAX_MEMBERS} people and groups: use a group")
        await write_audit(work, actor, "shared", exp_uuid, email=body.email, group=body.group, role=body.role)
        return await _members(work, user_uuid, exp_uuid)


async def unshare(store: Store, actor: Actor, user_uuid: UUID, exp_uuid: UUID, body: Unshare) -> Members:
    """Take the role on the user's experiment away from a person or a group.

    Raises:
        InvalidError: If the person or the group has no role.
    """
    async with store.work() as work:
        await get_experiment(work, exp_uuid, user_uuid, lock=True)
        await _refuse_owner(work, user_uuid, body.email)
        group_uuid = None
        if body.group is not None:
            # Former owners have shared it with groups of theirs, which the owner of now must be able to end.
            group_uuid = await get_group_with_role(work, exp_uuid, body.group, user_uuid)
        is_known = body.group is None or group_uuid is not None
        if not is_known or not await delete_member(work, exp_uuid, email=body.email, group_uuid=group_uuid):
            field = "email" if body.email is not None else "group"
            raise _invalid(field, "has no role on this experiment", body.email or body.group)
        await write_audit(work, actor, "unshared", exp_uuid, email=body.email, group=body.group)
        return await _members(work, user_uuid, exp_uuid)


async def transfer(
    store: Store, actor: Actor, user_uuid: UUID, exp_uuid: UUID, body: Transfer, limits: Limits = DEFAULT_LIMITS
) -> Members:
    """Make somebody with a role on the experiment its owner; the owner of before becomes an editor.

    The experiment then counts against the limits of the new owner.

    Raises:
        InvalidError: If the address has no account, no role on the experiment, or no room for it.
    """
    async with store.work() as work:
        await get_experiment(work, exp_uuid, user_uuid, lock=True)
        await _refuse_owner(work, user_uuid, body.email)
        new = await get_user_by_email(work, body.email)
        if new is None or not new.is_active or await get_role(work, exp_uuid, new.user_uuid) is None:
            message = "must be somebody who has an account and a role on this experiment: share it first"
            raise _invalid("email", message, body.email)
        await _require_room(work, new, exp_uuid, limits)
        before = await get_user(work, user_uuid)
        assert before is not None
        await delete_member(work, exp_uuid, email=body.email, group_uuid=None)
        await put_member(work, exp_uuid, email=before.email, group_uuid=None, role="editor")
        await update_experiment(work, exp_uuid, {"owner_uuid": new.user_uuid})
        await write_audit(work, actor, "transferred", exp_uuid, account_uuid=new.user_uuid, email=body.email)
        return await _members(work, user_uuid, exp_uuid)


async def _members(work: Work, user_uuid: UUID, exp_uuid: UUID) -> Members:
    role = await get_role(work, exp_uuid, user_uuid)
    assert role is not None
    rows = await list_members(work, exp_uuid)
    members = [Member(email=row.email, group=row.group, role=row.role, has_account=row.has_account) for row in rows]
    return Members(exp_uuid=exp_uuid, role=role, members=members)


async def _require_room(work: Work, new: UserRow, exp_uuid: UUID, limits: Limits) -> None:
    # Nobody asks the new owner: without it, one user could use up the share of another.
    await hold_user(work, new.user_uuid)
    n_experiments = await count_experiments(work, new.user_uuid)
    n_bytes = await count_bytes(work, new.user_uuid, exp_uuid)
    if n_experiments >= limits.experiments or n_bytes > limits.stored_bytes:
        message = (
            f"has no room for this experiment: a user may have {limits.experiments} experiments of "
            f"{limits.stored_bytes} bytes on this service"
        )
        raise _invalid("email", message, new.email)


async def _group(work: Work, user_uuid: UUID, name: str | None) -> UUID | None:
    if name is None:
        return None
    group_uuid = await get_group_uuid(work, user_uuid, name)
    if group_uuid is None:
        raise _invalid("group", "you own no group of this name", name)
    return group_uuid


async def _refuse_owner(work: Work, user_uuid: UUID, email: str | None) -> None:
    owner = await get_user(work, user_uuid)
    if owner is not None and owner.email == email:
        raise _invalid("email", "is the owner's: transfer the experiment to have another owner", email)


def _invalid(field: str, message: str, value: str | None) -> InvalidError:
    return InvalidError.of([FieldProblem(field=field, message=message, value=value)])
