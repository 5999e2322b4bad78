"""The service's address and the user's credentials, from arguments or else from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from autotune.errors import InvalidInputError

DEFAULT_URL = "http://127.0.0.1:8008"
NO_CREDENTIALS = (
    "no credentials: give token, or username and password, or set AUTOTUNE_TOKEN, "
    "or AUTOTUNE_USERNAME and AUTOTUNE_PASSWORD, in the environment"
)


@dataclass(frozen=True)
class Credentials:
    """A token, or a username and password that fetch one. Secrets are wrapped, so no repr or traceback shows them."""

    token: SecretStr | None = None
    username: str | None = None
    password: SecretStr | None = None

    def __post_init__(self) -> None:
        has_login = self.username is not None and self.password is not None
        if self.token is None and not has_login:
            raise InvalidInputError(NO_CREDENTIALS)
        if self.token is not None and not _fits_header(self.token):
            # Refused here, because the error of the HTTP library would show the token.
            raise InvalidInputError("the token holds characters that are not allowed in a token; copy the token again")


def find_credentials(
    token: SecretStr | None, username: str | None, password: SecretStr | None, environ: Mapping[str, str] = os.environ
) -> Credentials:
    """Build credentials from what is given, and from the environment for what is not given.

    Raises:
        InvalidInputError: If there is neither a token nor a username with its password, if both a token and a username
            are given, or if the token holds characters that are not allowed.
    """
    if token is not None and username is not None:
        raise InvalidInputError("give a token, or a username and password, not both")
    if token is None and username is None:
        token = secret(environ.get("AUTOTUNE_TOKEN"))
    if token is not None:
        return Credentials(token=token)
    return Credentials(
        username=username or environ.get("AUTOTUNE_USERNAME"),
        password=password or secret(environ.get("AUTOTUNE_PASSWORD")),
    )


def secret(text: str | None) -> SecretStr | None:
    """Wrap a secret; an empty text counts as no secret."""
    return SecretStr(text) if text else None


def find_url(url: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Find the service's address, check it, and strip the slash at its end.

    Raises:
        InvalidInputError: If the address is not an http or https address, or holds a username and password.
    """
    text = url or environ.get("AUTOTUNE_URL") or DEFAULT_URL
    try:
        parts = urlsplit(text)
        has_host, has_user = bool(parts.hostname), "@" in parts.netloc
    except ValueError:
        has_host = has_user = False
    if has_user:
        raise InvalidInputError("the address must hold no username or password, because addresses are written to logs")
    if not has_host or parts.scheme not in {"http", "https"} or parts.query or parts.fragment:
        raise InvalidInputError(f"{text!r} is no address of a service; an address looks like {DEFAULT_URL}")
    return text.rstrip("/")


def _fits_header(token: SecretStr) -> bool:
    text = token.get_secret_value()
    return text.isascii() and text.isprintable() and " " not in text
