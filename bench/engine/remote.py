"""A peer in a process of its own, for run.py."""

import json
import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any, Self

HERE = Path(__file__).resolve().parent
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ENVIRONMENT = dict.fromkeys(THREADS, "1") | {"PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}
START_S = 120.0
"""Seconds that the imports of a peer may take."""
PATIENCE = 6
"""How many times its limit of processor time a run may take by the clock, as others may use the core."""


class PeerError(Exception):
    """The peer ended, or took longer than its limit."""


class RemotePeer:
    """An optimizer in a process of its own, of one thread, on one core.

    Args:
        python: The interpreter that has the optimizer.
        file: The adapter.
        cls: The adapter's class.
        options: Keyword arguments for the class beside those of every peer.
        path: Where the process looks for modules first; empty for the usual places.
        core: The core to stay on, or None.
        log: Where the process's output goes.
    """

    def __init__(
        self, python: Path, file: Path, cls: str, options: dict[str, Any], path: str, core: int | None, log: Path
    ) -> None:
        self.log = log.open("w")
        self.process = subprocess.Popen(
            [python, HERE / "worker.py", json.dumps([str(file), cls, options, core])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env={**os.environ, **ENVIRONMENT} | ({"PYTHONPATH": path} if path else {}),
            cwd=log.parent,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout
        self.buffer = b""
        self.ends_at_s = 0.0
        self.left_s = 0.0
        self.taken_s = 0.0

    def new(self, limit_s: float, **arguments: Any) -> Self:
        """Begin a run that may take ``limit_s`` seconds of processor time."""
        self.ends_at_s = time.monotonic() + START_S + PATIENCE * limit_s
        self.left_s = limit_s
        self._call("new", arguments)
        return self

    def ask(self, fixed: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the peer's next configuration; `taken_s` is then the processor time of the ask.

        Args:
            fixed: The values that the configuration must have, for a peer that can fix values.
        """
        configuration: dict[str, Any] = self._call("ask", {"fixed": fixed} if fixed else {})
        return configuration

    def edit_space(self, space: dict[str, Any], constraints: list[dict[str, Any]]) -> None:
        """Have the peer go on in another space, if it can."""
        self._call("edit_space", [space, constraints])

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Pass a value to the peer; `taken_s` is then the processor time of the tell."""
        self._call("tell", [x, y])

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.log.close()

    def last_words(self) -> str:
        """Return the last line of the process's output."""
        lines = Path(self.log.name).read_text(errors="replace").strip().splitlines()
        return lines[-1][-300:] if lines else ""

    def _call(self, verb: str, arguments: Any) -> Any:
        try:
            self.requests.write(json.dumps([verb, arguments]).encode() + b"\n")
            self.requests.flush()
        except BrokenPipeError:
            raise PeerError("crash") from None
        while b"\n" not in self.buffer:
            left = self.ends_at_s - time.monotonic()
            if left <= 0 or not select.select([self.answers], [], [], left)[0]:
                raise PeerError("timeout")
            chunk = os.read(self.answers.fileno(), 1 << 16)
            if not chunk:
                raise PeerError("crash")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        answer, self.taken_s = json.loads(line)
        self.left_s -= self.taken_s
        if self.left_s < 0:
            raise PeerError("timeout")
        return answer
