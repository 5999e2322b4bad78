"""Sharing experiments, groups of people, and the audit, over HTTP."""

from uuid import UUID

from quart import Blueprint
from quart_schema import tag, validate_querystring, validate_request, validate_response

from autotune_service.tuning import audit, groups, sharing
from autotune_service.web.blueprints.rules import rule_of
from autotune_service.web.door import actor, needs, user
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.access import (
    AuditPage,
    AuditQuery,
    Group,
    GroupMember,
    Groups,
    Members,
    NewGroup,
    Share,
    Transfer,
    Unshare,
)

blueprint = Blueprint("sharing", __name__)


@blueprint.get(rule_of(paths.EXPERIMENT_MEMBERS))
@needs("read", "viewer")
@tag(["sharing"])
@validate_response(Members)
async def members(exp_uuid: UUID) -> Members:
    """Return who has which role on an experiment, the owner first."""
    return await sharing.read_members(services().store, user(), exp_uuid)


@blueprint.post(rule_of(paths.EXPERIMENT_SHARE))
@needs("admin", "owner")
@tag(["sharing"])
@validate_request(Share)
@validate_response(Members)
async def share(exp_uuid: UUID, data: Share) -> Members:
    """Give a person or a group a role on your experiment; an address may get its account later."""
    shared = await sharing.share(services().store, actor(), user(), exp_uuid, data)
    services().roles.forget()
    return shared


@blueprint.post(rule_of(paths.EXPERIMENT_UNSHARE))
@needs("admin", "owner")
@tag(["sharing"])
@validate_request(Unshare)
@validate_response(Members)
async def unshare(exp_uuid: UUID, data: Unshare) -> Members:
    """Take a role on your experiment away; open websockets close within seconds."""
    left = await sharing.unshare(services().store, actor(), user(), exp_uuid, data)
    services().roles.forget()
    return left


@blueprint.post(rule_of(paths.EXPERIMENT_TRANSFER))
@needs("admin", "owner")
@tag(["sharing"])
@validate_request(Transfer)
@validate_response(Members)
async def transfer(exp_uuid: UUID, data: Transfer) -> Members:
    """Make somebody with a role on your experiment its owner; you become an editor."""
    moved = await sharing.transfer(services().store, actor(), user(), exp_uuid, data, services().limits)
    services().roles.forget()
    services().stored.forget(exp_uuid)
    return moved


@blueprint.get(rule_of(paths.EXPERIMENT_AUDIT))
@needs("admin", "owner")
@tag(["sharing"])
@validate_querystring(AuditQuery)
@validate_response(AuditPage)
async def experiment_audit(exp_uuid: UUID, query_args: AuditQuery) -> AuditPage:
    """Return who shared, transferred and deleted what of an experiment, newest first."""
    return await audit.read_audit(services().store, query_args, exp_uuid=exp_uuid)


@blueprint.get(paths.AUDIT)
@needs("admin")
@tag(["sharing"])
@validate_querystring(AuditQuery)
@validate_response(AuditPage)
async def own_audit(query_args: AuditQuery) -> AuditPage:
    """Return what you have done, and what was done to your account, newest first."""
    return await audit.read_audit(services().store, query_args, user_uuid=user())


@blueprint.get(paths.AUDIT_ALL)
@needs("admin", is_for_admins=True)
@tag(["sharing"])
@validate_querystring(AuditQuery)
@validate_response(AuditPage)
async def whole_audit(query_args: AuditQuery) -> AuditPage:
    """Return what all users and the operator have done, newest first; for administrators."""
    return await audit.read_audit(services().store, query_args)


@blueprint.get(paths.GROUPS)
@needs("read")
@tag(["sharing"])
@validate_response(Groups)
async def list_groups() -> Groups:
    """List the groups that you own or are in."""
    return await groups.read_groups(services().store, user())


@blueprint.post(paths.GROUPS)
@needs("admin")
@tag(["sharing"])
@validate_request(NewGroup)
@validate_response(Group, 201)
async def create_group(data: NewGroup) -> tuple[Group, int]:
    """Create a group, with whom experiments can be shared as with one person."""
    return await groups.create_group(services().store, actor(), user(), data), 201


@blueprint.post(rule_of(paths.GROUP_ADD))
@needs("admin")
@tag(["sharing"])
@validate_request(GroupMember)
@validate_response(Group)
async def add_person(group_uuid: UUID, data: GroupMember) -> Group:
    """Put somebody into your group; an address may get its account later."""
    changed = await groups.add_person(services().store, actor(), user(), group_uuid, data)
    services().roles.forget()
    return changed


@blueprint.post(rule_of(paths.GROUP_REMOVE))
@needs("admin")
@tag(["sharing"])
@validate_request(GroupMember)
@validate_response(Group)
async def remove_person(group_uuid: UUID, data: GroupMember) -> Group:
    """Take somebody out of your group."""
    changed = await groups.remove_person(services().store, actor(), user(), group_uuid, data)
    services().roles.forget()
    return changed


@blueprint.delete(rule_of(paths.GROUP))
@needs("admin")
@tag(["sharing"])
async def delete_group(group_uuid: UUID) -> tuple[str, int]:
    """Delete your group; what was shared with it is shared no longer."""
    await groups.drop_group(services().store, actor(), user(), group_uuid)
    services().roles.forget()
    return "", 204
