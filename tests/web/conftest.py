from collections.abc import AsyncIterator

import pytest

from autotune_service.compute.worker import Worker
from autotune_service.tuning.accounts import Accounts
from autotune_service.tuning.sessions import Sessions
from autotune_wire.accounts import Signup
from fake_pool import FakePool
from support import PASSWORD, running


@pytest.fixture
async def fake_pool(store, database_url) -> AsyncIterator[FakePool]:
    """An engine that answers at once, at work on the tests' database."""
    pool = FakePool()
    async with running(Worker("tests", store, database_url, pool).run()):
        yield pool


@pytest.fixture
async def stranger(accounts: Accounts, sessions: Sessions) -> dict[str, str]:
    """The headers of somebody who owns nothing."""
    user = await accounts.sign_up(Signup(email="eve@example.org", password=PASSWORD))
    return {"Authorization": f"Bearer {(await sessions.open_program(user.uuid)).access_token}"}
