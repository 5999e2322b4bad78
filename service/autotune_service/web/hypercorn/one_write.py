"""Sends the head of an answer with its body: hypercorn writes each by itself, and each write wakes the peer.

What hypercorn answers without asking the app, as to what is no HTTP, gets the headers that every answer has.

``install`` puts the class where hypercorn looks up its own; ``tests/web/test_one_write.py`` notices when an upgrade
moves it.
"""

from typing import Any

import h11
from hypercorn import protocol
from hypercorn.events import Event, RawData
from hypercorn.protocol.h11 import H11Protocol

from autotune_service.web.headers import OF_SERVER

_SECURED_BY = b"content-security-policy"  # only what the app has not seen lacks it


def install() -> None:
    """Have hypercorn answer by the class below."""
    protocol.H11Protocol = OneWrite  # type: ignore[assignment, attr-defined]  # the name it makes them by


class OneWrite(H11Protocol):
    """Keeps the head of an answer until something follows it."""

    def __init__(self, *arguments: Any) -> None:
        *others, self._send_on = arguments
        super().__init__(*(*others, self._send_with_head))
        self._is_head = False
        self._head = b""

    async def _send_h11_event(self, event: Any) -> None:
        self._is_head = isinstance(event, h11.Response)
        if self._is_head and all(name != _SECURED_BY for name, _ in event.headers):
            event = h11.Response(status_code=event.status_code, headers=[*event.headers, *OF_SERVER])
        try:
            await super()._send_h11_event(event)
        finally:
            self._is_head = False

    async def _send_with_head(self, event: Event) -> None:
        if self._is_head and isinstance(event, RawData):
            self._head = event.data
            return
        head, self._head = self._head, b""
        if isinstance(event, RawData):
            event = RawData(head + event.data)
        elif head:
            await self._send_on(RawData(head))
        if event != RawData(b""):  # the end of a body of known length
            await self._send_on(event)
