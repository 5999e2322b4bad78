"""Users and their tokens."""

import unicodedata
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from autotune_wire.base import Confidential, Moment, Reply, Request, Text

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 200


def _mail(text: str) -> str:
    # Checks only what every address has. Whether an address exists shows only when a mail is sent to it.
    local, at, host = text.partition("@")
    if not (at and local and host) or "@" in host or any(character.isspace() for character in text):
        raise ValueError("must be a mail address, as in name@host")
    return text.lower()


def _seen(text: str) -> str:
    # Otherwise two addresses look the same to people, and a list of them says to a terminal what it should do.
    if unicodedata.normalize("NFKC", text) != text or any(unicodedata.category(one)[0] == "C" for one in text):
        raise ValueError("must be written in characters that are seen, each in its usual form")
    return text


GivenEmail = Annotated[Text, Field(min_length=3, max_length=254), AfterValidator(_mail)]
"""An address that was taken before, under the rules of then."""

Email = Annotated[Text, Field(min_length=3, max_length=254), AfterValidator(_seen), AfterValidator(_mail)]
Password = Annotated[Text, Field(min_length=MIN_PASSWORD_LENGTH, max_length=MAX_PASSWORD_LENGTH)]
"""A new password. A service may want more characters, and refuses passwords that are easy to guess."""

GivenPassword = Annotated[Text, Field(max_length=MAX_PASSWORD_LENGTH)]
"""A password that was chosen before, under the rules of then."""

Code = Annotated[Text, Field(min_length=1, max_length=200)]
"""A code that works once: of an invitation, or to reset a password."""


class Signup(Confidential):
    """The body of ``POST /user/signup``."""

    email: Email
    password: Password
    invitation: Code | None = Field(
        default=None, description="The code of an invitation to this address; needed where sign-up is by invitation."
    )


class User(Reply):
    """A user as the service returns it."""

    uuid: UUID
    email: str
    active: bool
    time_created: Moment
    admin: bool = Field(default=False, description="Whether the user may invite, list and deactivate others.")


class UserPage(Reply):
    """A page of users, in the order in which they signed up."""

    users: list[User]
    next: str | None = Field(description="The `after` of the next page; none on the last page.")


class PasswordChange(Confidential):
    """The body of ``POST /user/password``."""

    old_password: GivenPassword
    new_password: Password
    revoke_tokens: bool = Field(
        default=False, description="Whether your tokens for automation end too; by default robots go on."
    )


class PasswordReset(Confidential):
    """The body of ``POST /user/reset``."""

    code: Code
    new_password: Password


class Confirmation(Confidential):
    """The body of requests that end one's own account: the password, as a confirmation."""

    password: GivenPassword


class UserDelete(Request):
    """The body of ``POST /user/{user_uuid}/delete``: the user's address, as a confirmation."""

    email: GivenEmail


class Invite(Request):
    """The body of ``POST /user/invitations``."""

    email: Email


class OneTimeCode(Reply):
    """A code that works once; the service shows it this once and keeps only its hash."""

    email: str = Field(description="The address of who may use the code.")
    code: str
    time_expires: Moment


class OpenSession(Reply):
    """A browser that is logged in."""

    time_expires: Moment


class ExperimentLink(Reply):
    """An experiment of the user, and the path of its export."""

    exp_uuid: UUID
    name: str
    state: str
    n_observations: int
    time_created: Moment
    export: str = Field(description="The path of the experiment's export, which has all that is stored of it.")


class UserExport(Reply):
    """All that is stored of a user; each experiment has an export of its own."""

    user: User
    time_exported: Moment
    sessions: list[OpenSession]
    experiments: list[ExperimentLink]


class PasswordForm(Confidential):
    """The OAuth2 password form (RFC 6749, section 4.3.2); ``grant_type`` is optional."""

    username: Annotated[Text, Field(max_length=254)]
    password: GivenPassword
    grant_type: Literal["password"] = "password"
    scope: Annotated[Text, Field(max_length=200)] = ""
    client_id: Annotated[Text, Field(max_length=200)] | None = None
    client_secret: Annotated[Text, Field(max_length=200)] | None = None


class Refresh(Confidential):
    """The body of ``POST /auth/refresh``."""

    refresh_token: Annotated[Text, Field(min_length=1, max_length=200)]


class Tokens(Reply):
    """An access token, and a refresh token that can be traded once for new tokens."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int = Field(description="Seconds until the access token expires.")
    refresh_token: str


class HeaderMe(Reply):
    """The user whose access token the Authorization header bears."""

    username: str
    access_token: str
    token_type: Literal["bearer"] = "bearer"
