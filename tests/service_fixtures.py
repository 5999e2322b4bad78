"""Fixtures of tests that need more than pure code: a real Postgres, a warm engine, the app and the service."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from argon2 import PasswordHasher
from quart import Quart
from quart.typing import TestClientProtocol

import leaks
import raw_database
from autotune_service.compute.pool import Pool
from autotune_service.compute.worker import Worker
from autotune_service.domain.brakes import BrakeRules
from autotune_service.live.hub import Hub
from autotune_service.security.keys import KeyRing
from autotune_service.security.passwords import Passwords
from autotune_service.security.tokens import AccessTokens
from autotune_service.store.database import Store
from autotune_service.store.embedded import EmbeddedPostgres
from autotune_service.store.migrate import upgrade
from autotune_service.tuning.accounts import Accounts
from autotune_service.tuning.brakes import Brakes
from autotune_service.tuning.roles import Roles
from autotune_service.tuning.sessions import Sessions
from autotune_service.web.quart_app import create_app
from autotune_service.web.rights import Rights
from autotune_service.web.services import Services
from autotune_wire.accounts import Signup
from processes import ServiceProcess, WorkerProcess
from support import PASSWORD, SECRET, running

LOOSE = BrakeRules(attempts=10_000)
"""Most tests sign in and up as often as they like, all from one address."""


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the run if a log or a notebook that its tests have left holds one of their secrets."""
    yield
    assert list(leaks.found_in_files(tmp_path_factory.getbasetemp())) == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test within whose own process something was logged that holds a secret."""
    report = yield
    logged = "".join(text for title, text in report.sections if title.startswith(("Captured log", "Captured stderr")))
    if report.passed and (found := leaks.found_in_text(logged)):
        report.outcome, report.longrepr = "failed", f"a secret was logged: {', '.join(found)}"
    return report


@dataclass(frozen=True)
class Cluster:
    """The tests' Postgres; ``url`` is that of its maintenance database."""

    url: str

    def url_of(self, name: str) -> str:
        return self.url.replace("/postgres?", f"/{name}?")

    async def execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    @asynccontextmanager
    async def database(self, template: str) -> AsyncIterator[str]:
        """Make a database like another one and drop it at the end."""
        name = f"test_{uuid4().hex}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield self.url_of(name)
        await self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("cluster") / "postgres")
    url = postgres.start()
    yield Cluster(url)
    postgres.stop()


@pytest.fixture(scope="session")
async def template(cluster: Cluster) -> str:
    """A migrated database to copy: a copy takes milliseconds."""
    await cluster.execute("CREATE DATABASE template_autotune")
    await upgrade(cluster.url_of("template_autotune"))
    return "template_autotune"


@pytest.fixture
async def database_url(cluster: Cluster, template: str) -> AsyncIterator[str]:
    async with cluster.database(template) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection past the service."""
    connection = await raw_database.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def empty_database_url(cluster: Cluster) -> AsyncIterator[str]:
    async with cluster.database("template0") as url:
        yield url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = Store(database_url, pool_size=10, timeout_s=5)
    await store.connect()
    yield store
    await store.disconnect()


@pytest.fixture(scope="session")
def passwords() -> Iterator[Passwords]:
    # Hundreds of tests make a user, and would spend a quarter of a second each on a hash that nobody attacks.
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield passwords
    passwords.close()


@pytest.fixture
def accounts(store: Store, passwords: Passwords) -> Accounts:
    return Accounts(
        store=store,
        passwords=passwords,
        brakes=Brakes(store, LOOSE),
        reserved_emails=frozenset({"test@test.com"}),
    )


@pytest.fixture
def sessions(store: Store) -> Sessions:
    tokens = AccessTokens(KeyRing.of([SECRET], "access tokens"), timedelta(minutes=15))
    return Sessions(store=store, access_tokens=tokens, refresh_lifetime=timedelta(days=1))


@pytest.fixture
async def user_uuid(accounts: Accounts) -> UUID:
    return (await accounts.sign_up(Signup(email="ada@example.org", password=PASSWORD))).uuid


@pytest.fixture
async def hub(database_url: str, store: Store) -> AsyncIterator[Hub]:
    hub = Hub(database_url, store.log)
    async with running(hub.run()):
        yield hub


@pytest.fixture
def app(store: Store, hub: Hub, accounts: Accounts, sessions: Sessions) -> Iterator[Quart]:
    own: dict[str, Any] = {"accounts": accounts, "sessions": sessions, "roles": Roles(store), "rights": Rights(store)}
    services = Services(store=store, hub=hub, **own, ask_wait_s=10)
    yield create_app(services, secret=SECRET, is_https=False, max_body_bytes=100_000, has_metrics=True)
    services.bodies.stop()


@pytest.fixture
async def headers(sessions: Sessions, user_uuid: UUID) -> dict[str, str]:
    tokens = await sessions.open_program(user_uuid)
    return {"Authorization": f"Bearer {tokens.access_token}"}


@pytest.fixture
def client(app: Quart) -> TestClientProtocol:
    return app.test_client()


@pytest.fixture(scope="session")
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(1, deadline_s=120)
    await pool.warm()
    yield pool
    await pool.stop()


@pytest.fixture
async def worker(store: Store, database_url: str, pool: Pool) -> AsyncIterator[Worker]:
    worker = Worker("tests", store, database_url, pool)
    async with running(worker.run()):
        yield worker


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[..., ServiceProcess]]:
    """Start services, each a process, that end with the test."""
    with ExitStack() as stack:

        def start(*arguments: str, data: Path | None = None, **variables: str) -> ServiceProcess:
            process = ServiceProcess(data or tmp_path / "data", *arguments, **variables)
            stack.callback(process.close)
            return process.start()

        yield start


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers apart from a service, that end with the test."""
    with ExitStack() as stack:

        def start(**variables: str) -> WorkerProcess:
            process = WorkerProcess(tmp_path / f"worker-{uuid4().hex}.log", **variables)
            stack.callback(process.close)
            return process.start()

        yield start
