"""Decode JSON strictly: UTF-8 only, no NaN, no endless nesting, no name twice in an object."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from autotune_service.domain.errors import MalformedError
from autotune_wire.problems import shown


def read_json(body: bytes | str) -> Any:
    """Decode JSON (RFC 8259), and refuse an object with a name twice, as readers differ in the value that they take.

    Raises:
        MalformedError: If the body is not valid JSON; the message says where.
    """
    try:
        decoded = msgspec.json.decode(body)
        json.loads(body, object_pairs_hook=_require_unique, parse_int=len, parse_float=len)  # numbers were read above
        return decoded
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise malformed(error) from None


def require_unique(names: Sequence[str]) -> None:
    """Check that an object has no name twice.

    Raises:
        MalformedError: If it has.
    """
    if len(set(names)) != len(names):
        twice = next(name for name, count in Counter(names).items() if count > 1)
        raise MalformedError(f"an object in the body has the name {shown(twice)} twice")


def malformed(error: Exception) -> MalformedError:
    """Build the error for a text that a decoder has refused."""
    why = str(error) if isinstance(error, msgspec.DecodeError) else type(error).__name__
    hint = " (NaN and Infinity are not allowed)" if isinstance(error, msgspec.DecodeError) else ""
    return MalformedError(f"the body is not valid JSON{hint}: {why}")


def _require_unique(pairs: list[tuple[str, Any]]) -> None:
    require_unique([name for name, _ in pairs])
