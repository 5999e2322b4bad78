"""Watchers that record every frame: some stay, some are cut at random and resume where they were."""

import json
import random
import threading
import time

import websockets.exceptions
import websockets.sync.client
from clients import User
from judge.evidence import Watched


class Watcher(threading.Thread):
    """Watches one experiment, or with None all of its user's, until it is told to stop."""

    def __init__(self, name: str, user: User, replica: int | None, exp_uuid: str | None, *, is_cut: bool) -> None:
        super().__init__(daemon=True, name=name)
        self.watched = Watched(name, exp_uuid)
        self.stopping, self.calm = threading.Event(), threading.Event()
        self.positions: dict[str, int] = {}
        self._user = user
        self._replica = replica
        self._is_cut = is_cut
        self._chance = random.Random(name)
        self._epoch: str | None = None

    def run(self) -> None:
        refused: str | None = None
        while not self.stopping.is_set():
            replica = self._chance.randrange(2) if self._replica is None else self._replica
            token = self._user.token(replica, refused=refused) if refused else self._user.token(replica)
            refused = None
            try:
                with websockets.sync.client.connect(
                    self._address(replica),
                    additional_headers={"Authorization": f"Bearer {token}"},
                    open_timeout=4,
                    close_timeout=0.2,
                    ping_interval=None,
                ) as stream:
                    self._follow(stream)
            except websockets.exceptions.InvalidStatus as error:
                refused = token if error.response.status_code == 401 else None
                self.stopping.wait(0.1)
            except websockets.exceptions.ConnectionClosed as error:
                refused = token if error.rcvd is not None and error.rcvd.code == 4401 else None
                self.stopping.wait(0.05)
            except (OSError, websockets.exceptions.WebSocketException):
                self.stopping.wait(0.1)

    def _address(self, replica: int) -> str:
        address = f"ws://127.0.0.1:{self._user.ports()[replica]}/experiment/stream"
        if self.watched.exp_uuid is None:
            return address
        epoch = f"&epoch={self._epoch}" if self._epoch else ""
        return f"{address}/{self.watched.exp_uuid}?after={self.positions.get(self.watched.exp_uuid, 0)}{epoch}"

    def _follow(self, stream: websockets.sync.client.ClientConnection) -> None:
        known, self._epoch = self._epoch, stream.response.headers.get("Autotune-Epoch") if stream.response else None
        self.watched.steps.append({"at": time.time(), "after": dict(self.positions)})
        if self.watched.exp_uuid is None and self.positions:
            stream.send(json.dumps({"op": "resume", "id": 1, "positions": self.positions, "epoch": known}))
        until = time.time() + self._chance.uniform(0.05, 0.8)
        while not self.stopping.is_set():
            if self._is_cut and not self.calm.is_set() and time.time() > until:
                stream.socket.close()  # as a cable does: without a closing frame
                return
            try:
                frame = json.loads(stream.recv(timeout=0.15))
            except TimeoutError:
                continue
            self.watched.steps.append({"at": time.time(), "frame": frame})
            if "seq" in frame:
                exp_uuid = frame.get("exp_uuid", self.watched.exp_uuid)
                before = self.positions.get(exp_uuid, 0)
                # A watcher of all experiments may hear of what comes before it is back where it was.
                is_next = frame["seq"] == before + 1 or frame["type"] == "reset"
                self.positions[exp_uuid] = frame["seq"] if is_next else before
            for exp_uuid, seq in frame.get("positions", {}).items():
                self.positions.setdefault(exp_uuid, seq)
