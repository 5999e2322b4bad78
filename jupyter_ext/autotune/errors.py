"""Every error of the client, decided by status and code, never by a message's text."""

from http import HTTPStatus

from pydantic import ValidationError

from autotune.views.shown import Observation
from autotune_wire.problems import FieldProblem, Problem, field_problems


class AutotuneError(Exception):
    """The root of the client's errors."""

    def _render_traceback_(self) -> list[str]:
        # IPython shows these lines in place of the traceback: the client's own frames help nobody in a notebook.
        return [f"{type(self).__name__}: {self}", *notes_of(self)]


class InvalidInputError(AutotuneError, ValueError):
    """What was given does not fit, found before anything was sent."""

    def __init__(self, detail: str, errors: list[FieldProblem] | None = None) -> None:
        self.errors = errors or []
        super().__init__("\n".join([detail, *map(_line, self.errors)]))

    @classmethod
    def of(cls, subject: str, error: ValidationError) -> "InvalidInputError":
        """Tell a failed validation field by field, in the words that the service would use."""
        return cls(f"{subject} does not fit:", field_problems(error))


class RunFailed(Exception):  # noqa: N818 -- a function that is tuned raises it: no error, but what came of the run
    """A run gave no response: raised by a function inside ``run``, which tells the failure and goes on."""


class ConnectionFailedError(AutotuneError):
    """The service was not reached, or it went away before it answered, for all the time that the client has.

    What was to be changed may be changed: an answer can be lost too.
    """


class UnexpectedReplyError(AutotuneError):
    """The answer is not one that an AutoTune service gives."""


class StreamGapError(AutotuneError):
    """An event is missing in the stream, which the service promises never to happen."""


class ServiceError(AutotuneError):
    """The service refused the request.

    Attributes:
        status: The HTTP status.
        code: The stable code of the problem: what a program decides by.
        detail: The same for a person.
        errors: What is wrong with which field.
        retry_after_s: When the service asks to try again, in seconds; None where it does not say.
    """

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        self.status = problem.status
        self.code = problem.code
        self.detail = problem.detail
        self.errors = problem.errors
        self.retry_after_s = retry_after_s
        # The detail of an invalid field only says the first of the lines below once more.
        is_invalid = problem.status == HTTPStatus.UNPROCESSABLE_ENTITY and problem.errors
        headline = problem.title if is_invalid else problem.detail or problem.title
        super().__init__("\n".join([f"{headline} ({problem.status} {problem.code})", *map(_line, problem.errors)]))


class UnauthenticatedError(ServiceError):
    """The token, or the name and password, do not hold."""


class NotFoundError(ServiceError):
    """There is no such experiment, or it is not yours."""


class UnavailableError(ServiceError):
    """Not now: the same request may succeed later."""


class VersionConflictError(ServiceError):
    """Somebody else has corrected the observation meanwhile.

    Attributes:
        current: The observation as it is stored now: correct this one, if that is still to be done.
    """

    def __init__(self, problem: Problem, retry_after_s: float | None = None) -> None:
        super().__init__(problem, retry_after_s)
        self.current = Observation.model_validate(problem.current)
        self.add_note(f"It is stored now as {self.current}")


_BY_STATUS: dict[int, type[ServiceError]] = {
    HTTPStatus.UNAUTHORIZED: UnauthenticatedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.BAD_GATEWAY: UnavailableError,
    HTTPStatus.SERVICE_UNAVAILABLE: UnavailableError,
    HTTPStatus.GATEWAY_TIMEOUT: UnavailableError,
}


_BY_CODE: dict[str, type[ServiceError]] = {
    "request_running": UnavailableError,
    "version_conflict": VersionConflictError,
}


def notes_of(error: BaseException) -> list[str]:
    """Give what was noted on an error on its way up."""
    return list(getattr(error, "__notes__", []))


def refusal(status: int, body: bytes, retry_after: str | None = None) -> ServiceError:
    """Build the error that a refusing answer stands for.

    Args:
        status: The HTTP status.
        body: A problem document; anything else comes from a proxy in between and is told by its status alone.
        retry_after: The header of that name.
    """
    try:
        problem = Problem.model_validate_json(body)
    except ValidationError:
        problem = _nameless(status)
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
    kind = _BY_CODE.get(problem.code) or _BY_STATUS.get(status, ServiceError)
    if kind is VersionConflictError and problem.current is None:
        kind = ServiceError
    return kind(problem, seconds)


def unauthenticated(detail: str) -> UnauthenticatedError:
    """Build the error of a service that closed the stream, where no problem document can travel."""
    return UnauthenticatedError(Problem(title="Sign in", status=401, code="unauthenticated", detail=detail))


def not_found(detail: str) -> NotFoundError:
    """Build the error of a stream whose experiment is gone."""
    return NotFoundError(Problem(title="Not found", status=404, code="not_found", detail=detail))


def _nameless(status: int) -> Problem:
    phrase = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Unknown status"
    return Problem(title=phrase, status=status, code="http", detail=f"answered: {phrase}")


def _line(error: FieldProblem) -> str:
    given = "" if error.value is None else f" (given: {error.value!r})"
    return f"  {error.field or 'the whole'}: {error.message}{given}"
