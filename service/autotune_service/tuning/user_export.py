"""Write out what is stored of a user, page by page, so that the memory it takes is bounded."""

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from uuid import UUID

from autotune_service.domain.access import Actor
from autotune_service.store.database import Store
from autotune_service.store.rows.people import OwnedExperiment, list_owned, list_session_ends
from autotune_service.store.rows.users import get_user
from autotune_service.tuning.accounts import to_wire
from autotune_service.tuning.audit import write_audit
from autotune_wire import paths
from autotune_wire.accounts import ExperimentLink

_PAGE = 500


async def export_user(store: Store, actor: Actor, user_uuid: UUID) -> AsyncGenerator[bytes, None]:
    """Yield the JSON of a ``UserExport``, in pieces.

    The experiments' own data are in their exports, which the pieces name: all together may be gigabytes.
    """
    async with store.work() as work:
        user = await get_user(work, user_uuid)
        session_ends = await list_session_ends(work, user_uuid)
        await write_audit(work, actor, "account_exported")
    assert user is not None, "whoever asks is signed in"
    head = {
        "time_exported": datetime.now(UTC).isoformat(),
        "sessions": [{"time_expires": moment.isoformat()} for moment in session_ends],
    }
    yield f'{{"user":{to_wire(user).model_dump_json()},{json.dumps(head)[1:-1]},"experiments":['.encode()
    after, comma = 0, ""
    while True:
        async with store.work() as work:
            page = await list_owned(work, user_uuid, after, _PAGE)
        for owned in page:
            yield f"{comma}{_link(owned).model_dump_json()}".encode()
            comma = ","
        if len(page) < _PAGE:
            break
        after = page[-1].number
    yield b"]}"


def _link(owned: OwnedExperiment) -> ExperimentLink:
    return ExperimentLink(
        exp_uuid=owned.exp_uuid,
        name=owned.name,
        state=owned.state,
        n_observations=owned.n_observations,
        time_created=owned.created_at,
        export=paths.EXPERIMENT_EXPORT.format(exp_uuid=owned.exp_uuid),
    )
