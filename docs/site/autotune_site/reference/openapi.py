"""The description of the API that a running service serves at /openapi.json, made here without one."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from autotune_service.domain.access import Rule
from autotune_service.store.database import Store
from autotune_service.web.door import rule_of_endpoint
from autotune_service.web.quart_app import create_app
from autotune_service.web.services import Services
from autotune_site.reference.tables import Schema

_ABSENT = cast("Any", None)
"""In the place of parts that handle requests: none is handled here."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API.

    Attributes:
        method: The HTTP method.
        path: The path, with parameters in curly brackets.
        operation: What OpenAPI says of it.
        rule: Who may call it.
    """

    method: str
    path: str
    operation: Mapping[str, Any]
    rule: Rule


@cache
def description() -> tuple[Mapping[str, Any], tuple[Call, ...]]:
    """Return the OpenAPI document and its calls, in the order of the routes."""
    store = Store("postgresql://nobody@localhost/nowhere", pool_size=10, timeout_s=1)
    services = Services(store, _ABSENT, _ABSENT, _ABSENT, _ABSENT, _ABSENT, ask_wait_s=20)
    app = create_app(services, secret="none" * 16, is_https=True, max_body_bytes=2**20)

    async def read() -> Mapping[str, Any]:
        async with app.app_context():
            return cast("Mapping[str, Any]", app.extensions["QUART_SCHEMA"].openapi_provider.schema())

    document = asyncio.run(read())
    rules = {
        (method, rule.rule.replace("<uuid:", "{").replace(">", "}")): rule_of_endpoint(app, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    calls = [
        Call(method.upper(), path, operation, rules[method.upper(), path])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return document, tuple(calls)


def body_of(call: Call) -> Schema | None:
    """Return the schema of a call's body; None if it has none."""
    content = call.operation.get("requestBody", {}).get("content", {})
    return next((kind["schema"] for kind in content.values()), None)


def replies_of(call: Call) -> Iterator[tuple[str, Schema | None]]:
    """Yield the status and the schema of each reply of a call that is no error."""
    for status, reply in call.operation["responses"].items():
        if status != "default":
            yield status, next((kind["schema"] for kind in reply.get("content", {}).values()), None)
