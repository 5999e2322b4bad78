"""Tables of the reference, and the types of fields in words."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

_WORDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}
_FORMATS = {"uuid": "uuid", "date-time": "moment", "date": "date", "email": "email address"}
_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} of them",
    "maxItems": "at most {} of them",
    "maxProperties": "at most {} of them",
}
_NOT_EMPTY = ("at least 1 characters", "at least 1 of them")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table without empty columns, and an empty line; nothing where there are no rows."""
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    filled = [index for index in range(len(head)) if any(row[index] for row in cells)]
    if cells:
        for row in [head, ["---"] * len(head), *cells]:
            yield f"| {' | '.join(row[index] for index in filled)} |"
        yield ""


def fields(schema: Schema) -> Iterator[str]:
    """Yield the table of an object's fields."""
    required = schema.get("required", ())
    yield from table(
        ("field", "type", "default", "meaning"),
        (
            (f"`{name}`", type_of(field), _default(field, is_required=name in required), plain(field))
            for name, field in schema.get("properties", {}).items()
        ),
    )


def plain(schema: Schema) -> str:
    """Return what is said of a schema, in one line; docstrings write code with two backquotes."""
    return " ".join(str(schema.get("description", "")).split()).replace("``", "`")


def type_of(schema: Schema) -> str:
    """Return the type of a field in words, with its limits."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#message-{name})"
    limits = [words.format(_number(schema[name])) for name, words in _LIMITS.items() if name in schema]
    limits = ["not empty" if words in _NOT_EMPTY else words for words in limits]
    return ", ".join([_kind(schema), *limits])


def _number(limit: float) -> str:
    # Numbers that JSON readers of every language keep exactly go up to here.
    return "2^53" if limit == 2**53 else f"{limit:,}"


def _kind(schema: Schema) -> str:
    if "const" in schema:
        return f"`{schema['const']!r}`".replace("'", '"')
    if "enum" in schema:
        return " or ".join(f'`"{value}"`' for value in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(type_of(part) for part in schema[several]))
    kind = schema.get("type")
    if kind == "array":
        return f"list of {type_of(schema['items'])}" if "items" in schema else "list"
    if kind == "object":
        return _object(schema)
    if kind == "string" and "contentSchema" in schema:
        return f"JSON text of {type_of(schema['contentSchema'])}"
    return _FORMATS.get(schema.get("format", ""), _WORDS.get(str(kind), "anything"))


def _object(schema: Schema) -> str:
    values = schema.get("additionalProperties")
    if isinstance(values, Mapping):
        return f"object whose values are {type_of(values)}"
    # A message that stands here whole; the page of messages has it under its title.
    return f"[{schema['title']}](#message-{schema['title']})" if "properties" in schema else "object"


def _default(field: Schema, *, is_required: bool) -> str:
    if is_required:
        return "required"
    default = field.get("default")
    return f"`{json.dumps(default)}`" if isinstance(default, str | int | float) else ""
