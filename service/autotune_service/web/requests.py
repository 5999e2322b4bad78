"""Reads bodies: whatever bytes a client sends, they become JSON or a 4xx."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from quart import Request, request
from quart.wrappers.request import Body
from werkzeug.exceptions import RequestEntityTooLarge

from autotune_service.domain.errors import MalformedError
from autotune_wire import paths
from autotune_wire.portable import MAX_IMPORT_BYTES
from autotune_wire.problems import shown

T = TypeVar("T")

_LARGE_BODIES = {paths.EXPERIMENT_IMPORT: MAX_IMPORT_BYTES}
_LARGE_BODY_TIMEOUT_S = 300


class BoundedBody(Body):
    """A body that is refused as soon as more bytes have come than a body may have.

    Quart 0.22 refuses such a body itself. Quart 0.23 stores whatever comes, and checks the size when all has come.
    """

    def __init__(self, expected_content_length: int | None, max_content_length: int | None) -> None:
        super().__init__(expected_content_length, max_content_length)
        self._n_bytes = 0

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
        _require_json(self)
        return read_json(await self.get_data(cache=cache))


async def read_aside(read: Callable[[Any], T]) -> T:
    """Read the JSON body of the current request in a thread, for large bodies.

    Args:
        read: Turns the decoded JSON into what the handler needs; called in the thread.

    Raises:
        MalformedError: If the content type is not JSON, or the body is not valid JSON.
    """
    _require_json(request)
    body = await request.get_data()
    assert isinstance(body, bytes)
    return await asyncio.to_thread(lambda: read(read_json(body)))


def _require_unique(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise MalformedError(f"an object in the body has the name {shown(twice)} twice")


def _require_json(given: Request) -> None:
    if not given.is_json:
        raise MalformedError(f"send JSON with content-type: application/json, not {given.mimetype or 'none'}")


def read_json(body: bytes | str) -> Any:
    """Decode JSON (RFC 8259), and refuse an object with a name twice, as readers differ in the value that they take.

    Raises:
        MalformedError: If the body is not valid JSON; the message says where.
    """
    try:
        decoded = msgspec.json.decode(body)
        json.loads(body, object_pairs_hook=_require_unique, parse_int=len, parse_float=len)  # numbers were read above
        return decoded
    except msgspec.DecodeError as error:
        raise MalformedError(f"the body is not valid JSON (NaN and Infinity are not allowed): {error}") from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise MalformedError(f"the body is not valid JSON: {type(error).__name__}") from None
