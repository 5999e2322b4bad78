"""The process that reads one exported document: the file on its input, messages on its output.

``checked_aside`` starts it. A message is four bytes of length, big-endian, then MessagePack.
"""

import mmap
import struct
import sys
from collections.abc import Iterator
from uuid import UUID

import msgspec
from typing_extensions import Buffer

from autotune_service.children import stand_back
from autotune_service.domain.errors import InvalidError, MalformedError
from autotune_service.tuning.imports.messages import Ended, Message, Problem, Refused
from autotune_service.tuning.imports.rows import rows_of

LENGTH = struct.Struct(">I")

_NICE = 10  # requests of others come first
_MAX_BYTES = 1 << 30  # of addresses, so that a document made to fill the memory is refused


def main() -> None:
    """Read the document, and write messages until all are written or nobody reads them any more."""
    if sys.platform != "win32":
        import resource

        stand_back(_NICE)
        resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    owner_uuid, exp_uuid = (UUID(text) for text in sys.argv[1:])
    sink = sys.stdout.buffer
    with mmap.mmap(sys.stdin.fileno(), 0, access=mmap.ACCESS_READ) as text:
        for message in _messages(text, owner_uuid, exp_uuid):
            body = msgspec.msgpack.encode(message)
            sink.write(LENGTH.pack(len(body)) + body)
            sink.flush()


def _messages(text: Buffer, owner_uuid: UUID, exp_uuid: UUID) -> Iterator[Message]:
    try:
        yield from rows_of(text, owner_uuid, exp_uuid)
        yield Ended()
    except MalformedError as error:
        yield Refused(error.detail, [])
    except InvalidError as error:
        yield Refused(error.detail, [Problem(found.field, found.message, found.value) for found in error.errors])
    except MemoryError:
        yield Refused("body: takes too much memory to read", [Problem("", "takes too much memory to read")])


if __name__ == "__main__":
    main()
