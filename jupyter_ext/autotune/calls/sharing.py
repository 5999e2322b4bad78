"""Who may do what with an experiment, and who did what with it: each call, as a coroutine."""

from uuid import UUID

from pydantic import BaseModel

from autotune.inputs.checks import checked
from autotune.transport.caller import Caller
from autotune.views.access import Audit, Members
from autotune_wire import access, paths

AUDIT_PAGE = 1000


def share_of(who: str, role: str) -> access.Share:
    """Build the role of a person, who is named by a mail address, or of a group.

    Raises:
        InvalidInputError: If the name or the role is not valid.
    """
    with checked("this share"):
        return access.Share.model_validate({**_named(who), "role": role})


def unshare_of(who: str) -> access.Unshare:
    """Build whose role is taken away; takes and raises as ``share_of``."""
    with checked("this share"):
        return access.Unshare.model_validate(_named(who))


def transfer_of(email: str) -> access.Transfer:
    """Build who the new owner is.

    Raises:
        InvalidInputError: If it is no mail address.
    """
    with checked("the new owner"):
        return access.Transfer.model_validate({"email": email})


async def read_members(connection: Caller, exp_uuid: UUID, name: str) -> Members:
    """Fetch who has which role on an experiment; ``name`` is the experiment's, for the table."""
    path = paths.EXPERIMENT_MEMBERS.format(exp_uuid=exp_uuid)
    return Members(await connection.fetch(path, access.Members), name)


async def change_members(connection: Caller, path: str, exp_uuid: UUID, body: BaseModel, name: str) -> Members:
    """Share, unshare or transfer an experiment, and return who has which role then."""
    return Members(await connection.send(path.format(exp_uuid=exp_uuid), access.Members, body), name)


async def read_audit(connection: Caller, path: str, limit: int, name: str | None = None) -> Audit:
    """Fetch the ``limit`` newest entries of an audit; ``name`` is the experiment's, if it is the audit of one."""
    found, after = Audit(name), None
    while len(found) < limit:
        size = min(AUDIT_PAGE, limit - len(found))
        page = await connection.fetch(path, access.AuditPage, limit=size, after=after)
        found += page.entries
        after = page.next
        if after is None:
            break
    return found


def _named(who: str) -> dict[str, str]:
    # Whatever has an @ is an address: a slip in one must not be taken for a group.
    return {"email" if "@" in str(who) else "group": who}
