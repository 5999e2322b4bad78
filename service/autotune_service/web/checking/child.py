"""A process that checks bodies: it reads what users send, and says what is wrong with it.

``bodies`` starts it. A message is four bytes of length, big-endian, then MessagePack.
"""

import gc
import pkgutil
import struct
import sys
from functools import lru_cache
from typing import IO, Any

import msgspec
from pydantic import TypeAdapter, ValidationError

from autotune_service.children import stand_back
from autotune_service.domain.errors import InvalidError, MalformedError
from autotune_service.domain.json_text import read_json
from autotune_wire.problems import field_problems

LENGTH = struct.Struct(">I")

_NICE = 5  # requests of others come first
_MAX_BYTES = 1 << 30  # of addresses, so that a body made to fill the memory is refused


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
    """What is wrong with a body: nothing without a detail; it is no JSON at all if there is one, but no problem."""

    detail: str = ""
    problems: list[Problem] = []


def main() -> None:
    """Check bodies until the pipe from the parent closes, which happens however the parent ends."""
    if sys.platform != "win32":
        import resource

        stand_back(_NICE)
        resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    gc.disable()  # of half a million lists, looking for garbage takes longer than all the rest
    decode, source, sink = msgspec.msgpack.Decoder(Body).decode, sys.stdin.buffer, sys.stdout.buffer
    while (message := read_message(source)) is not None:
        sink.write(message_of(verdict_on(decode(message))))
        sink.flush()
        gc.collect()


def verdict_on(body: Body) -> Verdict:
    """Check a body."""
    try:
        adapter_of(body.shape).validate_python(read_json(body.text))
    except MalformedError as error:
        return Verdict(error.detail)
    except ValidationError as error:
        refused = InvalidError.of(field_problems(error))
        found = [Problem(one.field, one.message, one.value) for one in refused.errors]
        return Verdict(refused.detail, found)
    except MemoryError:
        return Verdict("the body takes too much memory to read")
    return Verdict()


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


if __name__ == "__main__":
    main()
