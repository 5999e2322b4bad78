"""The engine process: reads jobs from its standard input and writes their results to its standard output.

``EngineProcess`` starts it. A message is four bytes of length, big-endian, then JSON. Everything that can fail to load
is loaded by ``main``, which sends the parent the reason.
"""

import json
import os
import struct
import sys
import time
import traceback
from typing import TYPE_CHECKING, BinaryIO

from autotune_service.children import stand_back

if TYPE_CHECKING:
    from autotune_service.compute.messages import Job, Result

LENGTH = struct.Struct(">I")
_MAX_REASON = 500
_NICE = 5
"""The web process and Postgres come first where processors are few: a request takes milliseconds, a job seconds."""


def main() -> None:
    """Work on jobs until the pipe from the parent closes, which happens however the parent ends."""
    stand_back(_NICE)
    source = sys.stdin.buffer
    # Libraries may print: their text must not end up between two results, so it goes to standard error.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        engine = _Engine()
    except Exception as error:  # noqa: BLE001 -- a process boundary: the parent logs it
        _write(sink, json.dumps({"failure": _reason(error)}))
        sys.exit(1)
    _write(sink, "{}")  # warm
    while (job := engine.next_job(source)) is not None:
        _write(sink, engine.work(job).model_dump_json())


class _Engine:
    """The engine, loaded once; torch is loaded by the first job that needs it."""

    def __init__(self) -> None:
        from autotune_service.compute import messages
        from autotune_service.engine import insights, suggest

        self._messages = messages
        self._suggest = suggest
        self._insights = insights

    def next_job(self, source: BinaryIO) -> "Job | None":
        """Read a job with all of its runs and candidates, or None if the pipe is closed."""
        message = _read(source)
        if message is None:
            return None
        job = self._messages.Job.model_validate_json(message)
        for _ in range(job.n_slices):
            job.given.runs.extend(self._messages.RUNS.validate_json(_read(source) or b""))
        if job.given.candidates is not None:
            blocks = (self._messages.BLOCK.validate_json(_read(source) or b"") for _ in range(job.n_blocks))
            job.given.candidates.blocks.extend(blocks)
        return job

    def work(self, job: "Job") -> "Result":
        started = time.perf_counter()
        try:
            result = self._computed(job)
        except Exception as error:  # noqa: BLE001 -- a process boundary: the parent logs it
            return self._messages.Result(failure=_reason(error), traceback=traceback.format_exc())
        return result.model_copy(update={"seconds": time.perf_counter() - started})

    def _computed(self, job: "Job") -> "Result":
        given, result = job.given, self._messages.Result
        if job.kind == "predict":
            return result(predictions=self._insights.predict(given, job.configurations))
        if job.kind == "insights":
            return result(insights=self._insights.insights(given))
        if job.explore_because is not None:
            return result(suggestions=self._suggest.explore(given, job.explore_because))
        suggestions = self._suggest.suggest(given)
        return result(suggestions=suggestions, best_predicted=self._insights.best_predicted(given))


def _reason(error: BaseException) -> str:
    """Return the class and the text of an error, in one line.

    Of an import that failed, the first cause: what is raised in the end may be a page of advice.
    """
    while isinstance(error, ImportError) and (error.__cause__ or error.__context__) is not None:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]  # not None, as just seen
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:_MAX_REASON].removesuffix(": ")


def _read(source: BinaryIO) -> bytes | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return source.read(LENGTH.unpack(head)[0])


def _write(sink: BinaryIO, result: str) -> None:
    body = result.encode()
    sink.write(LENGTH.pack(len(body)) + body)
    sink.flush()


if __name__ == "__main__":
    main()
