"""Assembles a process: database, hub, worker and web server, started in order and stopped in reverse."""

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from tempfile import NamedTemporaryFile

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from quart import Quart

from autotune_service.compute.pool import Pool
from autotune_service.compute.worker import Worker
from autotune_service.live.hub import Hub
from autotune_service.security.passwords import Passwords
from autotune_service.security.tokens import AccessTokens
from autotune_service.settings import DEV_EMAIL, DEV_PASSWORD, Settings
from autotune_service.store.database import Store
from autotune_service.store.embedded import EmbeddedPostgres
from autotune_service.store.migrate import upgrade
from autotune_service.tuning.accounts import Accounts
from autotune_service.web.quart_app import create_app
from autotune_service.web.services import Services

_log = logging.getLogger(__name__)
_GRACE_S = 5.0


class PortTakenError(Exception):
    """Something else listens on the port."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Listen on a port before anything slow is started.

    Raises:
        PortTakenError: If something else does.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise PortTakenError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    sock.listen(1024)
    sock.setblocking(False)
    return sock


async def serve(settings: Settings, sock: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve on a socket until SIGINT or SIGTERM.

    Args:
        settings: The settings.
        sock: A listening socket.
        on_ready: Called once requests are answered.
    """
    stopping = _stop_signal()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(database(settings))
        await upgrade(url)
        store = await stack.enter_async_context(_connected(settings, url))
        services = await _services(stack, settings, store, url, stopping)
        if settings.worker:
            await stack.enter_async_context(_background(_worker(stack, settings, store, url), stopping))
        app = create_app(
            services,
            secret=secret_of(settings),
            is_https=settings.mode == "prod",
            max_body_bytes=settings.max_body_bytes,
        )
        await _serve_http(app, services, sock, stopping, on_ready)


async def work(settings: Settings) -> None:
    """Run the worker alone until SIGINT or SIGTERM."""
    stopping = _stop_signal()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(database(settings))
        await upgrade(url)
        store = await stack.enter_async_context(_connected(settings, url))
        await stack.enter_async_context(_background(_worker(stack, settings, store, url), stopping))
        await stopping.wait()


async def migrate(settings: Settings) -> None:
    """Bring the database to the newest tables."""
    async with database(settings) as url:
        await upgrade(url)


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[str]:
    """Give the URL of the database, starting the embedded one where none is set."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    postgres = EmbeddedPostgres(settings.data / "postgres")
    url = await asyncio.to_thread(postgres.start)
    try:
        yield url
    finally:
        await asyncio.to_thread(postgres.stop)


def secret_of(settings: Settings) -> str:
    """Give the secret that signs tokens; in dev mode one is made and kept in the data folder."""
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    path = settings.data / "dev-secret"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Written aside and linked, so that a process that starts beside this one never reads half of it.
        with NamedTemporaryFile("w", dir=path.parent) as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            with suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text()


@asynccontextmanager
async def _connected(settings: Settings, url: str) -> AsyncIterator[Store]:
    store = Store(url, pool_size=settings.database_pool_size, timeout_s=settings.database_timeout_s)
    await store.connect()
    try:
        yield store
    finally:
        await store.disconnect()


async def _services(
    stack: AsyncExitStack, settings: Settings, store: Store, url: str, stopping: asyncio.Event
) -> Services:
    passwords = Passwords()
    stack.callback(passwords.close)
    is_dev = settings.mode == "dev"
    accounts = Accounts(
        store=store,
        passwords=passwords,
        access_tokens=AccessTokens(secret_of(settings), timedelta(seconds=settings.access_token_s)),
        refresh_lifetime=timedelta(seconds=settings.refresh_token_s),
        reserved_emails=frozenset({DEV_EMAIL}),
    )
    if is_dev:
        await accounts.admit_dev_user(DEV_EMAIL, DEV_PASSWORD)
    else:
        await accounts.lock_out(DEV_EMAIL)
    hub = Hub(url)
    await stack.enter_async_context(_background(hub.run(), stopping))
    return Services(store=store, hub=hub, accounts=accounts, ask_wait_s=settings.ask_wait_s)


def _worker(stack: AsyncExitStack, settings: Settings, store: Store, url: str) -> Awaitable[None]:
    pool = Pool(settings.engine_processes, settings.engine_deadline_s)
    stack.push_async_callback(pool.stop)
    name = f"{socket.gethostname()}:{os.getpid()}"
    return Worker(name, store, url, pool).run()


@asynccontextmanager
async def _background(coroutine: Awaitable[None], stopping: asyncio.Event) -> AsyncIterator[None]:
    """Run something beside the block and cancel it at the end.

    If it ends by itself the process stops, and fails with what ended it: half a service would look like a whole one.
    """
    task = asyncio.ensure_future(coroutine)
    task.add_done_callback(lambda _: stopping.set())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def _serve_http(
    app: Quart, services: Services, sock: socket.socket, stopping: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    config = Config()
    config.bind = [f"fd://{sock.detach()}"]
    config.websocket_max_message_size = app.config["MAX_CONTENT_LENGTH"]
    # No pings from here: hypercorn keeps each closed socket until its next one is due. Our client sends its own.
    config.graceful_timeout = _GRACE_S
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")

    async def announce() -> None:
        # The socket listens already: whoever connects from now on is answered.
        on_ready()

    async def stop() -> None:
        await stopping.wait()
        services.hub.close()

    app.before_serving(announce)
    await hypercorn_serve(app, config, shutdown_trigger=stop)


def _stop_signal() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    return stopping
