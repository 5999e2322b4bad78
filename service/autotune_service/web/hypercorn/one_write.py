"""How HTTP is spoken: version 1.1 alone, and the head of an answer in one write with its body.

hypercorn would go over to HTTP/2 in clear text for whoever asks, by an upgrade or without one. No browser and no proxy
needs that, and one such connection may open streams and reset them without end (CVE-2023-44487). It also writes head
and body of an answer each by itself, and each write wakes the peer.

What hypercorn answers without asking the app, as to what is no HTTP, gets the headers that every answer has.

``install`` puts the class where hypercorn looks up its own; ``tests/web/test_one_write.py`` notices when an upgrade
moves it.
"""

from typing import Any

import h11
from hypercorn import protocol
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol

from autotune_service.web.headers import OF_SERVER

_SECURED_BY = b"content-security-policy"  # only what the app has not seen lacks it
_SPOKEN = frozenset({b"1.0", b"1.1"})
_VERSION_NOT_SUPPORTED = 505


def install() -> None:
    """Have hypercorn answer by the class below."""
    protocol.H11Protocol = OneWrite  # type: ignore[assignment, attr-defined]  # the name it makes them by


class OneWrite(H11Protocol):
    """Speaks HTTP/1.1, and keeps the head of an answer until something follows it."""

    def __init__(self, *arguments: Any) -> None:
        *others, self._send_on = arguments
        super().__init__(*(*others, self._send_with_head))
        self._is_head = False
        self._head = b""

    async def _check_protocol(self, event: h11.Request) -> None:
        """Go over to no other protocol: RFC 9110 (section 7.8) lets a server ignore any request to upgrade."""

    async def _create_stream(self, request: h11.Request) -> None:
        if request.http_version in _SPOKEN:
            await super()._create_stream(request)
        else:
            await self._send_error_response(_VERSION_NOT_SUPPORTED)
            await self.send(Closed())

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
