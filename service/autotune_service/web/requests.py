"""Reads bodies: whatever bytes a client sends, they become JSON or a 4xx."""

from typing import Any

from quart import Request
from quart.wrappers.request import Body
from werkzeug.exceptions import RequestEntityTooLarge

from autotune_service.domain.errors import MalformedError
from autotune_service.domain.json_text import read_json
from autotune_wire import paths
from autotune_wire.portable import MAX_IMPORT_BYTES

_LARGE_BODIES = {paths.EXPERIMENT_IMPORT: MAX_IMPORT_BYTES}
_LARGE_BODY_TIMEOUT_S = 300


class BoundedBody(Body):
    """A body that is refused as soon as more bytes have come than a body may have.

    Quart 0.22 refuses such a body itself. Quart 0.23 stores whatever comes, and checks the size when all has come.
    """

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(expected_content_length, max_content_length)
        self._n_bytes = 0

    def check(self) -> None:
        """Check, after all pieces were taken one by one, that the body was not refused while it came.

        Raises:
            RequestEntityTooLarge: If it was.
        """
        if self._must_raise is not None:
            raise self._must_raise

    async def put(self, data: bytes) -> None:
        """Take the next part of the body. Quart 0.22 calls ``append`` instead."""
        self._n_bytes += len(data)
        if self._max_content_length is None or self._n_bytes <= self._max_content_length:
            await super().put(data)  # type: ignore[misc, unused-ignore]  # Quart 0.22 has no such method
        elif self._must_raise is None:
            self._must_raise = RequestEntityTooLarge()
            self.set_complete()


class ServiceRequest(Request):
    """A request whose JSON is read strictly: UTF-8 only, no NaN, no endless nesting, no name twice in an object."""

    body_class = BoundedBody

    def __init__(self, method: str, scheme: str, path: str, *args: Any, **kwargs: Any) -> None:
        # Set here, because a body that is too large is refused while it arrives, before any handler runs.
        largest = _LARGE_BODIES.get(path)
        if largest is not None:
            kwargs["max_content_length"] = max(largest, kwargs["max_content_length"])
            kwargs["body_timeout"] = _LARGE_BODY_TIMEOUT_S
        super().__init__(method, scheme, path, *args, **kwargs)
        self.max_content_length = kwargs["max_content_length"]

    @property
    def blueprints(self) -> list[str]:
        """Return the handler's blueprint alone; ours are not nested, so Quart's search for parents is skipped."""
        return [] if self.blueprint is None else [self.blueprint]

    async def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the decoded JSON of the body.

        Raises:
            MalformedError: If the content type is not JSON, or the body is not valid JSON.
        """
        require_json(self)
        return read_json(await self.get_data(cache=cache))


def require_json(given: Request) -> None:
    """Check that the body of a request is sent as JSON.

    Raises:
        MalformedError: If its content type is another one.
    """
    if not given.is_json:
        raise MalformedError(f"send JSON with content-type: application/json, not {given.mimetype or 'none'}")
