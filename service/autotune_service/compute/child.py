"""The process that holds the engine: reads problems from its input, writes answers to its output, until the end.

Started by ``EngineProcess``. A message is four bytes of length, big-endian, then JSON.
"""

import os
import struct
import sys
import time
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
    """The engine, loaded once; torch is loaded by the first problem that needs it."""

    def __init__(self) -> None:
        from autotune_service.engine import insights, suggest

        self._suggest = suggest
        self._insights = insights

    def answer(self, request: Request) -> Answer:
        started = time.perf_counter()
        try:
            answer = self._found(request)
        except Exception as error:  # noqa: BLE001 -- a process boundary: the parent logs it
            return Answer(failure=f"{type(error).__name__}: {error}"[:500], traceback=traceback.format_exc())
        return answer.model_copy(update={"seconds": time.perf_counter() - started})

    def _found(self, request: Request) -> Answer:
        problem = request.problem
        if request.kind == "predict":
            return Answer(predictions=self._insights.predict(problem, request.configurations))
        if request.kind == "insights":
            return Answer(insights=self._insights.insights(problem))
        if request.explore_because is not None:
            return Answer(recommendations=self._suggest.explore(problem, request.explore_because))
        recommendations = self._suggest.recommend(problem)
        return Answer(recommendations=recommendations, best_predicted=self._insights.best_predicted(problem))


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
