"""Identifies a request by its Idempotency-Key, or by the key of its frame, so that a repetition is recognized."""

import hashlib
from uuid import UUID

from pydantic import TypeAdapter
from quart import request

from autotune_service.domain.errors import InvalidError
from autotune_service.tuning.once import ALWAYS, Once
from autotune_service.web.door import user
from autotune_service.web.services import services
from autotune_wire.base import IDEMPOTENCY_HEADER, Key
from autotune_wire.frames import Operation
from autotune_wire.problems import FieldProblem

_KEY: TypeAdapter[str] = TypeAdapter(Key)


async def signed_in_once() -> tuple[UUID, Once]:
    """Return the uuid of the user who sent the current request, and the request's identity by its key.

    Raises:
        InvalidError: If the header Idempotency-Key is not a valid key.
    """
    user_uuid = user()
    key = request_key()
    if key is None:
        return user_uuid, ALWAYS
    asked = begun_hash()
    body = await request.get_data()
    assert isinstance(body, bytes)
    asked.update(body)
    return user_uuid, Once(user_uuid, key, asked.digest(), services().kept)


def request_key() -> str | None:
    """Return the key of the current request, None if it has none.

    Raises:
        InvalidError: If the header Idempotency-Key is not a valid key.
    """
    key = request.headers.get(IDEMPOTENCY_HEADER)
    if key is None:
        return None
    try:
        return _KEY.validate_python(key)
    except ValueError:
        message = "must be 1 to 200 visible ASCII characters, new for each request, such as a UUID"
        raise InvalidError.of([FieldProblem(field=IDEMPOTENCY_HEADER, message=message)]) from None


def begun_hash() -> "hashlib._Hash":
    """Begin the hash of all that the current request asks for; its body comes next."""
    return hashlib.sha256(f"{request.method} {request.path}\n".encode())


def once_of_frame(user_uuid: UUID, exp_uuid: UUID, frame: Operation) -> Once:
    """Return the identity of a frame by its key; the frame's id is left out, as it may differ in a repetition."""
    if frame.key is None:
        return ALWAYS
    asked = f"{exp_uuid}\n{frame.model_dump_json(exclude={'id', 'key'})}".encode()
    return Once(user_uuid, frame.key, hashlib.sha256(asked).digest(), services().kept)
