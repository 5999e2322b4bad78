"""A service that agents work on, and its user."""

from collections.abc import Callable

import pytest

import autotune
from processes import DEV_USER, ServiceProcess


@pytest.fixture(scope="session")
async def service(cluster, template, tmp_path_factory):
    """One service for all agents, as each test makes experiments of its own."""
    async with cluster.database(template) as url:
        process = ServiceProcess(tmp_path_factory.mktemp("service") / "data", AUTOTUNE_DATABASE_URL=url)
        yield process.start()
        process.close()


@pytest.fixture(scope="session")
def user(service):
    """The user's own client."""
    with autotune.connect(service.url, **DEV_USER) as client:
        yield client


@pytest.fixture(scope="session")
def token_of(user) -> Callable[..., str]:
    """Make a token for an agent."""

    def make(scope: str, **options: object) -> str:
        return user.new_token("mcp", scope, **options).secret()

    return make


@pytest.fixture
def brownies(user):
    covars = {"minutes": "20..50 int", "oven": "a|b"}
    return user.new("brownies", covars, guess={"minutes": 30}, say=None, seed=1)
