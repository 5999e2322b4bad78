"""The messages that calls and frames are made of."""

from collections.abc import Iterator, Mapping
from typing import Any

from autotune_site.reference.openapi import description, replies_of
from autotune_site.reference.tables import fields, plain


def lines() -> Iterator[str]:
    """Yield each message with its fields, by name."""
    for name, schema in sorted(_messages().items()):
        if "properties" in schema:
            yield from (f"(message-{name})=", f"## {name}", "", plain(schema), "", *fields(schema))


def _messages() -> dict[str, Mapping[str, Any]]:
    document, calls = description()
    found: dict[str, Mapping[str, Any]] = dict(document["components"]["schemas"])
    for call in calls:
        for _, schema in replies_of(call):
            if schema is not None and "title" in schema:
                found.setdefault(schema["title"], schema)
    return found
