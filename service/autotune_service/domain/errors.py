"""Every error that a caller can be told, each with its stable code."""

from collections.abc import Sequence
from typing import Any, ClassVar

from autotune_wire.problems import MAX_PROBLEMS, FieldProblem


class AutotuneError(Exception):
    """The root: an error with a code that programs decide by and a sentence for people."""

    code: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, detail: str, errors: Sequence[FieldProblem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)


class MalformedError(AutotuneError):
    """The body is not what its content type says."""

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
    """No credentials, or none that hold."""

    code = "unauthenticated"
    title = "Sign in first"


class ForbiddenError(AutotuneError):
    """The credentials hold, but not for this."""

    code = "forbidden"
    title = "Not allowed"


class NotFoundError(AutotuneError):
    """There is no such thing, or it is another user's, which must look the same."""

    code = "not_found"
    title = "Not found"


class ConflictError(AutotuneError):
    """The request is valid, but not in the state that the thing is in."""

    code = "conflict"
    title = "Not in this state"


class EmailTakenError(ConflictError):
    """Another user has this address."""

    code = "email_taken"


class ExperimentClosedError(ConflictError):
    """The experiment takes nothing more."""

    code = "experiment_closed"


class ExperimentStoppedError(ConflictError):
    """A stop rule was met: nothing more is proposed until somebody resumes it."""

    code = "experiment_stopped"


class AlreadyToldError(ConflictError):
    """The suggestion has its observation already."""

    code = "already_told"


class NotPendingError(ConflictError):
    """The suggestion is neither open nor leased."""

    code = "not_pending"


class VersionConflictError(ConflictError):
    """What is to be corrected was corrected meanwhile; ``current`` is how it is stored now."""

    code = "version_conflict"

    def __init__(self, detail: str, current: dict[str, Any]) -> None:
        super().__init__(detail)
        self.current = current


class LimitReachedError(ConflictError):
    """There is as much as there may be."""

    code = "limit_reached"


class RequestRunningError(ConflictError):
    """The same request, by its key, is at work just now."""

    code = "request_running"


class KeyReusedError(InvalidError):
    """A key belongs to a request that asked for something else."""

    code = "key_reused"
    title = "This key belongs to another request"


class BatchTooLargeError(InvalidError):
    """A tell brings more than one may; in parts it may come."""

    code = "batch_too_large"
    title = "Too many at once"


class UnavailableError(AutotuneError):
    """Not now; the same request may succeed later."""

    code = "unavailable"
    title = "Not available now"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class BusyError(UnavailableError):
    """Too many wait already."""

    code = "busy"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, retry_after_s=5)


class SuggestionPendingError(UnavailableError):
    """The engine has not finished within the time that an ask waits."""

    code = "suggestion_pending"


class EngineFailedError(UnavailableError):
    """The engine could not answer a question; with newer data, or put again, it may."""

    code = "engine_failed"

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        super().__init__(detail, retry_after_s)
