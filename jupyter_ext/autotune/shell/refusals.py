"""Errors as a shell needs them: one line on the standard error, and an exit code that a script can decide by."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import click

from autotune.errors import (
    AutotuneError,
    ConnectionFailedError,
    ForbiddenError,
    InvalidInputError,
    ServiceError,
    UnauthenticatedError,
    UnavailableError,
)
from autotune_wire.problems import FieldProblem

FAILED, USAGE, UNREACHED, UNAUTHORIZED, REFUSED, NOTHING_TO_DO, STOP = 1, 2, 4, 5, 6, 7, 8
"""The exit codes of the loop's commands; 3 is one of the service's own."""

_ENDED = frozenset({"experiment_closed", "experiment_paused", "experiment_stopped", "no_candidates"})
"""The codes of problems that say that nothing is suggested any more."""
_MOST_PROBLEMS = 3


class Refusal(click.ClickException):
    """An error in one line, with the exit code of its kind."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_code = exit_code  # type: ignore[misc]  # declared as the class's, and read from the error


@contextmanager
def refusals(place: str = "") -> Iterator[None]:
    """Raise an error of the client inside the block as a Refusal.

    Args:
        place: Where the input stands that the block works on, as in ``line 3``.
    """
    try:
        yield
    except AutotuneError as error:
        raise refusal_of(error, place) from None


def refusal_of(error: AutotuneError, place: str = "") -> Refusal:
    """Build the refusal that says what an error of the client says."""
    before = f"{place}: " if place else ""
    return Refusal(f"{before}{_line(error)}", _exit_code(error))


def _exit_code(error: AutotuneError) -> int:
    if isinstance(error, ConnectionFailedError | UnavailableError):
        return UNREACHED
    if isinstance(error, UnauthenticatedError | ForbiddenError):
        return UNAUTHORIZED
    if isinstance(error, ServiceError):
        if error.status == HTTPStatus.UNPROCESSABLE_ENTITY and error.errors:
            return USAGE  # as if the client had found it
        return NOTHING_TO_DO if error.code in _ENDED else REFUSED
    return USAGE if isinstance(error, InvalidInputError) else FAILED


def _line(error: AutotuneError) -> str:
    if isinstance(error, InvalidInputError | ServiceError) and error.errors:
        told = [_field_text(problem) for problem in error.errors[:_MOST_PROBLEMS]]
        n_more = len(error.errors) - len(told)
        return "; ".join(told + ([f"and {n_more} more"] if n_more else []))
    if isinstance(error, ServiceError):
        return f"{error.detail} ({error.code})"
    return "; ".join(str(error).splitlines())


def _field_text(problem: FieldProblem) -> str:
    given = "" if problem.value is None else f" (given: {problem.value!r})"
    return f"{problem.field or 'the input'}: {problem.message}{given}"
