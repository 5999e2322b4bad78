"""The errors of the client. The class of an error follows from status and code, never from a message's text."""

from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from autotune.views.shown import Observation
from autotune_wire.problems import FieldProblem, Problem, field_problems


class AutotuneError(Exception):
    """The base class of the client's errors. They can be copied and pickled, as on the way out of a process pool."""

    def __reduce__(self) -> tuple[Any, ...]:
        # By default a copy is made by calling the class with the message, which is not what these classes take.
        return _again, (type(self), self.args), self.__dict__

    def _render_traceback_(self) -> list[str]:
        # IPython shows these lines in place of the traceback: the client's own frames help nobody in a notebook.
        return [f"{type(self).__name__}: {self}", *notes_of(self)]


class InvalidInputError(AutotuneError, ValueError):
    """The input is not valid; the client found this before it sent anything."""

    def __init__(self, detail: str, errors: list[FieldProblem] | None = None) -> None:
        self.errors = errors or []
        super().__init__("\n".join([detail, *map(_problem_line, self.errors)]))

    @classmethod
    def of(cls, subject: str, error: ValidationError) -> "InvalidInputError":
        """Build the error of a failed validation: a line for each field, in the words of the service."""
        return cls(f"{subject} is not valid:", field_problems(error))


class RunFailed(Exception):  # noqa: N818 -- raised by the function that is tuned: an outcome of a run, not an error
    """A run gave no response. The function given to ``run`` raises this; ``run`` tells the failure and goes on."""


class RunStopped(Exception):  # noqa: N818 -- as RunFailed
    """A run should be stopped early. ``report`` raises this in the function given to ``run``, which tells the stop.

    Attributes:
        why: Why, in a sentence; None if nobody says why.
        step: The step that was reported last; None if the function raised this by itself.
        value: The value there.
    """

    def __init__(self, why: str | None = None, step: int | None = None, value: float | None = None) -> None:
        super().__init__(why, step, value)
        self.why = why
        self.step = step
        self.value = value

    def __str__(self) -> str:
        return self.why or "the run was stopped early"


class ConnectionFailedError(AutotuneError):
    """The service was not reached, or the connection was lost before the reply came.

    A call that is repeated raises this error only when the client's time is over. A change that the call requested may
    have been made all the same, as a reply can be lost after the service has done the work.
    """


class CertificateError(AutotuneError):
    """The certificate of the service is not trusted, so nothing was sent. A repeat would fail again."""


class UnexpectedReplyError(AutotuneError):
    """The reply does not have the form that an AutoTune service sends."""


class StreamGapError(AutotuneError):
    """An event is missing in the stream; the service guarantees that this never happens."""


class ServiceError(AutotuneError):
    """The service refused the request.

    Attributes:
        status: The HTTP status.
        code: The stable code of the problem, for programs to decide by.
        detail: The explanation of the problem, for a person.
        errors: The fields that are not valid, each with a message.
        retry_after_s: After how many seconds the service asks to try again; None if the reply does not name a time.
    """

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        self.status = problem.status
        self.code = problem.code
        self.detail = problem.detail
        self.errors = problem.errors
        self.retry_after_s = retry_after_s
        # With invalid fields the detail only repeats the first of the lines below, so the title is shown instead.
        is_invalid = problem.status == HTTPStatus.UNPROCESSABLE_ENTITY and problem.errors
        headline = problem.title if is_invalid else problem.detail or problem.title
        first = f"{headline} ({problem.status} {problem.code})"
        super().__init__("\n".join([first, *map(_problem_line, problem.errors)]))


class UnauthenticatedError(ServiceError):
    """The token is wrong or has expired, or the username or password is wrong."""


class ForbiddenError(ServiceError):
    """The user's role on the experiment, or the scope of the token, does not allow this."""


class NotFoundError(ServiceError):
    """What was asked for does not exist, or the user may not see it."""


class UnavailableError(ServiceError):
    """The service cannot do this now, or you have your share of it in use; the same request may succeed later."""


class VersionConflictError(ServiceError):
    """Somebody else has corrected the observation in the meantime.

    Attributes:
        current: The observation as it is stored now; correct this version if a correction is still needed.
    """

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        super().__init__(problem, retry_after_s)
        self.current = Observation.model_validate(problem.current)
        self.add_note(f"The observation is now stored as {self.current}")


_BY_STATUS: dict[int, type[ServiceError]] = {
    HTTPStatus.UNAUTHORIZED: UnauthenticatedError,
    HTTPStatus.FORBIDDEN: ForbiddenError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.TOO_MANY_REQUESTS: UnavailableError,
    HTTPStatus.BAD_GATEWAY: UnavailableError,
    HTTPStatus.SERVICE_UNAVAILABLE: UnavailableError,
    HTTPStatus.GATEWAY_TIMEOUT: UnavailableError,
}


_BY_CODE: dict[str, type[ServiceError]] = {
    "request_running": UnavailableError,
    "version_conflict": VersionConflictError,
}


def notes_of(error: BaseException) -> list[str]:
    """List the notes that were added to an error on its way up."""
    return list(getattr(error, "__notes__", []))


def refusal(status: int, body: bytes, retry_after: str | None = None) -> ServiceError:
    """Build the error for a reply that refuses the request.

    Args:
        status: The HTTP status of the reply.
        body: The body of the reply: a problem document. Any other body comes from a proxy in between; the error then
            shows the status alone.
        retry_after: The header ``Retry-After`` of the reply.
    """
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Unknown status"
        detail = f"the server replied without an explanation: {phrase}"
        problem = Problem(title=phrase, status=status, code="http", detail=detail)
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    kind = _BY_CODE.get(problem.code) or _BY_STATUS.get(status, ServiceError)
    if kind is VersionConflictError and problem.current is None:
        kind = ServiceError
    return kind(problem, seconds)


def unauthenticated(detail: str) -> UnauthenticatedError:
    """Build the error for a token that is not valid, where the service sent no problem document, as on the stream."""
    return UnauthenticatedError(Problem(title="Sign in", status=401, code="unauthenticated", detail=detail))


def not_found(detail: str) -> NotFoundError:
    """Build the error for a stream that the service closed because it found no such experiment or event."""
    return NotFoundError(Problem(title="Not found", status=404, code="not_found", detail=detail))


def _again(kind: type[AutotuneError], arguments: tuple[Any, ...]) -> AutotuneError:
    return kind.__new__(kind, *arguments)


def _problem_line(error: FieldProblem) -> str:
    given = "" if error.value is None else f" (given: {error.value!r})"
    return f"  {error.field or 'the input as a whole'}: {error.message}{given}"
