"""Users and their tokens."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from autotune_wire.base import Moment, Reply, Request, Text

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 200


def _mail(text: str) -> str:
    # Checks only what every address has. Whether an address exists shows only when a mail is sent to it.
    local, at, host = text.partition("@")
    if not (at and local and host) or "@" in host or any(character.isspace() for character in text):
        raise ValueError("must be a mail address, as in name@host")
    return text.lower()


Email = Annotated[Text, Field(min_length=3, max_length=254), AfterValidator(_mail)]
Password = Annotated[Text, Field(min_length=MIN_PASSWORD_LENGTH, max_length=MAX_PASSWORD_LENGTH)]


class Signup(Request):
    """The body of ``POST /user/signup``."""

    email: Email
    password: Password


class User(Reply):
    """A user as the service returns it."""

    uuid: UUID
    email: str
    active: bool
    time_created: Moment


class PasswordForm(Request):
    """The OAuth2 password form (RFC 6749, section 4.3.2); ``grant_type`` is optional."""

    username: Annotated[Text, Field(max_length=254)]
    password: Annotated[Text, Field(max_length=MAX_PASSWORD_LENGTH)]
    grant_type: Literal["password"] = "password"
    scope: Annotated[Text, Field(max_length=200)] = ""
    client_id: Annotated[Text, Field(max_length=200)] | None = None
    client_secret: Annotated[Text, Field(max_length=200)] | None = None


class Refresh(Request):
    """The body of ``POST /auth/refresh``."""

    refresh_token: Annotated[Text, Field(min_length=1, max_length=200)]


class Tokens(Reply):
    """An access token, and a refresh token that can be traded once for new tokens."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 -- the name of a scheme, no secret
    expires_in: int = Field(description="Seconds until the access token expires.")
    refresh_token: str


class HeaderMe(Reply):
    """The user whose access token the Authorization header bears."""

    username: str
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 -- the name of a scheme, no secret
