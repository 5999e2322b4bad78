"""Statements that are compiled once: building and compiling a statement takes longer than Postgres takes to run it."""

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
"""A row of a query's result, by column."""

_Shape = Callable[[Any], Any]

_DIALECT: Any = PostgresBackend("postgresql:///")._dialect


def json_text(value: Any) -> str:
    """Write JSON with keys in their order; a UUID or a time becomes a text that Postgres can read."""
    return msgspec.json.encode(value).decode()


_DIALECT._json_serializer = json_text


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A compiled statement that can be run with other values than it was compiled with.

    Args:
        text: The SQL, with the parameters in asyncpg's notation: $1, $2 ...
        binds: The parameters in the order of their numbers. Each has its name, its default value and the function that
            converts a value for the driver; None if values need no conversion.
        json_columns: The columns whose values the driver returns as JSON text.
    """

    text: str
    binds: list[tuple[str, Any, _Shape | None]]
    json_columns: list[str]

    @classmethod
    def of(cls, compiled: Any) -> "Compiled":
        """Convert a statement that SQLAlchemy has compiled."""
        names = sorted(compiled.params)
        places = {name: f"${number}" for number, name in enumerate(names, start=1)}
        shapes = compiled._bind_processors
        columns = compiled._result_columns or ()
        json_columns = [name for name, _, _, kind in columns if isinstance(kind, JSON)]
        return cls(
            compiled.string % places, [(name, compiled.params[name], shapes.get(name)) for name in names], json_columns
        )

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """Build the driver's arguments from values by parameter; a parameter without one has its default value."""
        pairs = ((values.get(name, default), shape) for name, default, shape in self.binds)
        return [value if shape is None else shape(value) for value, shape in pairs]

    def row(self, record: asyncpg.Record) -> Row:
        """Convert a record of the driver to a row, with its JSON columns decoded."""
        row = dict(record)
        for name in self.json_columns:
            if row[name] is not None:
                row[name] = msgspec.json.decode(row[name])
        return row


@lru_cache
def together(*parts: Compiled) -> str:
    """Join statements into one, as ``WITH part_1 AS (...) ...``; its arguments are those of all parts in order.

    The last part is the main statement, and the result has its rows. Every other part must change rows, because
    Postgres does not run a SELECT in a WITH that nothing reads.
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

    The names of functions that build such a statement begin with ``insert_`` or ``set_``.
    """

    compiled: Compiled
    values: Mapping[str, Any]

    @property
    def arguments(self) -> list[Any]:
        """The arguments that the driver gets with the text, in order."""
        return self.compiled.arguments(self.values)


class Statement:
    """A query with named parameters (``sqlalchemy.bindparam``) that is built and compiled once.

    ``statement(name=value)`` returns the statement with values, for a transaction to run.
    """

    def __init__(self, query: ClauseElement) -> None:
        self._query = query

    @cached_property
    def _compiled(self) -> tuple[Compiled, set[str]]:
        compiled: Any = self._query.compile(dialect=_DIALECT)
        return Compiled.of(compiled), {name for name, bind in compiled.binds.items() if bind.required}

    def __call__(self, **values: Any) -> Filled:
        """Return the statement with values for all its parameters."""
        compiled, names = self._compiled
        if values.keys() != names:
            raise TypeError(f"the statement takes the parameters {sorted(names)}, not {sorted(values)}")
        return Filled(compiled, values)


_KEPT: LRUCache[Any, tuple[Compiled, Any]] = LRUCache(500)


def filled(query: ClauseElement | Filled) -> Filled:
    """Compile a query, with the values in it as arguments; queries of the same form are compiled once."""
    if isinstance(query, Filled):
        return query
    key = query._generate_cache_key()
    if key is None:
        return _compiled_anew(query)
    if key.key not in _KEPT:
        compiled = query._compiler(_DIALECT, cache_key=key)
        _KEPT[key.key] = Compiled.of(compiled), compiled
    kept, made = _KEPT[key.key]
    if made.post_compile_params:  # the text depends on the length of the list in an IN
        return _compiled_anew(query)
    return Filled(kept, made.construct_params(extracted_parameters=key.bindparams, _check=False))


def _compiled_anew(query: ClauseElement) -> Filled:
    compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Filled(Compiled.of(compiled), {})
