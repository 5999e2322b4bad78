"""Watchers that record every frame: some stay, some are cut at random and resume where they were."""

import json
import random
import threading
import time
from typing import Any

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
        self._epochs: dict[str, str] = {}  # of which log each position is

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
        exp_uuid = self.watched.exp_uuid
        epoch = f"&epoch={self._epochs[exp_uuid]}" if exp_uuid in self._epochs else ""
        return f"{address}/{exp_uuid}?after={self.positions.get(exp_uuid, 0)}{epoch}"

    def _follow(self, stream: websockets.sync.client.ClientConnection) -> None:
        assert stream.response is not None
        epoch = stream.response.headers["Autotune-Epoch"]
        self.watched.steps.append({"at": time.time(), "after": dict(self.positions)})
        if self.watched.exp_uuid is not None:
            self._epochs.setdefault(self.watched.exp_uuid, epoch)
        for number, known in enumerate(sorted(set(self._epochs.values())) if self.watched.exp_uuid is None else ()):
            positions = {uuid: seq for uuid, seq in self.positions.items() if self._epochs[uuid] == known}
            stream.send(json.dumps({"op": "resume", "id": number, "positions": positions, "epoch": known}))
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
            self._note(frame, epoch)

    def _note(self, frame: dict[str, Any], epoch: str) -> None:
        """Note where the watcher is now, and in which log."""
        for uuid, seq in frame.get("positions", {}).items():
            if uuid not in self.positions:
                self.positions[uuid], self._epochs[uuid] = seq, epoch
        exp_uuid = frame.get("exp_uuid", self.watched.exp_uuid)
        if "type" not in frame or exp_uuid is None:
            return
        if frame["type"] == "reset":
            self.positions[exp_uuid], self._epochs[exp_uuid] = frame["seq"], frame["data"]["epoch"]
        elif frame["seq"] == self.positions.get(exp_uuid, 0) + 1:
            # Others come of all experiments before the watcher is back where it was.
            self.positions[exp_uuid] = frame["seq"]
            self._epochs.setdefault(exp_uuid, epoch)
