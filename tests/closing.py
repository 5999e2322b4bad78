"""Websockets of Quart's test client that tell with which code the service has closed them."""

from quart.testing import connections


class ClosedError(Exception):
    """The service has closed the socket; the code is the argument."""


class Connection(connections.TestWebsocketConnection):
    """A socket whose ``receive`` raises the code that it was closed with; of Quart's own, only that of 0.22 does."""

    has_ended = False

    async def disconnect(self):
        self.has_ended = True
        await super().disconnect()

    async def _asgi_send(self, message):
        if message["type"] != "websocket.close":
            await super()._asgi_send(message)
        elif not self.has_ended:  # a server drops what is sent to a peer that has left
            await self._receive_queue.put(ClosedError(message["code"]))
            await self.disconnect()
