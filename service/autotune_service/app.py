"""Assembles a process from database, hub, worker and web server, which start in this order and stop in reverse."""

import asyncio
import errno
import gc
import logging
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar
from uuid import uuid4

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from quart import Quart

from autotune_service.compute.pool import Pool
from autotune_service.compute.worker import Worker
from autotune_service.domain.brakes import BrakeRules
from autotune_service.domain.limits import Limits
from autotune_service.interrupts import ENDINGS
from autotune_service.live.hub import Hub
from autotune_service.live.turns import Turns
from autotune_service.observing.metrics import Load, serve_metrics
from autotune_service.security.keys import KeyRing
from autotune_service.security.password_rules import PasswordRules
from autotune_service.security.passwords import Passwords
from autotune_service.security.tokens import AccessTokens
from autotune_service.settings import DEV_EMAIL, DEV_PASSWORD, GRACE_S, Settings, address_of
from autotune_service.store.backups import backup
from autotune_service.store.backups import restore as backup_restore
from autotune_service.store.backups.backup_file import Say, read_contents
from autotune_service.store.backups.postgres_tools import BackupError
from autotune_service.store.database import Store, share_of
from autotune_service.store.embedded import EmbeddedPostgres, StartCancelledError, has_no_cluster
from autotune_service.store.migrate import upgrade
from autotune_service.store.prod_mark import leave_mark, require_no_mark
from autotune_service.store.rows.load import read_load
from autotune_service.store.server.inspection import Reached, inspect_database, inspect_session
from autotune_service.tuning.accounts import Accounts
from autotune_service.tuning.brakes import Brakes
from autotune_service.tuning.kept import KeptReplies
from autotune_service.tuning.mail import Mail
from autotune_service.tuning.roles import Roles
from autotune_service.tuning.sessions import Sessions
from autotune_service.tuning.stored import StoredBytes
from autotune_service.web.descriptors import AcceptFailures, SocketRoom, descriptor_limit, most_sockets, raise_limit
from autotune_service.web.hosts import Hosts, names_of_listener
from autotune_service.web.hypercorn import guard, one_write
from autotune_service.web.proxies import Proxies
from autotune_service.web.quart_app import create_app
from autotune_service.web.rights import Rights
from autotune_service.web.services import Services

_log = logging.getLogger(__name__)
_BACKLOG = 1024
_UNREAD_MS = 20_000
_SCRAPE_S = 5.0
_T = TypeVar("_T")


class PortTakenError(Exception):
    """Something else listens on the port."""


class CannotListenError(Exception):
    """The address is none that this machine can listen on; the message says why and what to do."""


def bound_socket(host: str, port: int) -> socket.socket:
    """Bind a socket, so that a port on which something listens is noticed before anything slow starts.

    It does not listen yet: a connection that nobody can serve is refused, and a proxy in front takes another replica,
    where one that is kept waiting would hold up its request until the start is over.

    Raises:
        PortTakenError: If something else listens on the port.
        CannotListenError: If this machine cannot listen on the address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise _cannot_listen(host, port, error) from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit the option
        # A peer that reads nothing, not even the closing frame, would keep its connection for ever.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD_MS)
    sock.setblocking(False)
    return sock


def _cannot_listen(host: str, port: int, error: OSError) -> PortTakenError | CannotListenError:
    problem = f"cannot listen on {address_of(host, port)}: {error.strerror}"
    if error.errno == errno.EADDRINUSE:
        return PortTakenError(problem)
    if error.errno == errno.EACCES:
        return CannotListenError(f"{problem}. Ports below 1024 are for root alone: choose another one")
    return CannotListenError(
        f"{problem}. The host must be a name or an address of this machine: 127.0.0.1 to be reached from this machine "
        "alone, 0.0.0.0 from all its networks"
    )


async def serve(settings: Settings, sock: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve on a socket until SIGINT, SIGTERM or SIGHUP.

    Args:
        settings: The settings.
        sock: A bound socket, see ``bound_socket``.
        on_ready: Called as soon as the service replies to requests.
    """
    raise_limit()
    if settings.mode == "prod" and not settings.is_https:
        _log.warning(
            "AUTOTUNE_PLAIN_HTTP is set: cookies, passwords and tokens are sent over plain http, and everybody on the "
            "network can read them; put a proxy with TLS in front of the service, and take the setting away"
        )
    stopping = _stop_signal()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(database(settings, "autotune serve", stopping))
        reached = await _unless(stopping, _migrated(settings, url, serves=True))
        store = await stack.enter_async_context(_connected(settings, reached))
        await stack.enter_async_context(_metrics_port(settings, store))
        services = await _services(stack, settings, store, reached.direct_url, stopping)
        if settings.worker:
            worker = _worker(stack, settings, store, reached.direct_url)
            await stack.enter_async_context(_background(worker, stopping))
        app = create_app(
            services,
            secret=secret_of(settings),
            secrets_before=_secrets(settings)[1:],
            is_https=settings.is_https,
            max_body_bytes=settings.max_body_bytes,
            has_metrics=settings.has_metrics,
            hosts=hosts_of(settings),
            proxies=Proxies(settings.trusted_proxies),
        )
        # What is loaded by now stays: to look through it for garbage again and again would hold up every request.
        gc.collect()
        gc.freeze()
        await _serve_http(app, settings, services, sock, stopping, on_ready)


async def work(settings: Settings) -> None:
    """Run the worker alone until SIGINT, SIGTERM or SIGHUP."""
    raise_limit()
    stopping = _stop_signal()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(database(settings, "autotune worker", stopping))
        reached = await _unless(stopping, _migrated(settings, url))
        store = await stack.enter_async_context(_connected(settings, reached))
        await stack.enter_async_context(_metrics_port(settings, store))
        worker = _worker(stack, settings, store, reached.direct_url)
        await stack.enter_async_context(_background(worker, stopping))
        await stopping.wait()


async def use_accounts(settings: Settings, command: str, use: Callable[[Accounts], Awaitable[None]]) -> None:
    """Have the accounts of a service used by a command; services may run meanwhile."""

    async def of_store(store: Store) -> None:
        passwords = Passwords()
        try:
            await use(accounts_of(settings, store, passwords, Mail()))
        finally:
            passwords.close()

    await use_store(settings, command, of_store)


async def migrate(settings: Settings) -> None:
    """Migrate the database to the newest schema."""
    _cancel_on_signals()
    async with database(settings, "autotune migrate") as url:
        await _migrated(settings, url)


async def use_store(settings: Settings, command: str, use: Callable[[Store], Awaitable[None]]) -> None:
    """Have the database of a service used by a command; services may run meanwhile."""
    _cancel_on_signals()
    async with database(settings, command) as url:
        reached = await _migrated(settings, url)
        async with _connected(settings, reached) as store:
            await use(store)


async def _migrated(settings: Settings, url: str, *, serves: bool = False) -> Reached:
    reached = await inspect_database(url, *other_url(settings))
    if serves and settings.mode == "dev":
        await require_no_mark(reached.direct_url)
    await upgrade(reached.direct_url)
    if serves and settings.mode == "prod":
        await leave_mark(reached.direct_url)
    return reached


async def check_backup(file: Path) -> None:
    """Check that a file can be restored by this version, before anything else is touched.

    Raises:
        BackupError: If the file is no backup.
        VersionError: If it is of a newer version.
    """
    await read_contents(file)


async def back_up(settings: Settings, file: Path, say: Say) -> None:
    """Write AutoTune's tables to a file.

    Raises:
        BackupError: If the backup cannot be made; the message says why.
    """
    _cancel_on_signals()
    _require_data(settings)
    async with database(settings, "autotune backup") as url:
        await backup.back_up(await inspect_session(url, *other_url(settings)), file, say)


async def restore(settings: Settings, file: Path, say: Say, *, replace: bool) -> None:
    """Restore AutoTune's tables from a backup file.

    Raises:
        BackupError: If the backup cannot be restored; the message says why.
    """
    _cancel_on_signals()
    async with database(settings, "autotune restore") as url:
        session_url = await inspect_session(url, *other_url(settings))
        await backup_restore.restore(session_url, file, say, replace=replace)


@asynccontextmanager
async def database(settings: Settings, command: str, stopping: asyncio.Event | None = None) -> AsyncIterator[str]:
    """Yield the URL of the database; if no database is set, run the embedded Postgres for as long as the block runs.

    A service owns the data folder alone; other commands share the Postgres of a service that has it.

    Args:
        settings: The settings.
        command: What the user runs.
        stopping: Set when the process is to stop. Set here if the embedded Postgres cannot be kept running.

    Raises:
        StartCancelledError: If the process is to stop before the embedded Postgres has started.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    stopping = stopping or asyncio.Event()
    postgres = EmbeddedPostgres(cluster_of(settings), command, shares=command != "autotune serve")
    try:
        url = await _unless(stopping, asyncio.to_thread(postgres.start), postgres.cancel)
        async with _background(postgres.keep_running(), stopping):
            yield url
    finally:
        await asyncio.to_thread(postgres.stop)


async def _unless(
    stopping: asyncio.Event, coroutine: Coroutine[Any, Any, _T], cancel: Callable[[], object] | None = None
) -> _T:
    """Return what a step of the start returns; cancel the step if the process is to stop before its end.

    Args:
        stopping: Set when the process is to stop.
        coroutine: The step.
        cancel: What ends a step that its own cancellation would not end, as one in another thread.

    Raises:
        StartCancelledError: If the process is to stop.
    """
    starting = asyncio.create_task(coroutine)
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        if not starting.done():
            (cancel or starting.cancel)()
            await asyncio.wait([starting])
            if not starting.cancelled():
                starting.exception()  # else asyncio would log it where this task is cancelled too
    if starting.cancelled():
        raise StartCancelledError
    return starting.result()


def cluster_of(settings: Settings) -> Path:
    """Return the folder of the embedded Postgres."""
    return settings.data / "postgres"


def _require_data(settings: Settings) -> None:
    """Refuse an embedded Postgres that is still to be made, as for a mistyped folder."""
    if settings.database_url is None and has_no_cluster(cluster_of(settings)):
        raise BackupError(
            f"{settings.data} has no database of AutoTune, so there is nothing to back up: choose the folder of a "
            "service with --data, or set AUTOTUNE_DATABASE_URL"
        )


def other_url(settings: Settings) -> tuple[str | None, str]:
    """Return the direct URL, if there is one, and where the URL of the database stands."""
    direct = settings.database_direct_url
    source = "the embedded Postgres's URL" if settings.database_url is None else "AUTOTUNE_DATABASE_URL"
    return None if direct is None else direct.get_secret_value(), source


def _secrets(settings: Settings) -> list[str]:
    """Return the secret that signs tokens, and the one before it, if that is still accepted."""
    before = settings.secret_before
    return [secret_of(settings), *(() if before is None else (before.get_secret_value(),))]


def hosts_of(settings: Settings) -> Hosts:
    """Return the names under which the service is reached: those that are set, or those of where it listens."""
    here = () if settings.allowed_hosts else names_of_listener(settings.host)
    return Hosts(settings.allowed_hosts, here=here, is_https=settings.is_https)


def secret_of(settings: Settings) -> str:
    """Return the secret that signs tokens; in dev mode it is created once and kept in the data folder."""
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    path = settings.data / "dev-secret"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        # Written to a temporary file and then linked: a process that starts at the same time never reads half a secret.
        with NamedTemporaryFile("w", dir=path.parent) as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            if os.geteuid() == 0:  # one start with sudo must not lock the folder's owner out
                owner = path.parent.stat()
                os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            with suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text()


@asynccontextmanager
async def _connected(settings: Settings, reached: Reached) -> AsyncIterator[Store]:
    store = Store(
        reached.url,
        pool_size=settings.database_pool_size,
        timeout_s=settings.database_timeout_s,
        is_shared=reached.is_shared,
    )
    await store.connect()
    try:
        yield store
    finally:
        await store.disconnect()


@asynccontextmanager
async def _metrics_port(settings: Settings, store: Store) -> AsyncIterator[None]:
    if settings.metrics_port is None:
        yield
        return
    host, port = settings.metrics_host, settings.metrics_port
    loop = asyncio.get_running_loop()

    def read() -> Load:
        return asyncio.run_coroutine_threadsafe(read_load(store), loop).result(_SCRAPE_S)

    try:
        stop = serve_metrics(host, port, read)
    except OSError as error:
        raise _cannot_listen(host, port, error) from None
    try:
        yield
    finally:
        await asyncio.to_thread(stop)


async def _services(
    stack: AsyncExitStack, settings: Settings, store: Store, url: str, stopping: asyncio.Event
) -> Services:
    passwords = Passwords()
    stack.callback(passwords.close)
    is_dev = settings.mode == "dev"
    # A code must not get into a log that others read; in dev mode the terminal is the user's own.
    accounts = accounts_of(settings, store, passwords, Mail(partial(print, flush=True) if is_dev else None))
    ring = KeyRing.of(_secrets(settings), "access tokens")
    sessions = Sessions(
        store=store,
        access_tokens=AccessTokens(ring, timedelta(seconds=settings.access_token_s)),
        refresh_lifetime=timedelta(seconds=settings.refresh_token_s),
    )
    if is_dev:
        await accounts.admit_dev_user(DEV_EMAIL, DEV_PASSWORD)
    else:
        await accounts.lock_out(DEV_EMAIL)
    hub = Hub(url, store.log, settings.max_waiting, settings.waiting_per_user)
    await stack.enter_async_context(_background(hub.run(), stopping))
    n_children = settings.engine_processes if settings.worker else 0
    room = SocketRoom(most_sockets(descriptor_limit(), settings.database_pool_size, n_children))
    room.warn_if_small(settings.sockets_per_user)
    limits = _limits(settings)
    services = Services(
        store=store,
        hub=hub,
        accounts=accounts,
        sessions=sessions,
        roles=Roles(store),
        rights=Rights(store),
        has_basic=settings.basic_auth,
        ask_wait_s=settings.ask_wait_s,
        mode=settings.mode,
        sockets_per_user=settings.sockets_per_user,
        room=room,
        turns=Turns(share_of(settings.database_pool_size), settings.requests_per_user),
        limits=limits,
        kept=KeptReplies(limits),
        stored=StoredBytes(limits),
    )
    stack.push_async_callback(services.imports.stop)
    stack.callback(services.bodies.stop)
    return services


def _limits(settings: Settings) -> Limits:
    return Limits(
        experiments=settings.max_experiments,
        observations=settings.max_observations,
        reports=settings.max_reports,
        batch=settings.max_batch,
        waiting=settings.max_waiting,
        waiting_each=settings.waiting_per_user,
        questions_each=settings.questions_per_user,
        stored_bytes=settings.bytes_per_user,
        answers=settings.answers_per_user,
        answer_bytes=settings.answer_bytes_per_user,
        space_revisions=settings.space_revisions,
    )


def accounts_of(settings: Settings, store: Store, passwords: Passwords, mail: Mail) -> Accounts:
    """Build the accounts as the settings say."""
    rules = BrakeRules(
        attempts=settings.sign_in_attempts,
        forget_s=settings.sign_in_forget_s,
        pause_s=settings.sign_in_pause_s,
        longest_pause_s=settings.sign_in_longest_pause_s,
    )
    return Accounts(
        store=store,
        passwords=passwords,
        brakes=Brakes(store, rules),
        mail=mail,
        reserved_emails=frozenset({DEV_EMAIL}),
        password_rules=PasswordRules(settings.least_password),
        sign_up_mode=settings.sign_up_mode,
        is_trusting=settings.mode == "dev",
    )


def _worker(stack: AsyncExitStack, settings: Settings, store: Store, url: str) -> Awaitable[None]:
    pool = Pool(settings.engine_processes, settings.engine_deadline_s)
    stack.push_async_callback(pool.stop)
    name = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"  # in containers, all may have process id 1
    return Worker(name, store, url, pool, _limits(settings)).run()


@asynccontextmanager
async def _background(coroutine: Awaitable[None], stopping: asyncio.Event) -> AsyncIterator[None]:
    """Run a coroutine while the block runs, and cancel the coroutine at the end.

    If the coroutine ends by itself, the process stops and raises the coroutine's exception, because a service
    whose worker or hub has ended would still look healthy from outside.
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
    app: Quart,
    settings: Settings,
    services: Services,
    sock: socket.socket,
    stopping: asyncio.Event,
    on_ready: Callable[[], None],
) -> None:
    config = Config()
    config.backlog = _BACKLOG
    try:
        sock.listen(_BACKLOG)
    except OSError as error:
        address = address_of(settings.host, sock.getsockname()[1])
        raise CannotListenError(
            f"cannot listen on {address}: {error.strerror}. Something else has begun to listen there meanwhile: stop "
            "it, or choose another port"
        ) from None
    config.bind = [f"fd://{sock.detach()}"]
    config.websocket_max_message_size = app.config["MAX_CONTENT_LENGTH"]
    # The guard pings websockets, as hypercorn's own pings keep each closed socket until the next ping is due.
    guard.install(settings.ping_s, settings.silent_s, settings.max_body_bytes)
    one_write.install()
    config.graceful_timeout = GRACE_S
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")

    async def announce() -> None:
        # The socket listens already: every request from now on gets a reply.
        on_ready()

    async def stop() -> None:
        await stopping.wait()
        services.hub.close()

    app.before_serving(announce)
    asyncio.get_running_loop().set_exception_handler(partial(_report, AcceptFailures()))
    await hypercorn_serve(app, config, shutdown_trigger=stop)


def _report(accepting: AcceptFailures, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
        accepting.note(error)
        return
    # A peer that reads nothing is dropped at the end, by cancelling its task. The asyncio streams of Python 3.11 report
    # the cancelled task as an error.
    if not isinstance(error, asyncio.CancelledError):
        loop.default_exception_handler(context)


def _stop_signal() -> asyncio.Event:
    stopping = asyncio.Event()
    _on_signals((signal.SIGINT, *ENDINGS), stopping.set)
    return stopping


def _cancel_on_signals() -> None:
    """Cancel this task on a signal that would end the process at once, and leave a Postgres behind."""
    task = asyncio.current_task()
    assert task is not None, "only a coroutine calls this"
    _on_signals(ENDINGS, task.cancel)


def _on_signals(numbers: Iterable[signal.Signals], call: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            loop.add_signal_handler(number, call)
