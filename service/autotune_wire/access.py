"""Who may do what: roles on an experiment, groups, tokens for automation, and the record of who did what."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from autotune_wire.accounts import Email
from autotune_wire.base import Moment, Name, Reply, Request

Role = Literal["viewer", "teller", "editor", "owner"]
"""What somebody may do with an experiment; each role may do what those before it may.

A viewer sees everything; a teller also asks, tells, renews, abandons and undoes; an editor also changes the space,
corrects, pauses, closes and renames; the owner also shares, transfers and deletes.
"""

SharedRole = Literal["viewer", "teller", "editor"]

Scope = Literal["read", "tell", "write", "admin"]
"""What a token may do for its user; each scope allows what those before it allow."""

MAX_TOKENS = 100
MAX_MEMBERS = 1000
MAX_GROUPS = 100


class Share(Request):
    """The body of ``POST /experiment/{exp_uuid}/share``: a role for a person or for a group."""

    email: Email | None = None
    group: Name | None = Field(default=None, description="The name of one of your groups.")
    role: SharedRole

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        _require_one(self.email, self.group)
        return self


class Unshare(Request):
    """The body of ``POST /experiment/{exp_uuid}/unshare``."""

    email: Email | None = None
    group: Name | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        _require_one(self.email, self.group)
        return self


def _require_one(email: str | None, group: str | None) -> None:
    if (email is None) == (group is None):
        raise ValueError("give either email or group")


class Transfer(Request):
    """The body of ``POST /experiment/{exp_uuid}/transfer``: the new owner, who has a role on the experiment already."""

    email: Email


class Member(Reply):
    """Somebody with a role on an experiment, or a group whose people all have it."""

    email: str | None = None
    group: str | None = None
    role: Role
    has_account: bool | None = Field(
        default=None, description="False for an address that was invited and has no account yet; null for a group."
    )


class Members(Reply):
    """All who have a role on an experiment, the owner first, and the caller's own role."""

    exp_uuid: UUID
    role: Role
    members: list[Member]


class NewGroup(Request):
    """The body of ``POST /group``."""

    name: Name


class GroupMember(Request):
    """The body of ``POST /group/{group_uuid}/add`` and ``/remove``."""

    email: Email


class Group(Reply):
    """A group of people, with whom an experiment can be shared as with one."""

    group_uuid: UUID
    name: str
    owner: str
    emails: list[str]


class Groups(Reply):
    """The groups that the caller owns or is in."""

    groups: list[Group]


class NewToken(Request):
    """The body of ``POST /auth/tokens``."""

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)]
    experiments: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = Field(
        default=None, description="The only experiments that the token is for; by default all of the user's."
    )
    expires_in_s: Annotated[int, Field(ge=60, le=10 * 366 * 86_400)] | None = Field(
        default=None, description="Seconds until the token ends; by default it does not."
    )


class TokenInfo(Reply):
    """A token for automation, without its secret."""

    token_uuid: UUID
    name: str
    scopes: list[Scope]
    experiments: list[UUID] | None
    time_created: Moment
    time_expires: Moment | None
    time_last_used: Moment | None


class CreatedToken(TokenInfo):
    """A new token for automation: the only reply that shows its secret."""

    token: str


class TokenList(Reply):
    """The caller's tokens for automation, newest first."""

    tokens: list[TokenInfo]


class Ticket(Reply):
    """Opens one websocket within 30 s, sent as the subprotocol ``ticket.<ticket>`` beside ``autotune``."""

    ticket: str
    expires_in: int = Field(description="Seconds until the ticket ends.")


class AuditQuery(Request):
    """The query string of an audit."""

    after: Annotated[int, Field(ge=0, le=2**53)] | None = Field(default=None, description="The `next` of a page.")
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class AuditEntry(Reply):
    """Who did what from where."""

    number: int
    at: Moment
    by: str | None = Field(description="The address of who did it; null if nobody had signed in, and for a command.")
    way: str = Field(
        description="How they were signed in: token, cookie, basic, automation; command for a command of the operator; "
        "none if they were not."
    )
    address: str | None = Field(description="The network address that the request came from.")
    action: str
    exp_uuid: UUID | None
    account: str | None = Field(
        default=None, description="The address of the account that it was about, if not the account of who did it."
    )
    data: dict[str, Any]


class AuditPage(Reply):
    """Entries of the audit, newest first; ``next`` is the ``after`` of the next page."""

    entries: list[AuditEntry]
    next: int | None
