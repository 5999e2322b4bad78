"""Reads bodies: whatever bytes come, the outcome is JSON or a 4xx."""

from typing import Any

import msgspec
from quart import Request

from autotune_service.domain.errors import MalformedError


class ServiceRequest(Request):
    """A request whose JSON is read strictly: UTF-8, no NaN, no endless nesting."""

    async def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """Give the JSON of the body.

        Raises:
            MalformedError: If the content type is another, or the body no JSON.
        """
        if not self.is_json:
            raise MalformedError(f"send JSON with content-type: application/json, not {self.mimetype or 'none'}")
        return read_json(await self.get_data(cache=cache))


def read_json(body: bytes | str) -> Any:
    """Decode JSON (RFC 8259).

    Raises:
        MalformedError: If it is none; the message says where.
    """
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise MalformedError(f"the body is no JSON, which has no NaN and no infinity: {error}") from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise MalformedError(f"the body is no JSON: {type(error).__name__}") from None
