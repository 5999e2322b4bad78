"""Hold one optimizer in a Python of its own and speak JSON lines with run.py, which evaluates the test problem.

So evaluation costs the optimizer nothing, and the optimizer sees the space and the observations alone. The process
plays run after run, as imports take longer than many a run, and needs the standard library only. Processor time is
measured, which other users of the machine lengthen less than the time by the clock; for one thread on an idle machine
both are equal.
"""

import importlib.util
import json
import os
import sys
import time
import traceback
from typing import Any


def _load(path: str, cls: str) -> Any:
    sys.path.insert(0, os.path.dirname(path))  # noqa: PTH120 -- pathlib would be an import more for no gain
    spec = importlib.util.spec_from_file_location("peer_of_bench", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, cls)


def _one_thread() -> None:
    torch = sys.modules.get("torch")  # where the peer has no use for it, importing it would only take time
    if torch is not None:
        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)


def main() -> None:
    """Serve until the input ends."""
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes to the log
    path, cls, options, core = json.loads(sys.argv[1])
    if core is not None:
        os.sched_setaffinity(0, {core})
    make = _load(path, cls)
    peer: Any = None
    answer: Any = None
    _one_thread()
    for line in sys.stdin:
        verb, arguments = json.loads(line)
        start_s = time.process_time()
        if verb == "new":
            peer = make(**arguments, **options)
        elif verb == "ask":
            answer = peer.ask(**arguments)
        else:
            getattr(peer, verb)(*arguments)
        taken_s = time.process_time() - start_s
        pipe.write(
            json.dumps([answer if verb == "ask" else None, round(taken_s, 5)], default=lambda v: v.item()) + "\n"
        )


if __name__ == "__main__":
    try:
        main()
    except BaseException:  # noqa: BLE001 -- a process boundary: the log has it, and no thread of the peer keeps this alive
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
