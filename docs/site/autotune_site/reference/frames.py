"""The frames of the websocket."""

import ast
import inspect
from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel

from autotune_site.reference.tables import fields, plain, table
from autotune_wire import frames

_SENT_BY_CLIENTS = (frames.AuthFrame, frames.AskFrame, frames.TellFrame, frames.RenewFrame, frames.AbandonFrame)
_SENT_BY_THE_SERVICE = (frames.Event, frames.Answer, frames.UserEvent, frames.Positions)


def lines() -> Iterator[str]:
    """Yield the query, the frames of both sides, the types of events and the codes that close a socket."""
    yield from ("## The query", "", "Of `/experiment/stream/{exp_uuid}`:", "")
    yield from fields(frames.StreamQuery.model_json_schema())
    yield from ("## What a client sends", "")
    for frame in (*_SENT_BY_CLIENTS, frames.ResumeFrame):
        yield from _frame(frame)
    yield from ("## What the service sends", "")
    for sent in _SENT_BY_THE_SERVICE:
        yield from _frame(sent)
    yield from ("## Types of events", "", *(f"- `{name}`" for name in get_args(frames.EventType)), "")
    yield from ("## Codes that close the websocket", "")
    yield from table(("code", "name", "meaning"), _codes())


def _frame(frame: type[BaseModel]) -> Iterator[str]:
    schema = frame.model_json_schema(ref_template="#/{model}")
    yield from (f"### {frame.__name__}", "", plain(schema), "", *fields(schema))


def _codes() -> Iterator[tuple[str, str, str]]:
    # What a code means stands below it, as a text, which only the source has.
    body = ast.parse(inspect.getsource(frames)).body
    for statement, next_one in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, ast.Assign) and (name := ast.unparse(statement.targets[0])).startswith("CLOSE_"):
            is_told = isinstance(next_one, ast.Expr) and isinstance(next_one.value, ast.Constant)
            words = name.removeprefix("CLOSE_").replace("_", " ").lower()
            yield ast.unparse(statement.value), words, str(next_one.value.value) if is_told else ""  # type: ignore[union-attr]  # is_told says so
