"""Clients that travel in a pickle, without their secrets: where one arrives it logs in with the environment's."""

import os
from collections.abc import Mapping

from pydantic import SecretStr

from autotune.errors import InvalidInputError
from autotune.transport.credentials import find_credentials, find_url, secret
from autotune.transport.exchange import exchange
from autotune.transport.http import Http
from autotune.transport.tokens import TokenSource
from autotune_wire.accounts import HeaderMe
from autotune_wire.paths import AUTH_HEADER_ME

_SECRETS = ("AUTOTUNE_TOKEN", "AUTOTUNE_USERNAME", "AUTOTUNE_PASSWORD")
_WHAT_TO_SET = "set AUTOTUNE_TOKEN, or AUTOTUNE_USERNAME and AUTOTUNE_PASSWORD, in its environment"


class TokensOfEnvironment(TokenSource):
    """The tokens of a client that was unpickled: at the first use the environment's credentials log in.

    Nothing is looked up before, because an error while a pickle is read ends the worker of a process pool.
    """

    def __init__(self, http: Http, username: str) -> None:
        super().__init__(http, None)
        self._username = username

    async def access(self) -> SecretStr:
        """Return the access token, as ``TokenSource.access`` does.

        Raises:
            InvalidInputError: If the environment has no credentials, those of another user than the one who pickled
                the client, or the address of another service.
        """
        async with self._lock:
            if self._credentials is None:
                await self._log_in_anew()
        return await super().access()

    async def _log_in_anew(self) -> None:
        who = f"the client of {self._username} at {self._http.url} came to this process in a pickle, without secrets"
        # The pickle names the address. A password goes only where its own environment sends it.
        if os.environ.get("AUTOTUNE_URL") and (own_url := find_url(None)) != self._http.url:
            raise InvalidInputError(
                f"{who}, and its environment has credentials for {own_url}: set AUTOTUNE_URL to the client's address"
            )
        try:
            credentials = find_credentials(None, None, None)
        except InvalidInputError:
            raise InvalidInputError(f"{who}: {_WHAT_TO_SET}") from None
        self._access_token = credentials.token or await self._log_in(credentials)
        found = (await exchange(self._http, "POST", AUTH_HEADER_ME, HeaderMe, token=self._access_token)).username
        if found != self._username:
            self._access_token = None
            raise InvalidInputError(f"{who}, and its environment logs in {found}: {_WHAT_TO_SET}, of {self._username}")
        self._credentials = credentials


def secrets_of(environ: Mapping[str, str] = os.environ) -> tuple[SecretStr | None, ...]:
    """Return the credentials of the environment as they are, none of them checked."""
    return tuple(secret(environ.get(name)) for name in _SECRETS)
