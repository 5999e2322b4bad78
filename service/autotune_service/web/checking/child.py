"""A process that checks bodies: it reads what users send, and says what is wrong with it.

``bodies`` starts it. A message is four bytes of length, big-endian, then MessagePack.
"""

import gc
import os
import pkgutil
import struct
import sys
from functools import lru_cache
from typing import IO, Any

import msgspec
from pydantic import TypeAdapter, ValidationError

from autotune_service.domain.errors import InvalidError, MalformedError
from autotune_service.domain.json_text import read_json
from autotune_wire.frames import Id
from autotune_wire.problems import field_problems

LENGTH = struct.Struct(">I")

_NICE = 5  # requests of others come first
_MAX_BYTES = 1 << 30  # of addresses, so that a body made to fill the memory is refused
_ID: TypeAdapter[Id] = TypeAdapter(Id)


class Body(msgspec.Struct, frozen=True):
    """A body to check.

    Attributes:
        shape: Where the type stands that the body must be of, as ``module:name``.
        text: The body.
    """

    shape: str
    text: bytes


class Problem(msgspec.Struct, frozen=True):
    """What is wrong with one field of a body."""

    field: str
    message: str
    value: str | int | float | bool | None = None


class Verdict(msgspec.Struct, frozen=True):
    """What is wrong with a body: nothing without a detail; it is no JSON at all if there is one, but no problem.

    Attributes:
        frame_id: The id in the body, if it has one that a frame may have.
    """

    detail: str = ""
    problems: list[Problem] = []
    frame_id: int | str | None = None


def main() -> None:
    """Check bodies until the pipe from the parent closes, which happens however the parent ends."""
    if sys.platform != "win32":
        import resource

        os.nice(_NICE)
        resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    gc.disable()  # of half a million lists, looking for garbage takes longer than all the rest
    decode, source, sink = msgspec.msgpack.Decoder(Body).decode, sys.stdin.buffer, sys.stdout.buffer
    while (message := read_message(source)) is not None:
        sink.write(message_of(verdict_on(decode(message))))
        sink.flush()
        gc.collect()


def verdict_on(body: Body) -> Verdict:
    """Check a body."""
    frame_id: int | str | None = None
    try:
        decoded = read_json(body.text)
        frame_id = _frame_id(decoded)
        adapter_of(body.shape).validate_python(decoded)
    except MalformedError as error:
        return Verdict(error.detail)
    except ValidationError as error:
        refused = InvalidError.of(field_problems(error))
        found = [Problem(one.field, one.message, one.value) for one in refused.errors]
        return Verdict(refused.detail, found, frame_id)
    except MemoryError:
        return Verdict("the body takes too much memory to read", [], frame_id)
    return Verdict(frame_id=frame_id)


def shape_of(kind: type) -> str:
    """Return where a type stands, as ``module:name``."""
    return f"{kind.__module__}:{kind.__qualname__}"


@lru_cache
def adapter_of(shape: str) -> TypeAdapter[Any]:
    """Return what validates values of a type that stands at ``module:name``."""
    return TypeAdapter(pkgutil.resolve_name(shape))


def message_of(content: Body | Verdict) -> bytes:
    """Write a message."""
    text = msgspec.msgpack.encode(content)
    return LENGTH.pack(len(text)) + text


def read_message(source: IO[bytes]) -> bytes | None:
    """Read the next message, None if the pipe is closed."""
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    text = source.read(LENGTH.unpack(head)[0])
    return text or None


def _frame_id(decoded: Any) -> int | str | None:
    try:
        return _ID.validate_python(decoded["id"])
    except (TypeError, KeyError, ValidationError):
        return None


if __name__ == "__main__":
    main()
