"""Start ``autotune`` with a clock that can be set while it runs: ``shifted.py FILE serve ...``.

FILE holds the shift in seconds as one double. ``time.time`` and every ``datetime.now`` of the service and of PyJWT then
tell the time of a machine whose clock is that far off. The monotonic clock stays, as it does on such a machine. Claims
of workers run out after two seconds instead of fifteen, so that a schedule need not wait for those of killed workers.
"""

import datetime as dt
import mmap
import struct
import sys
import time
from pathlib import Path

from autotune_service.cli import main
from autotune_service.compute import lane, worker

_DOUBLE = struct.Struct("<d")
_real_time = time.time


def install(file: Path) -> None:
    """Replace the clocks of this process."""
    with file.open("r+b") as opened:
        shared = mmap.mmap(opened.fileno(), _DOUBLE.size)

    def shifted() -> float:
        return _real_time() + _DOUBLE.unpack(shared[: _DOUBLE.size])[0]

    class AnyDatetime(type):
        def __instancecheck__(cls, instance):
            return isinstance(instance, dt.datetime)

    class Shifted(dt.datetime, metaclass=AnyDatetime):
        """The time by the shifted clock; every time is an instance, as times are made elsewhere too."""

        @classmethod
        def now(cls, tz=None):
            return dt.datetime.fromtimestamp(shifted(), tz)

    time.time = shifted
    for name, module in list(sys.modules.items()):
        is_ours = name.split(".")[0] in {"autotune_service", "jwt"}
        if is_ours and getattr(module, "datetime", None) is dt.datetime:
            module.datetime = Shifted  # type: ignore[attr-defined]


def hasten() -> None:
    """Shorten what a worker waits for; a name that is gone is an error."""
    short = {
        "CLAIM": dt.timedelta(seconds=2),
        "_RENEW_S": 0.6,
        "POLL_S": 1.0,
    }
    for name, value in short.items():
        if type(getattr(lane, name)) is not type(value):
            raise TypeError(f"lane.{name} is not what it was")
        setattr(lane, name, value)
    vars(worker)["POLL_S"] = lane.POLL_S  # which the worker has taken over by name


if __name__ == "__main__":
    path = Path(sys.argv.pop(1))
    install(path)
    hasten()
    main()
