"""The frames of the websocket: the service sends events and answers, the client sends operations."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from autotune_wire.base import Confidential, Key, Moment, Reply, Request, Text, storable
from autotune_wire.observations import Tell
from autotune_wire.problems import Problem
from autotune_wire.reports import Report
from autotune_wire.suggestions import Abandon, Ask, Renew

EventType = Literal[
    "experiment_created",
    "suggestion_created",
    "suggestion_leased",
    "suggestion_expired",
    "suggestion_abandoned",
    "suggestion_superseded",
    "reported",
    "observation_added",
    "observation_corrected",
    "observation_noted",
    "best_changed",
    "engine_failed",
    "space_changed",
    "candidates_changed",
    "stop_rule_fired",
    "experiment_resumed",
    "experiment_paused",
    "pause_ended",
    "experiment_closed",
    "experiment_reopened",
    "experiment_renamed",
    "experiment_deleted",
    "reset",
]


class Event(Reply):
    """An immutable fact about one experiment; ``seq`` counts from 1 without a gap."""

    seq: int
    type: str = Field(
        description="One of EventType. A newer service may send other types: skip those that you do not know."
    )
    at: Moment
    data: dict[str, Any]


def _id(value: Any) -> Any:
    is_good = isinstance(value, str) and len(value) <= 64
    if not is_good and (isinstance(value, bool) or not isinstance(value, int) or value.bit_length() > 64):
        raise ValueError("must be a whole number of at most 64 bits, or a text of at most 64 characters")
    return storable(value) if isinstance(value, str) else value


Id = Annotated[int | Annotated[str, Field(max_length=64)], BeforeValidator(_id)]


class AuthFrame(Confidential):
    """The first frame of a client that cannot set headers: the client's access token."""

    op: Literal["auth"]
    token: Annotated[Text, Field(max_length=8192)]
    id: Id | None = None


class _OperationFrame(Request):
    id: Id = Field(description="Chosen by the client; the answer to this operation has the same id.")
    key: Key | None = Field(default=None, description="Works as the header Idempotency-Key over HTTP.")


class AskFrame(_OperationFrame, Ask):
    """``POST /experiment/ask`` on the socket."""

    op: Literal["ask"]


class TellFrame(_OperationFrame, Tell):
    """``POST /experiment/tell`` on the socket."""

    op: Literal["tell"]


class RenewFrame(_OperationFrame, Renew):
    """``POST /experiment/{exp_uuid}/renew`` on the socket."""

    op: Literal["renew"]


class AbandonFrame(_OperationFrame, Abandon):
    """``POST /experiment/{exp_uuid}/abandon`` on the socket."""

    op: Literal["abandon"]


class ReportFrame(_OperationFrame, Report):
    """``POST /experiment/{exp_uuid}/report`` on the socket."""

    op: Literal["report"]


Operation = Annotated[AskFrame | TellFrame | RenewFrame | AbandonFrame | ReportFrame, Field(discriminator="op")]


class Answer(Reply):
    """The answer to an operation: ``result`` is the reply of the same call over HTTP, ``problem`` is an error."""

    id: Id | None
    result: dict[str, Any] | None = None
    problem: Problem | None = None


Epoch = Annotated[Text, Field(max_length=64)]


class StreamQuery(Request):
    """The query string of ``/experiment/stream/{exp_uuid}``."""

    after: int = Field(default=0, ge=0, le=2**53, description="The seq of the last event already seen.")
    epoch: Epoch | None = Field(
        default=None,
        description="The event log in which `after` was counted: the value of the header Autotune-Epoch of an earlier "
        "handshake, or of a `reset`. If the log was replaced since, by a backup that was restored or a standby that "
        "took over, the first event is a `reset` with the experiment as it stands now; later events count on from the "
        "seq of the `reset`.",
    )


class UserEvent(Event):
    """An event of one of the user's experiments."""

    exp_uuid: UUID


class Positions(Reply):
    """The first frame of ``/experiment/stream``: the seq of each experiment's last event."""

    positions: dict[UUID, int]


class ResumeFrame(Request):
    """A request for missed events on ``/experiment/stream``: for each experiment, the seq of the last event seen."""

    op: Literal["resume"]
    id: Id
    positions: Annotated[dict[UUID, Annotated[int, Field(ge=0, le=2**53)]], Field(max_length=10_000)]
    epoch: Epoch | None = Field(
        default=None,
        description="The event log in which the positions were counted: the value of the header Autotune-Epoch of an "
        "earlier handshake, or of a `reset`. If the log was replaced since, each of these experiments gets a `reset` "
        "first.",
    )


EPOCH_HEADER = "Autotune-Epoch"

CLOSE_GOING_AWAY = 1012
"""The service restarts: connect again."""
CLOSE_TOO_SLOW = 4008
"""The client read too slowly: connect again after the last event seen."""
CLOSE_TOO_MUCH = 4029
"""Too many frames, or too many sockets of one user."""
CLOSE_UNAUTHENTICATED = 4401
CLOSE_ROLE_CHANGED = 4403
"""The user's role on the experiment has changed: connect again, if there is one left."""
CLOSE_NOT_FOUND = 4404
CLOSE_EXPIRED = 4410
"""The session or the token for automation that opened the socket has expired."""
CLOSE_SIGNED_OUT = 4411
CLOSE_REVOKED = 4412
"""The token was revoked, or a refresh token of its session came twice."""
CLOSE_PASSWORD_CHANGED = 4413
CLOSE_DEACTIVATED = 4414
