"""Keeps a line that would come again every second out of the log, as long as it says nothing new."""

import logging
import time
from typing import Any

_EVERY_S = 60.0
_MOST = 100


class Repeats:
    """Writes warnings to a log, each text at most once a minute."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._written_at: dict[str, float] = {}

    def warning(self, message: str, *arguments: object, **options: Any) -> None:
        """Log a warning, as ``logging`` does, unless the same text was logged within the last minute."""
        text, now = message % arguments, time.monotonic()
        if now - self._written_at.get(text, -_EVERY_S) < _EVERY_S:
            return
        if len(self._written_at) >= _MOST:
            self._written_at.clear()
        self._written_at[text] = now
        self._log.warning(message, *arguments, **options)
