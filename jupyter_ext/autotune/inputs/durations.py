"""Durations as people write them: ``30d``, ``12h`` or a timedelta."""

import re
from datetime import timedelta

from autotune.errors import InvalidInputError

_UNITS_S = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_WRITTEN = re.compile(r"(\d{1,9}) ?([mhdw])")


def seconds_of(duration: timedelta | str) -> int:
    """Return the whole seconds of a duration.

    Args:
        duration: A timedelta, or a text: a whole number of minutes, hours, days or weeks, such as ``90m``, ``12h``,
            ``30d`` or ``4w``.

    Raises:
        InvalidInputError: If it is neither.
    """
    if isinstance(duration, timedelta):
        return int(duration.total_seconds())
    found = _WRITTEN.fullmatch(duration.strip()) if isinstance(duration, str) else None
    if found is None:
        raise InvalidInputError(f"{duration!r} is no duration\nwrite it as 90m, 12h, 30d or 4w, or give a timedelta")
    return int(found[1]) * _UNITS_S[found[2]]
