"""Statements compiled once: making and compiling one takes longer than Postgres takes to run it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import asyncpg
import msgspec
from databases.backends.postgres import PostgresBackend
from sqlalchemy import JSON
from sqlalchemy.sql import ClauseElement
from sqlalchemy.util import LRUCache

Row = Mapping[str, Any]
"""What a query gives, by column."""

_Shape = Callable[[Any], Any]

_DIALECT: Any = PostgresBackend("postgresql:///")._dialect


def json_text(value: Any) -> str:
    """Write JSON with names in the order they have; a UUID or a time is the text that Postgres reads."""
    return msgspec.json.encode(value).decode()


_DIALECT._json_serializer = json_text


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A compiled statement, to be run with other values than those that it was made with.

    Args:
        text: In asyncpg's notation.
        binds: The parameters in their order, each with the value that it has by itself and what shapes its value for
            the driver.
        json_columns: The columns that come from the driver as text; all others come as they are wanted.
    """

    text: str
    binds: list[tuple[str, Any, _Shape | None]]
    json_columns: list[str]

    @classmethod
    def of(cls, compiled: Any) -> "Compiled":
        """Take what SQLAlchemy has compiled."""
        names = sorted(compiled.params)
        places = {name: f"${number}" for number, name in enumerate(names, start=1)}
        shapes = compiled._bind_processors
        columns = compiled._result_columns or ()
        json_columns = [name for name, _, _, kind in columns if isinstance(kind, JSON)]
        return cls(
            compiled.string % places, [(name, compiled.params[name], shapes.get(name)) for name in names], json_columns
        )

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Give the driver's arguments; a parameter that is not named has its own value."""
        given = ((values.get(name, own), shape) for name, own, shape in self.binds)
        return [value if shape is None else shape(value) for value, shape in given]

    def row(self, record: asyncpg.Record) -> Row:
        """Read a row."""
        row = dict(record)
        for name in self.json_columns:
            if row[name] is not None:
                row[name] = msgspec.json.decode(row[name])
        return row


@lru_cache
def together(*parts: Compiled) -> str:
    """Make one statement of several; it takes the arguments of all of them, one after the other.

    The last part is the statement proper, so that it may give rows; the others must change some, or Postgres leaves
    them out.
    """
    texts: list[str] = []
    n_before = 0
    for part in parts:
        texts.append(_PLACE.sub(partial(_moved, by=n_before), part.text))
        n_before += len(part.binds)
    *first, last = texts
    named = ", ".join(f"part_{number} AS ({text})" for number, text in enumerate(first, start=1))
    return f"WITH {named} {last}" if first else last


_PLACE = re.compile(r"\$(\d+)")


def _moved(place: re.Match[str], by: int) -> str:
    return f"${int(place[1]) + by}"


@dataclass(frozen=True, slots=True)
class Filled:
    """A statement with the values of its parameters.

    Functions that build one are named by its verb: ``insert_``, ``set_``.
    """

    compiled: Compiled
    values: Mapping[str, Any]

    @property
    def arguments(self) -> list[Any]:
        """What goes to the driver with the text, in its order."""
        return self.compiled.arguments(self.values)


class Statement:
    """A query with named parameters, as ``sqlalchemy.bindparam`` makes them, that is made once.

    ``statement(name=value)`` gives it with values for a transaction to run.
    """

    def __init__(self, query: ClauseElement) -> None:
        self._query = query

    @cached_property
    def _compiled(self) -> tuple[Compiled, set[str]]:
        compiled: Any = self._query.compile(dialect=_DIALECT)
        return Compiled.of(compiled), {name for name, bind in compiled.binds.items() if bind.required}

    def __call__(self, **values: Any) -> Filled:
        """Give it with the values of its parameters, each of which must have one."""
        compiled, names = self._compiled
        if values.keys() != names:
            raise TypeError(f"the statement takes {sorted(names)}, not {sorted(values)}")
        return Filled(compiled, values)


_KEPT: LRUCache[Any, tuple[Compiled, Any]] = LRUCache(500)


def filled(query: ClauseElement | Filled) -> Filled:
    """Give a query as the driver takes it; one that is made anew each time is compiled once for its shape."""
    if isinstance(query, Filled):
        return query
    key = query._generate_cache_key()
    if key is None:
        return _compiled_anew(query)
    if key.key not in _KEPT:
        compiled = query._compiler(_DIALECT, cache_key=key)
        _KEPT[key.key] = Compiled.of(compiled), compiled
    kept, made = _KEPT[key.key]
    if made.post_compile_params:  # a list in an IN makes the text longer
        return _compiled_anew(query)
    return Filled(kept, made.construct_params(extracted_parameters=key.bindparams, _check=False))


def _compiled_anew(query: ClauseElement) -> Filled:
    compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Filled(Compiled.of(compiled), {})
