"""The async client: one user's experiments on one service, for programs that await."""

import builtins
from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

from autotune.asynchronous.experiment import AsyncExperiment
from autotune.asynchronous.groups import AsyncGroup
from autotune.calls.grouping import GroupList
from autotune.calls.of_client import ClientCalls, ExperimentList, check_login
from autotune.client import TIMEOUT_S, Client
from autotune.inputs.checks import parsed_uuid
from autotune.transport.connection import AsyncConnection
from autotune.transport.coroutines import awaited, awaited_as
from autotune.transport.credentials import Credentials, find_credentials, find_url, secret
from autotune.transport.http import AsyncHttp
from autotune.transport.tokens import TokenSource

T = TypeVar("T")


class AsyncClient(ClientCalls[AsyncConnection, AsyncExperiment, AsyncGroup]):
    """A logged-in user of one service, with the calls of ``Client``, which describes them, to be awaited.

    An async client belongs to the event loop in which it was opened; its tasks may use it at the same time.
    """

    _experiment_type = AsyncExperiment
    _group_type = AsyncGroup

    new = awaited_as(AsyncExperiment, Client.new)
    from_ax = awaited_as(AsyncExperiment, Client.from_ax)
    from_optuna = awaited_as(AsyncExperiment, Client.from_optuna)
    tokens = awaited(Client.tokens)
    new_token = awaited(Client.new_token)
    revoke_token = awaited(Client.revoke_token)
    new_group = awaited_as(AsyncGroup, Client.new_group)
    audit = awaited(Client.audit)
    change_password = awaited(Client.change_password)

    async def experiment(self, exp_uuid: UUID | str) -> AsyncExperiment:
        """Fetch the experiment with this uuid, as ``Client.experiment``."""
        return await self._experiment(parsed_uuid(exp_uuid))

    async def list(self, limit: int | None = None) -> ExperimentList[AsyncExperiment]:
        """Fetch the user's experiments, newest first: all, or the ``limit`` newest."""
        return await self._list(limit)

    async def names(self, timeout_s: float) -> builtins.list[str]:
        """Fetch the names of the newest experiments, as ``Client.names``."""
        return await self._names(timeout_s)

    async def groups(self) -> GroupList[AsyncGroup]:
        """Fetch the groups that you own or are in."""
        return await self._groups()

    async def log_out(self) -> None:
        """End your session on the service and close this client, as ``Client.log_out``."""
        await self._end_session()
        await self.close()

    async def close(self) -> None:
        """Close the connections; the experiments of this client cannot be used any more."""
        await self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: builtins.type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _do(self, coroutine: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        return coroutine


class Connecting:
    """A connection that is about to be opened: await it for the client, or open it with ``async with``."""

    def __init__(self, url: str, credentials: Credentials, timeout_s: float) -> None:
        self._url = url
        self._credentials = credentials
        self._timeout_s = timeout_s
        self._client: AsyncClient | None = None

    def __await__(self) -> Generator[Any, None, AsyncClient]:
        return self._open().__await__()

    async def __aenter__(self) -> AsyncClient:
        self._client = await self._open()
        return self._client

    async def __aexit__(self, *_error: object) -> None:
        assert self._client is not None
        await self._client.close()

    async def _open(self) -> AsyncClient:
        http = AsyncHttp(self._url)
        connection = AsyncConnection(http, TokenSource(http, self._credentials), self._timeout_s)
        try:
            await check_login(connection)
        except BaseException:
            await connection.close()
            raise
        return AsyncClient(connection)


def aconnect(
    url: str | None = None,
    *,
    token: str | None = None,
    username: str | None = None,
    password: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Connecting:
    """Connect to a service as ``connect`` does, for programs that await.

    ``async with autotune.aconnect() as client:`` closes the client at the end; ``client = await autotune.aconnect()``
    leaves that to ``await client.close()``. The arguments and the errors are those of ``connect``.
    """
    wrapped_token, wrapped_password = secret(token), secret(password)
    # Tracebacks that show local variables would show these secrets.
    del token, password
    return Connecting(find_url(url), find_credentials(wrapped_token, username, wrapped_password), timeout_s)
