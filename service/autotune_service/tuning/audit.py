"""The audit: who did what from where. What is written there is never changed."""

from typing import Any
from uuid import UUID

from autotune_service.domain.access import Actor
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.audit import add_audit, list_audit
from autotune_wire.access import AuditEntry, AuditPage, AuditQuery


async def write_audit(
    work: Work,
    actor: Actor,
    action: str,
    exp_uuid: UUID | None = None,
    *,
    account_uuid: UUID | None = None,
    **data: Any,
) -> None:
    """Write down what somebody does, in the transaction that does it.

    Args:
        work: The transaction.
        actor: Who does it.
        action: What is done.
        exp_uuid: The experiment that it is done with, if it is one.
        account_uuid: The user whose account it is about; that user reads the entry too.
        data: What else is to be known.
    """
    await add_audit(
        work,
        user_uuid=actor.user_uuid,
        way=actor.way,
        address=actor.address,
        action=action,
        exp_uuid=exp_uuid,
        data=data,
        account_uuid=None if account_uuid == actor.user_uuid else account_uuid,
    )


async def read_audit(
    store: Store, query: AuditQuery, *, exp_uuid: UUID | None = None, user_uuid: UUID | None = None
) -> AuditPage:
    """Return a page of the audit, newest first: of all, of an experiment, or of a user and the user's account."""
    async with store.work() as work:
        rows = await list_audit(work, before=query.after, limit=query.limit + 1, exp_uuid=exp_uuid, user_uuid=user_uuid)
    page = rows[: query.limit]
    entries = [
        AuditEntry(
            number=row.number,
            at=row.at,
            by=row.email,
            way=row.way,
            address=row.address,
            action=row.action,
            exp_uuid=row.exp_uuid,
            account=row.account,
            data=row.data,
        )
        for row in page
    ]
    return AuditPage(entries=entries, next=page[-1].number if len(rows) > len(page) else None)
