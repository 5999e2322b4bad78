"""Forked children: what one computes, or that it hangs."""

import os
import pickle
import signal
from collections.abc import Callable
from typing import Any

HANGS_S = 20


def in_child(function: Callable[[], Any]) -> Any:
    """Give what a function returns, or the error that it raises, in a forked child; a child that hangs is killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(HANGS_S)
        try:
            found = function()
        except BaseException as error:  # noqa: BLE001 -- raised by the parent
            found = error
        with os.fdopen(writing, "wb") as file:
            pickle.dump(found, file)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        content = file.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the child ended with status {status}: a hang, if it is {signal.SIGALRM.value}"
    found = pickle.loads(content)
    if isinstance(found, BaseException):
        raise found
    return found
