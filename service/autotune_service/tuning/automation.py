"""Tokens for automation: robots, pipelines and scripts sign in with them instead of a person's password."""

from datetime import timedelta
from uuid import UUID

from autotune_service.domain.access import Actor, highest
from autotune_service.domain.errors import InvalidError, LimitReachedError, NotFoundError
from autotune_service.security.tokens import AUTOMATION_PREFIX, new_token, token_hash
from autotune_service.store.database import Store
from autotune_service.store.rows.automation import (
    AutomationRow,
    add_automation_token,
    delete_automation_token,
    list_tokens_of,
)
from autotune_service.store.rows.members import get_role
from autotune_service.store.rows.users import hold_user
from autotune_service.tuning.audit import write_audit
from autotune_wire.access import MAX_TOKENS, CreatedToken, NewToken, TokenInfo, TokenList
from autotune_wire.problems import FieldProblem


async def create_token(store: Store, actor: Actor, user_uuid: UUID, body: NewToken) -> CreatedToken:
    """Create a token for a user; the reply is the only one that shows it.

    Raises:
        InvalidError: If the user has no role on one of the token's experiments.
        LimitReachedError: If the user has too many tokens.
    """
    token = new_token(AUTOMATION_PREFIX)
    async with store.work() as work:
        await hold_user(work, user_uuid)
        if len(await list_tokens_of(work, user_uuid)) >= MAX_TOKENS:
            raise LimitReachedError(f"you have {MAX_TOKENS} tokens, and nobody may have more: revoke one")
        for number, exp_uuid in enumerate(body.experiments or ()):
            if await get_role(work, exp_uuid, user_uuid) is None:
                message = f"you have no experiment {exp_uuid}"
                raise InvalidError.of([FieldProblem(field=f"experiments.{number}", message=message)])
        token_uuid = await add_automation_token(
            work,
            user_uuid,
            token_hash(token),
            name=body.name,
            scopes=body.scopes,
            experiments=body.experiments,
            lifetime=None if body.expires_in_s is None else timedelta(seconds=body.expires_in_s),
        )
        scope = highest(set(body.scopes))
        await write_audit(work, actor, "token_created", account_uuid=user_uuid, name=body.name, scope=scope)
        rows = {row.token_uuid: row for row in await list_tokens_of(work, user_uuid)}
    return CreatedToken(**_to_wire(rows[token_uuid]).model_dump(), token=token)


async def read_tokens(store: Store, user_uuid: UUID) -> TokenList:
    """Return a user's tokens, without their secrets."""
    async with store.work() as work:
        return TokenList(tokens=[_to_wire(row) for row in await list_tokens_of(work, user_uuid)])


async def revoke_token(store: Store, actor: Actor, user_uuid: UUID, token_uuid: UUID) -> None:
    """Revoke a user's token for good.

    Raises:
        NotFoundError: If the user has no such token.
    """
    async with store.work() as work:
        name = await delete_automation_token(work, user_uuid, token_uuid)
        if name is None:
            raise NotFoundError(f"you have no token {token_uuid}")
        await write_audit(work, actor, "token_revoked", account_uuid=user_uuid, name=name)


def _to_wire(row: AutomationRow) -> TokenInfo:
    return TokenInfo(
        token_uuid=row.token_uuid,
        name=row.name,
        scopes=row.scopes,
        experiments=row.experiments,
        time_created=row.created_at,
        time_expires=row.expires_at,
        time_last_used=row.last_used_at,
    )
