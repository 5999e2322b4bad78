"""Turns errors into problem documents (RFC 9457); no other module does so."""

import logging
from typing import Any
from uuid import uuid4

from pydantic import ValidationError
from quart import Quart, Response, current_app, has_request_context, request
from quart_schema.validation import RequestSchemaValidationError
from werkzeug.exceptions import HTTPException

from autotune_service.domain.errors import (
    AutotuneError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    MalformedError,
    NotFoundError,
    TooManyError,
    TooManySocketsError,
    UnauthenticatedError,
    UnavailableError,
    VersionConflictError,
)
from autotune_service.observing.repeats import Repeats
from autotune_wire.problems import CONTENT_TYPE, Problem, field_problems

_log = logging.getLogger(__name__)
_REPEATS = Repeats(_log)

STATUS: dict[type[AutotuneError], int] = {
    MalformedError: 400,
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    ConflictError: 409,
    InvalidError: 422,
    TooManyError: 429,
    UnavailableError: 503,
}
HTTP_CODES = {
    400: "malformed",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_timeout",
    413: "too_large",
    421: "wrong_host",
}


def register_errors(app: Quart) -> None:
    """Make the app reply to every error with a problem document."""
    for kind in (AutotuneError, ValidationError, RequestSchemaValidationError, HTTPException, Exception):
        app.register_error_handler(kind, _respond)


def problem_of(error: Exception) -> Problem:
    """Return the problem document of an error; an unforeseen error is logged under an id, and only the id is shown."""
    if isinstance(error, RequestSchemaValidationError):
        error = error.validation_error
    if isinstance(error, ValidationError):
        error = InvalidError.of(field_problems(error))
    if isinstance(error, AutotuneError):
        if isinstance(error, UnavailableError) and not isinstance(error, TooManySocketsError):  # which says so itself
            # While the database refuses, every request does.
            _REPEATS.warning("unavailable: %s", error.detail, exc_info=error.__cause__)
        return Problem(
            title=error.title,
            status=next(status for kind, status in STATUS.items() if isinstance(error, kind)),
            code=error.code,
            detail=error.detail,
            errors=error.errors,
            current=error.current if isinstance(error, VersionConflictError) else None,
            retry_after_s=error.retry_after_s if isinstance(error, UnavailableError | TooManyError) else None,
        )
    if isinstance(error, HTTPException):
        return _http_problem(error)
    error_id = uuid4().hex
    _log.error("error %s", error_id, exc_info=error)
    detail = f"the service failed: report it to the operator, whose log has the cause under the error id {error_id}"
    return Problem(title="Internal error", status=500, code="internal", detail=detail)


def _http_problem(error: HTTPException) -> Problem:
    status = error.code or 500
    detail = error.description or error.name
    if status == 404:
        detail = f"there is no path {request.path}; see /docs" if has_request_context() else "there is no such path"
    if status == 413:
        most = request.max_content_length if has_request_context() else current_app.config["MAX_CONTENT_LENGTH"]
        detail = f"a body may have at most {most} bytes"
    return Problem(title=error.name, status=status, code=HTTP_CODES.get(status, "http_error"), detail=detail)


async def _respond(error: Exception) -> Response:
    problem = problem_of(error)
    headers: dict[str, Any] = {}
    if problem.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, UnavailableError | TooManyError):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, HTTPException) and problem.status == 405:
        headers |= dict(error.get_headers())
    headers["Content-Type"] = CONTENT_TYPE
    body = problem.model_dump_json(exclude=problem.unset_fields)
    return Response(body, status=problem.status, headers=headers)
