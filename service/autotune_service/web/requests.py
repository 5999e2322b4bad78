"""Reads bodies: whatever bytes a client sends, they become JSON or a 4xx."""

import asyncio
import re
from collections.abc import Generator
from contextlib import suppress
from typing import Any

from quart import Request, Response, current_app, request
from quart.wrappers.request import Body
from quart_schema.validation import QUART_SCHEMA_REQUEST_ATTRIBUTE
from werkzeug.exceptions import RequestEntityTooLarge

from autotune_service.domain.errors import MalformedError
from autotune_service.domain.json_text import read_json
from autotune_service.web.checking.bodies import SMALL
from autotune_service.web.checking.child import shape_of
from autotune_service.web.services import services
from autotune_wire import paths
from autotune_wire.base import Confidential
from autotune_wire.portable import MAX_IMPORT_BYTES

MAX_SHORT_BYTES = 64 * 1024
"""Largest body of a call that takes no runs, configurations or covariates; all that it takes is shorter."""
MAX_SIGN_IN_BYTES = 16 * 1024
"""Largest body of a call about users, which anybody may make."""

_IMPORT_TIMEOUT_S = 300
_MOMENT_S = 0.5
_LONG = re.compile(
    "|".join(
        re.escape(path).replace(r"\{exp_uuid\}", "[^/]+")
        for path in (
            paths.EXPERIMENT_NEW,
            paths.EXPERIMENT_TELL,
            paths.EXPERIMENT_PREDICT,
            paths.EXPERIMENT_SPACE,
            paths.EXPERIMENT_CANDIDATES,
        )
    )
)


class BoundedBody(Body):
    """A body that is refused as soon as more bytes have come than a body may have.

    Quart 0.22 refuses such a body itself. Quart 0.23 stores whatever comes, and checks the size when all has come.

    Attributes:
        is_awaited: Whether a body whose length was said is refused only when all of it has come, and was thrown away.
            Who is answered while still sending may see a broken connection in place of the answer.
    """

    is_awaited = False

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(expected_content_length, max_content_length)
        self._n_bytes = 0
        self._is_dropped = False

    def drop(self) -> None:
        """Throw away what has come and what is still to come, as nobody reads it any more."""
        self._is_dropped = True
        self._data.clear()

    def append(self, data: bytes) -> None:
        """Take the next part of the body. Quart 0.23 calls ``put`` instead."""
        if not self._is_dropped:
            super().append(data)

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the whole body."""
        if self.is_awaited:
            yield from self._complete.wait().__await__()
        return (yield from super().__await__())

    async def __anext__(self) -> bytes:
        """Wait for the next piece of the body."""
        if self.is_awaited:
            await self._complete.wait()
        return await super().__anext__()

    async def has_come(self, within_s: float) -> bool:
        """Wait until the whole body has come; return False if it has not in time."""
        if not self._complete.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._complete.wait(), within_s)
        return self._complete.is_set()

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
        if self._is_dropped:
            return
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
        most_of_any = kwargs["max_content_length"]
        kwargs["max_content_length"] = most_bytes(path, most_of_any)
        if path == paths.EXPERIMENT_IMPORT:
            kwargs["body_timeout"] = _IMPORT_TIMEOUT_S
        super().__init__(method, scheme, path, *args, **kwargs)
        self.max_content_length = kwargs["max_content_length"]
        assert isinstance(self.body, BoundedBody)
        self.body.is_awaited = self.max_content_length < (self.content_length or 0) <= most_of_any

    @property
    def blueprints(self) -> list[str]:
        """Return the handler's blueprint alone; ours are not nested, so Quart's search for parents is skipped."""
        return [] if self.blueprint is None else [self.blueprint]

    async def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Return the decoded JSON of the body; of a large one, the model that the handler takes, as it was checked.

        Raises:
            MalformedError: If the content type is not JSON, or the body is not valid JSON.
            InvalidError: If a field of a large body is missing, unknown or not valid.
        """
        require_json(self)
        body = await self.get_data(cache=cache)
        assert isinstance(body, bytes)
        taken = getattr(current_app.view_functions.get(self.endpoint or ""), QUART_SCHEMA_REQUEST_ATTRIBUTE, None)
        if len(body) <= SMALL or taken is None:
            try:
                return read_json(body)
            except MalformedError:
                if taken is None or not issubclass(taken[0], Confidential):
                    raise
                # The message names what is in the body twice, and a secret may be there.
                raise MalformedError("the body is not valid JSON, or has a name twice in an object") from None
        return await services().bodies.read(shape_of(taken[0]), body)


async def await_rest_of_body(response: Response) -> Response:
    """Wait a moment for a short body that nobody reads, as of a request that the door refuses; else say it is the last.

    A connection ends after an answer that came before the whole request. A client that was not told would send its next
    request on it, and be cut off.
    """
    assert isinstance(request.body, BoundedBody)
    request.body.drop()
    is_short = (request.content_length or 0) <= MAX_SHORT_BYTES
    if not await request.body.has_come(_MOMENT_S if is_short else 0):
        response.headers["Connection"] = "close"
    return response


def most_bytes(path: str, most: int) -> int:
    """Return how many bytes the body of a call may have.

    Args:
        path: The path of the call.
        most: How many any body may have, except that of an import.
    """
    if path == paths.EXPERIMENT_IMPORT:
        return max(MAX_IMPORT_BYTES, most)
    if path.startswith(("/auth/", "/user/")):
        return min(MAX_SIGN_IN_BYTES, most)
    return most if _LONG.fullmatch(path) else min(MAX_SHORT_BYTES, most)


def require_json(given: Request) -> None:
    """Check that the body of a request is sent as JSON.

    Raises:
        MalformedError: If its content type is another one.
    """
    if not given.is_json:
        raise MalformedError(f"send JSON with content-type: application/json, not {given.mimetype or 'none'}")
