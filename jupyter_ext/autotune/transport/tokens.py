"""The access token: fetched by a login, and fetched again when it has expired."""

from dataclasses import replace
from http import HTTPStatus

from pydantic import SecretStr

from autotune.errors import ServiceError, unauthenticated
from autotune.transport.credentials import Credentials
from autotune.transport.exchange import exchange
from autotune.transport.forks import renew_after_fork
from autotune.transport.http import AnyHttp
from autotune_wire.accounts import Tokens
from autotune_wire.paths import AUTH_REFRESH, AUTH_TOKEN

_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS}
"""How a service says that a refresh token is wrong; it takes a right one also from an address that must wait."""


class TokenSource:
    """Keeps the access token of one user. What may use the pool may use the token source: any thread, or any task.

    A token among the credentials is used as it is. Otherwise username and password fetch an access token, together with
    a refresh token that fetches the next access token.
    """

    def __init__(self, http: AnyHttp, credentials: Credentials | None) -> None:
        self._http = http
        self._credentials = credentials
        self._lock = self._http.new_lock()
        self._access_token = None if credentials is None else credentials.token
        self._refresh_token: SecretStr | None = None
        renew_after_fork(self)

    @property
    def can_sign_in(self) -> bool:
        """Whether another token can be fetched; a token that was given is the only one that there is."""
        return self._credentials is not None and self._credentials.password is not None

    async def access(self) -> SecretStr:
        """Return the access token; log in first if there is none yet.

        Raises:
            UnauthenticatedError: If the username or password is wrong.
            ConnectionFailedError: If the service is not reached.
        """
        async with self._lock:
            return self._access_token or await self._log_in(self._known)

    async def renew(self, refused: SecretStr) -> SecretStr:
        """Return another access token than the one that was refused.

        Callers that were refused with the same token share one renewal, as a refresh token can be used only once.

        Raises:
            UnauthenticatedError: If there is no password to fetch another token with, or the username or password is
                wrong.
            ConnectionFailedError: If the service is not reached.
        """
        async with self._lock:
            if self._access_token is not None and self._access_token != refused:
                return self._access_token
            if not self.can_sign_in:
                raise unauthenticated("the token has expired or is not valid: log in again, or give another token")
            return await self._refreshed() or await self._log_in(self._known)

    def use_password(self, password: SecretStr) -> None:
        """Sign in with another password from now on, if with any."""
        if self._credentials is not None and self._credentials.password is not None:
            self._credentials = replace(self._credentials, password=password)

    def after_fork(self) -> None:
        """Keep the access token, so that a child need not log in, but not what can be used only once."""
        self._lock = self._http.new_lock()
        self._refresh_token = None

    async def _refreshed(self) -> SecretStr | None:
        if self._refresh_token is None:
            return None
        spent, self._refresh_token = self._refresh_token, None
        try:
            tokens = await exchange(
                self._http, "POST", AUTH_REFRESH, Tokens, json={"refresh_token": spent.get_secret_value()}
            )
        except ServiceError as error:
            if error.status not in _REFUSED:
                raise
            return None
        return self._keep(tokens)

    @property
    def _known(self) -> Credentials:
        assert self._credentials is not None
        return self._credentials

    async def _log_in(self, credentials: Credentials) -> SecretStr:
        password = credentials.password
        assert password is not None
        form = {"grant_type": "password", "username": credentials.username}
        return self._keep(
            await exchange(
                self._http, "POST", AUTH_TOKEN, Tokens, data={**form, "password": password.get_secret_value()}
            )
        )

    def _keep(self, tokens: Tokens) -> SecretStr:
        self._refresh_token = SecretStr(tokens.refresh_token)
        self._access_token = SecretStr(tokens.access_token)
        return self._access_token
