"""Statements compiled once: compiling one takes longer than Postgres takes to run it."""

from dataclasses import dataclass
from typing import Any

from databases.backends.postgres import PostgresConnection
from sqlalchemy.sql import ClauseElement
from sqlalchemy.util import LRUCache

_COMPILED: LRUCache[Any, "_Kept"] = LRUCache(500)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A compiled statement, to be filled with the values of another one of the same shape.

    Args:
        compiled: The statement that was compiled first.
        text: In asyncpg's notation.
        binds: The parameters in their order, each with what shapes its value for the driver.
    """

    compiled: Any
    text: str
    binds: list[tuple[str, Any]]

    @classmethod
    def of(cls, compiled: Any) -> "_Kept":
        names = sorted(compiled.params)
        places = {name: f"${number}" for number, name in enumerate(names, start=1)}
        processors = compiled._bind_processors
        return cls(compiled, compiled.string % places, [(name, processors.get(name)) for name in names])

    @property
    def is_fixed(self) -> bool:
        """Whether the text is the same for all values; a list in an IN makes it longer."""
        return not self.compiled.post_compile_params


class CachingConnection(PostgresConnection):
    """The connection of ``databases``, which itself compiles a statement each time that it is run."""

    def _compile(self, query: ClauseElement) -> tuple[str, list[Any], Any]:
        key = query._generate_cache_key()
        if key is None:
            return super()._compile(query)
        kept = _COMPILED.get(key.key)
        if kept is None:
            kept = _COMPILED[key.key] = _Kept.of(query._compiler(self._dialect, cache_key=key))
        if not kept.is_fixed:
            return super()._compile(query)
        values = kept.compiled.construct_params(extracted_parameters=key.bindparams, _check=False)
        arguments = [values[name] if shape is None else shape(values[name]) for name, shape in kept.binds]
        return kept.text, arguments, kept.compiled._result_columns
