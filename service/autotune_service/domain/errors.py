"""The errors that a caller of the service can get, each with its stable code."""

from collections.abc import Sequence
from typing import Any, ClassVar

from autotune_wire.problems import MAX_PROBLEMS, FieldProblem


class AutotuneError(Exception):
    """The base class: an error with a code for programs and a sentence for people.

    Attributes:
        code: Names the kind of error; a code never changes.
        title: Names the kind of error for people, the same sentence each time.
        detail: Describes this error for people.
        errors: One problem for each field that is wrong; empty if the error is not about fields.
    """

    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, errors: Sequence[FieldProblem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class MalformedError(AutotuneError):
    """The body cannot be read as its content type."""

    code = "malformed"
    title = "The body cannot be read"


class InvalidError(AutotuneError):
    """A field is missing, unknown, of the wrong type or outside what is allowed."""

    code = "invalid"
    title = "A field is not valid"

    @classmethod
    def of(cls, errors: Sequence[FieldProblem]) -> "InvalidError":
        """Build the error whose detail is the first of the field problems."""
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        return cls(f"{first.field or 'body'}: {first.message}{more}", errors[:MAX_PROBLEMS])


class UnauthenticatedError(AutotuneError):
    """The request has no credentials, or credentials that are not valid."""

    code = "unauthenticated"
    title = "Sign in first"


class UnknownSecretError(UnauthenticatedError):
    """A token or a code is none that was ever given out, or that is remembered: whoever sent it may be guessing."""


class ForbiddenError(AutotuneError):
    """The credentials are valid but do not allow this request."""

    code = "forbidden"
    title = "Not allowed"


class SignUpClosedError(ForbiddenError):
    """The operator makes the accounts of this service."""

    code = "sign_up_closed"


class InvitationError(ForbiddenError):
    """Sign-up needs an invitation, and this one is missing, of another address, used or expired."""

    code = "invitation_needed"


class NotFoundError(AutotuneError):
    """Nothing with this name exists, or another user owns it; both must look the same to the caller."""

    code = "not_found"
    title = "Not found"


class ConflictError(AutotuneError):
    """The request is valid but not possible in the current state of the experiment, suggestion or user."""

    code = "conflict"
    title = "Not in this state"


class EmailTakenError(ConflictError):
    """Another user has this email address."""

    code = "email_taken"


class ExperimentClosedError(ConflictError):
    """The experiment is closed and takes no more asks and tells."""

    code = "experiment_closed"


class ExperimentStoppedError(ConflictError):
    """A stop rule was met: the experiment gets no more suggestions until somebody resumes it."""

    code = "experiment_stopped"


class ExperimentPausedError(ConflictError):
    """Somebody has paused the experiment: it gets no more suggestions until somebody resumes it."""

    code = "experiment_paused"


class NoCandidatesError(ConflictError):
    """No row of the experiment's list can be suggested: all are withdrawn, or those that are left break constraints."""

    code = "no_candidates"


class AlreadyToldError(ConflictError):
    """The suggestion has its observation already."""

    code = "already_told"


class NothingToUndoError(ConflictError):
    """The user told fewer observations that still count than were to be undone."""

    code = "nothing_to_undo"


class NotPendingError(ConflictError):
    """The suggestion is neither open nor leased."""

    code = "not_pending"


class VersionConflictError(ConflictError):
    """Somebody else corrected the observation meanwhile; ``current`` is the observation as stored now."""

    code = "version_conflict"

    def __init__(self, detail: str, current: dict[str, Any]) -> None:
        super().__init__(detail)
        self.current = current


class LimitReachedError(ConflictError):
    """The request would go beyond a limit of the service."""

    code = "limit_reached"


class RequestRunningError(ConflictError):
    """A request with the same key is still running."""

    code = "request_running"


class KeyReusedError(InvalidError):
    """The key of this request was used before, for a request that asked for something else."""

    code = "key_reused"
    title = "This key belongs to another request"


class BatchTooLargeError(InvalidError):
    """A tell has more observations than one tell may have; several smaller tells are accepted."""

    code = "batch_too_large"
    title = "Too many at once"


class UnavailableError(AutotuneError):
    """The service cannot do this now; the same request may succeed after ``retry_after_s`` seconds."""

    code = "unavailable"
    title = "Not available now"

    def __init__(self, detail: str, retry_after_s: int = 5) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class BusyError(UnavailableError):
    """Too many requests or questions are waiting already."""

    code = "busy"


class TooManySocketsError(BusyError):
    """The process has no descriptors left for another websocket."""


class SuggestionPendingError(UnavailableError):
    """The engine has not finished within the time that an ask waits."""

    code = "suggestion_pending"


class TooManyError(AutotuneError):
    """The caller has all of its share; the same request may succeed after ``retry_after_s`` seconds.

    Others are served meanwhile.
    """

    code = "too_many"
    title = "Too much at once"

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class EngineFailedError(UnavailableError):
    """The engine failed. The same request would fail again until newer data are told."""

    code = "engine_failed"

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail, retry_after_s)


class EngineFailingError(EngineFailedError):
    """The engine failed, and after ``retry_after_s`` seconds it is tried again, which may well succeed."""

    code = "engine_failing"
