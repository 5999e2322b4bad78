"""One configuration for every line that is logged, by us or by a library; the lines go to the standard error.

Code logs with ``logging``, and structlog formats the lines. Fields bound with ``bind`` appear in each later line.
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
# The extra fields of a record that are written: those of our own lines. Extra fields of libraries are left out.
_FIELDS = ("method", "rule", "status", "code", "seconds")
_OURS = "autotune_service"


def configure_logs(level: str, *, is_json: bool) -> None:
    """Set up logging to the standard error: our own lines from a level on and warnings of libraries, in one format."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(is_json=is_json, has_colors=sys.stderr.isatty()))
    handler.addFilter(may_be_written)
    least = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(least, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger(_OURS).setLevel(least)
    logging.captureWarnings(capture=True)


def may_be_written(record: logging.LogRecord) -> bool:
    """Return whether a line is one of ours or a warning, whatever level its logger was set to.

    What libraries tell below that is for those who look into them: headers with tokens, the arguments of queries.
    """
    return record.levelno >= logging.WARNING or record.name == _OURS or record.name.startswith(f"{_OURS}.")


def formatter(*, is_json: bool, has_colors: bool = False) -> logging.Formatter:
    """Build a formatter that writes records as JSON, one object per line, or as text for people."""
    time_stamp = structlog.processors.TimeStamper(fmt="iso" if is_json else "%H:%M:%S", utc=is_json)
    chain: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.ExtraAdder(_FIELDS),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        time_stamp,
        _add_trace,
    ]
    # Both formats write an exception as a plain traceback, without the values of variables, which may be passwords.
    renderers: list[structlog.typing.Processor]
    if is_json:
        renderers = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        renderers = [structlog.dev.ConsoleRenderer(colors=has_colors, exception_formatter=plain, pad_event_to=0)]
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=[remove_meta, *renderers])


def begin_request(given_id: str | None) -> str:
    """Clear all bound fields and bind the id of a request: the given id if it is harmless, else a new id."""
    request_id = given_id if given_id is not None and _REQUEST_ID.fullmatch(given_id) else uuid4().hex
    clear_contextvars()
    bind_contextvars(request_id=request_id)
    return request_id


def end_request() -> None:
    """Clear all bound fields."""
    clear_contextvars()


def bind(**fields: str) -> None:
    """Add fields to all later lines of this task and of the tasks that it starts."""
    bind_contextvars(**fields)


def unbind(*fields: str) -> None:
    """Remove fields that ``bind`` added."""
    unbind_contextvars(*fields)


def _add_trace(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    traceparent = current_traceparent()
    if traceparent is not None:
        event["trace_id"] = traceparent.split("-")[1]
    return event
