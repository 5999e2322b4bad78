"""The process that holds the engine: reads problems from its input, writes answers to its output, until the end.

Started by ``EngineProcess``. A message is four bytes of length, big-endian, then JSON.
"""

import os
import struct
import sys
import traceback
from typing import BinaryIO

from autotune_service.compute.messages import Answer, Request

LENGTH = struct.Struct(">I")


def main() -> None:
    """Answer requests until the parent closes the pipe, as it does when it ends in whatever way."""
    source = sys.stdin.buffer
    # Libraries may print: what is written to the standard output must not end up between two answers.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    engine = _Engine()
    _write(sink, Answer())  # warm
    while (request := _read(source)) is not None:
        _write(sink, engine.answer(Request.model_validate_json(request)))


class _Engine:
    """The engine, loaded once."""

    def __init__(self) -> None:
        import torch

        from autotune_service.engine import recommend

        torch.set_num_threads(1)
        torch.set_default_dtype(torch.double)
        self._recommend = recommend

    def answer(self, request: Request) -> Answer:
        try:
            if request.explore_because is None:
                recommendations = self._recommend.recommend(request.problem)
            else:
                recommendations = self._recommend.explore(request.problem, request.explore_because)
        except Exception as error:  # noqa: BLE001 -- a process boundary: the parent logs it
            return Answer(failure=f"{type(error).__name__}: {error}"[:500], traceback=traceback.format_exc())
        return Answer(recommendations=recommendations)


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return source.read(LENGTH.unpack(head)[0])


def _write(sink: BinaryIO, answer: Answer) -> None:
    body = answer.model_dump_json().encode()
    sink.write(LENGTH.pack(len(body)) + body)
    sink.flush()


if __name__ == "__main__":
    main()
