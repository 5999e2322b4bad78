"""The engine process: reads jobs from its standard input and writes their results to its standard output.

``EngineProcess`` starts it. A message is four bytes of length, big-endian, then JSON.
"""

import os
import struct
import sys
import time
import traceback
from typing import BinaryIO

from autotune_service.compute.messages import Job, Result

LENGTH = struct.Struct(">I")


def main() -> None:
    """Work on jobs until the pipe from the parent closes, which happens however the parent ends."""
    source = sys.stdin.buffer
    # Libraries may print: their text must not end up between two results, so it goes to standard error.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    engine = _Engine()
    _write(sink, Result())  # warm
    while (message := _read(source)) is not None:
        _write(sink, engine.work(Job.model_validate_json(message)))


class _Engine:
    """The engine, loaded once; torch is loaded by the first job that needs it."""

    def __init__(self) -> None:
        from autotune_service.engine import insights, suggest

        self._suggest = suggest
        self._insights = insights

    def work(self, job: Job) -> Result:
        started = time.perf_counter()
        try:
            result = self._computed(job)
        except Exception as error:  # noqa: BLE001 -- a process boundary: the parent logs it
            return Result(failure=f"{type(error).__name__}: {error}"[:500], traceback=traceback.format_exc())
        return result.model_copy(update={"seconds": time.perf_counter() - started})

    def _computed(self, job: Job) -> Result:
        given = job.given
        if job.kind == "predict":
            return Result(predictions=self._insights.predict(given, job.configurations))
        if job.kind == "insights":
            return Result(insights=self._insights.insights(given))
        if job.explore_because is not None:
            return Result(suggestions=self._suggest.explore(given, job.explore_because))
        suggestions = self._suggest.suggest(given)
        return Result(suggestions=suggestions, best_predicted=self._insights.best_predicted(given))


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return source.read(LENGTH.unpack(head)[0])


def _write(sink: BinaryIO, result: Result) -> None:
    body = result.model_dump_json().encode()
    sink.write(LENGTH.pack(len(body)) + body)
    sink.flush()


if __name__ == "__main__":
    main()
