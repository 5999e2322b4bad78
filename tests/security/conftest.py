"""People who share experiments, each with the headers of their own sign-in."""

from collections.abc import Awaitable, Callable

import pytest

from autotune_service.tuning.accounts import Accounts
from autotune_service.tuning.sessions import Sessions
from autotune_wire.accounts import Signup
from support import PASSWORD

COVARS = {"n": {"vtype": "int", "guess": 1, "min": 0, "max": 9}}

Person = Callable[[str], Awaitable[dict[str, str]]]


@pytest.fixture
def person(accounts: Accounts, sessions: Sessions) -> Person:
    """Makes somebody with an address, and returns their headers."""

    async def make(email: str) -> dict[str, str]:
        user = await accounts.sign_up(Signup(email=email, password=PASSWORD))
        return {"Authorization": f"Bearer {(await sessions.open_program(user.uuid)).access_token}"}

    return make


@pytest.fixture
async def exp_uuid(client, headers) -> str:
    """An experiment of ada@example.org."""
    reply = await client.post("/experiment/new", json={"name": "x", "covars": COVARS}, headers=headers)
    assert reply.status_code == 201
    return (await reply.get_json())["exp_uuid"]
