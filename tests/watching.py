"""A watcher that follows a stream in a thread and connects again as often as it must."""

import threading

import websockets.sync.client

from autotune_wire.frames import Event


class Watcher:
    """Follows a stream, connecting again after its last seq as often as it must.

    Attributes:
        events: What it has seen, in the order in which it came.
        n_connects: How often it connected.
    """

    def __init__(self, service, exp_uuid, authorization, cut=None):
        self._service, self._exp_uuid, self._cut = service, exp_uuid, cut
        self._headers = {"Authorization": authorization}
        self.events = []
        self.n_connects = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def seq(self):
        return self.events[-1].seq if self.events else 0

    def _run(self):
        while not self._stopped.is_set():
            url = f"{self._service.url.replace('http', 'ws')}/experiment/stream/{self._exp_uuid}?after={self.seq}"
            try:
                with websockets.sync.client.connect(url, additional_headers=self._headers) as socket:
                    self.n_connects += 1
                    self._follow(socket)
            except (OSError, websockets.exceptions.WebSocketException):
                self._stopped.wait(0.05)

    def _follow(self, socket):
        left = None if self._cut is None else self._cut()
        while not self._stopped.is_set() and left != 0:
            try:
                self.events.append(Event.model_validate_json(socket.recv(timeout=0.2)))
            except TimeoutError:
                continue
            left = None if left is None else left - 1

    def stop(self):
        self._stopped.set()
        self._thread.join(10)
