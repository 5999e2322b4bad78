"""The OpenAPI document: what quart-schema derives from the handlers, completed by what all calls have in common."""

import asyncio
from typing import Any

from quart import Response, current_app
from quart_schema import QuartSchema, hide
from quart_schema.openapi import OpenAPIProvider
from werkzeug.routing import Rule

from autotune_wire.base import IDEMPOTENCY_HEADER
from autotune_wire.problems import CONTENT_TYPE, Problem

_OPEN = ("auth.", "health.", "user.")
"""Blueprints whose calls need no token."""
_ONCE = ("experiment.", "candidates.", "portable.")
"""Blueprints whose POST requests accept an Idempotency-Key."""
_PROBLEM = {
    "description": "An error: `code` says which, `errors` names the fields.",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_STATUS = {
    "description": "The status.",
    "content": {"application/json": {"schema": {"type": "object", "additionalProperties": {"type": "string"}}}},
}
_BARE = {
    endpoint: {"204": {"description": description}}
    for endpoint, description in {
        "auth.logout": "Logged out.",
        "auth.revoke_token": "The token is revoked.",
        "people.change_password": "The password is changed.",
        "people.reset_password": "The password is set.",
        "people.deactivate_self": "The account is deactivated.",
        "people.delete_self": "The account is deleted.",
        "people.delete": "The user is deleted.",
        "sharing.delete_group": "The group is deleted.",
    }.items()
}
"""Answers without content, by endpoint."""

_KEY = {
    "name": IDEMPOTENCY_HEADER,
    "in": "header",
    "description": "A name for this request, new for each request. A request that is sent again with the same key is "
    "carried out once, and gets the same reply for seven days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
}


class ServiceOpenAPI(OpenAPIProvider):
    """Adds what no handler's signature shows: problem documents, Idempotency-Key, uuids in paths, who needs a token."""

    def build_paths(self, rule: Rule) -> tuple[dict[str, Any], dict[str, Any]]:
        """Build the paths and components of the calls of a rule."""
        paths, components = super().build_paths(rule)
        for methods in paths.values():
            for method, operation in methods.items():
                self._complete(operation, method, rule.endpoint)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        return paths, components | problem.pop("$defs", {}) | {"Problem": problem}

    @staticmethod
    def _complete(operation: dict[str, Any], method: str, endpoint: str) -> None:
        if not operation["responses"]:
            operation["responses"] |= _BARE.get(endpoint, {"200": _STATUS})
        operation["responses"]["default"] = _PROBLEM
        if "requestBody" in operation:
            operation["requestBody"]["required"] = True
        if endpoint.startswith(_OPEN):
            operation["security"] = []
        if method == "post" and endpoint.startswith(_ONCE):
            operation["parameters"].append(_KEY)
        for parameter in operation["parameters"]:
            if parameter["in"] == "path" and parameter["name"].endswith("_uuid"):
                parameter["schema"] = {"type": "string", "format": "uuid"}


class MadeOnce(QuartSchema):
    """Serves the document and its page as texts that are made once, by the first request for each.

    The document takes half a second of computing, as long as all others would wait if it were made on the event loop.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._making = asyncio.Lock()
        self._document: str | None = None
        self._page: str | None = None

    @hide
    async def openapi(self) -> Response:
        """Return the document."""
        async with self._making:
            if self._document is None:
                self._document = await asyncio.to_thread(self._written)
        return Response(self._document, content_type="application/json")

    @hide
    async def swagger_ui(self) -> str:
        """Return the page that shows the document."""
        if self._page is None:
            self._page = await super().swagger_ui()
        return self._page

    def _written(self) -> str:
        return current_app.json.dumps(self.openapi_provider.schema())
