"""The access token: fetched, and fetched again when it ends."""

from http import HTTPStatus
from threading import Lock

import httpx2
from pydantic import SecretStr

from autotune.errors import ServiceError, unauthenticated
from autotune.transport.credentials import Credentials
from autotune.transport.exchange import exchange
from autotune_wire.accounts import Tokens
from autotune_wire.paths import AUTH_REFRESH, AUTH_TOKEN

_REFUSED = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED}


class TokenSource:
    """Keeps the access token of one user; any thread may ask.

    A token that was given is used as it is. A name and password fetch one, and a refresh token that fetches the next.
    """

    def __init__(self, http: httpx2.Client, credentials: Credentials) -> None:
        self._http = http
        self._credentials = credentials
        self._lock = Lock()
        self._access = credentials.token
        self._refresh: SecretStr | None = None

    def access(self) -> SecretStr:
        """Give the token, after logging in where that is still to do.

        Raises:
            UnauthenticatedError: If name and password do not hold.
            ConnectionFailedError: If the service is not reached.
        """
        with self._lock:
            return self._access or self._log_in()

    def renew(self, refused: SecretStr) -> SecretStr:
        """Give another token than the one that was refused.

        Threads that were refused with the same token share one renewal, as a refresh token holds only once.

        Raises:
            UnauthenticatedError: If there is nothing to fetch another one with, or that does not hold either.
            ConnectionFailedError: If the service is not reached.
        """
        with self._lock:
            if self._access is not None and self._access != refused:
                return self._access
            if self._credentials.password is None:
                raise unauthenticated("the token has ended or does not hold: log in again, or give another one")
            return self._renewed() or self._log_in()

    def _renewed(self) -> SecretStr | None:
        if self._refresh is None:
            return None
        spent, self._refresh = self._refresh, None
        try:
            tokens = exchange(
                self._http, "POST", AUTH_REFRESH, Tokens, json={"refresh_token": spent.get_secret_value()}
            )
        except ServiceError as error:
            if error.status not in _REFUSED:
                raise
            return None
        return self._keep(tokens)

    def _log_in(self) -> SecretStr:
        password = self._credentials.password
        assert password is not None
        form = {"grant_type": "password", "username": self._credentials.username}
        return self._keep(
            exchange(self._http, "POST", AUTH_TOKEN, Tokens, data={**form, "password": password.get_secret_value()})
        )

    def _keep(self, tokens: Tokens) -> SecretStr:
        self._refresh = SecretStr(tokens.refresh_token)
        self._access = SecretStr(tokens.access_token)
        return self._access
