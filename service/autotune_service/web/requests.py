"""Reads bodies: whatever bytes come, the outcome is JSON or a 4xx."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from quart import Request, request

from autotune_service.domain.errors import MalformedError
from autotune_wire import paths
from autotune_wire.portable import MAX_IMPORT_BYTES
from autotune_wire.problems import shown

T = TypeVar("T")

_LARGE_BODIES = {paths.EXPERIMENT_IMPORT: MAX_IMPORT_BYTES}
_LARGE_BODY_TIMEOUT_S = 300


class ServiceRequest(Request):
    """A request whose JSON is read strictly: UTF-8, no NaN, no endless nesting."""

    def __init__(self, method: str, scheme: str, path: str, *args: Any, **kwargs: Any) -> None:
        # A handler comes too late to allow more: what is too large is refused as it arrives.
        largest = _LARGE_BODIES.get(path)
        if largest is not None:
            kwargs["max_content_length"] = max(largest, kwargs["max_content_length"])
            kwargs["body_timeout"] = _LARGE_BODY_TIMEOUT_S
        super().__init__(method, scheme, path, *args, **kwargs)
        self.max_content_length = kwargs["max_content_length"]

    @property
    def blueprints(self) -> list[str]:
        """Give the blueprint of the handler: none of ours stands in another, which Quart looks for at each call."""
        return [] if self.blueprint is None else [self.blueprint]

    async def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Give the JSON of the body.

        Raises:
            MalformedError: If the content type is another, or the body no JSON.
        """
        _require_json(self)
        return read_json(await self.get_data(cache=cache))


async def read_aside(read: Callable[[Any], T]) -> T:
    """Have the JSON of the current request's body read in a thread, where it is large.

    Args:
        read: Makes of the JSON what the handler takes.

    Raises:
        MalformedError: If the content type is another, or the body no JSON.
    """
    _require_json(request)
    body = await request.get_data()
    assert isinstance(body, bytes)
    return await asyncio.to_thread(lambda: read(read_json(body)))


def _require_unique(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise MalformedError(f"an object of the body has {shown(twice)} twice")


def _require_json(given: Request) -> None:
    if not given.is_json:
        raise MalformedError(f"send JSON with content-type: application/json, not {given.mimetype or 'none'}")


def read_json(body: bytes | str) -> Any:
    """Decode JSON (RFC 8259), in which no object has a name twice: readers would differ in which one they take.

    Raises:
        MalformedError: If it is none; the message says where.
    """
    try:
        decoded = msgspec.json.decode(body)
        json.loads(body, object_pairs_hook=_require_unique, parse_int=len, parse_float=len)  # numbers were read above
        return decoded
    except msgspec.DecodeError as error:
        raise MalformedError(f"the body is no JSON, which has no NaN and no infinity: {error}") from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise MalformedError(f"the body is no JSON: {type(error).__name__}") from None
