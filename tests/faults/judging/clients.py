"""Clients that do at random whatever clients do, and record every request with its answers and times."""

import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from judge.evidence import Attempt, Operation

from support import PASSWORD

_ANSWER_WITHIN_S = 5.0
_PATIENCE_S = 25.0
_LEAST_ATTEMPTS = 4
"""On a machine that is much too busy, one attempt may last longer than all of a client's patience."""


class User:
    """A user with one token for each service, as a service whose clock is off takes none but its own."""

    def __init__(self, ports: Callable[[], list[int]], email: str) -> None:
        self.ports = ports
        self.email = email
        self._tokens: dict[int, str] = {}
        self._failed_at: dict[int, float] = {}
        self._lock = threading.Lock()

    def sign_up(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports()[0], timeout=20)
        body = json.dumps({"email": self.email, "password": PASSWORD})
        connection.request("POST", "/user/signup", body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        assert reply.status == 201, reply.read()
        connection.close()

    def token(self, replica: int, refused: str | None = None) -> str | None:
        """Return a token for a service; a new one if ``refused`` is the one that is known. None if there is none."""
        with self._lock:
            if self._tokens.get(replica) == refused:
                self._tokens.pop(replica, None)
            # Where one sign-in failed, the others that wait for it do not each try in turn.
            if replica not in self._tokens and time.time() > self._failed_at.get(replica, 0.0) + _ANSWER_WITHIN_S / 10:
                self._sign_in(replica)
                if replica not in self._tokens:
                    self._failed_at[replica] = time.time()
            return self._tokens.get(replica)

    def _sign_in(self, replica: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports()[replica], timeout=_ANSWER_WITHIN_S)
        body = urlencode({"username": self.email, "password": PASSWORD})
        try:
            connection.request("POST", "/auth/token", body, {"Content-Type": "application/x-www-form-urlencoded"})
            reply = connection.getresponse()
            text = reply.read()
            if reply.status == 200:
                self._tokens[replica] = json.loads(text)["access_token"]
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()


class Caller:
    """One caller's kept connections, one to each service."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._connections: dict[int, http.client.HTTPConnection] = {}

    def send(self, replica: int, method: str, path: str, body: bytes | None = None, key: str | None = None) -> Attempt:
        """Send a request once; a token that is refused is replaced, as a 401 comes before anything is done."""
        attempt = self._sent(replica, method, path, body, key)
        if attempt.status == 401:
            self._user.token(replica, refused=self._token)
            attempt = self._sent(replica, method, path, body, key)
        return attempt

    def _sent(self, replica: int, method: str, path: str, body: bytes | None, key: str | None) -> Attempt:
        self._token = self._user.token(replica)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        attempt = Attempt(replica, time.time(), 0.0)
        connection = self._connections.get(replica)
        try:
            if connection is None:
                connection = http.client.HTTPConnection(
                    "127.0.0.1", self._user.ports()[replica], timeout=_ANSWER_WITHIN_S
                )
                connection.connect()
                connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections[replica] = connection
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            attempt.text = reply.read().decode()
            attempt.status = reply.status
            if attempt.text[:1] in "{[" and attempt.text:
                attempt.reply = json.loads(attempt.text)
            if reply.will_close:
                connection.close()
                del self._connections[replica]
        except (OSError, http.client.HTTPException, ValueError):
            attempt.status, attempt.text, attempt.reply = None, "", None
            if connection is not None:
                connection.close()
            self._connections.pop(replica, None)
        attempt.ended = time.time()
        return attempt

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()


class Shared:
    """What all clients of a schedule know: the experiments, the observations and suggestions seen, what was done."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.operations: list[Operation] = []
        self.experiments: list[str] = []
        self.observed: list[tuple[str, dict[str, Any]]] = []
        self.leased: list[tuple[str, str]] = []


class Client(threading.Thread):
    """One client: it does one thing after the other until told to stop, each until there is an answer that stands."""

    def __init__(self, number: int, user: User, shared: Shared, seed: str) -> None:
        super().__init__(daemon=True, name=f"client {number}")
        self.number = number
        self.stopping = threading.Event()
        self.failure: Exception | None = None
        self._user = user
        self._shared = shared
        self._chance = random.Random(f"{seed} {number}")
        self._n = 0
        self._caller, self._twin = Caller(user), Caller(user)

    def run(self) -> None:
        acts = {
            self._tell: 34, self._ask: 16, self._current: 6, self._read: 8, self._history: 6, self._list: 4,
            self._correct: 10, self._undo: 4, self._renew_others: 3, self._reuse: 2, self._close: 3, self.create: 1,
        }  # fmt: skip
        try:
            while not self.stopping.is_set():
                self._n += 1
                self._chance.choices(list(acts), list(acts.values()))[0]()
                time.sleep(self._chance.uniform(0.0, 0.06))
        except Exception as error:  # noqa: BLE001 -- a thread's boundary: the schedule reports it
            self.failure = error
        finally:
            self._caller.close()
            self._twin.close()

    def do(
        self, kind: str, exp_uuid: str | None, path: str, sent: dict[str, Any] | None = None, *, key: str | None = "",
        patience_s: float = _PATIENCE_S,
    ) -> Operation:  # fmt: skip
        """Do a request until it is answered, some with their key at two services at once or once more at the end.

        Args:
            kind: What it is.
            exp_uuid: Of which experiment.
            path: Where it is sent.
            sent: Its body; a read has none.
            key: Its key; a new one by default, and None for a request that is sent once.
            patience_s: How long to repeat it.
        """
        method = "GET" if sent is None else "POST"
        key = None if sent is None else uuid4().hex if key == "" else key
        operation = Operation(self.number, kind, exp_uuid, sent or {}, key)
        with self._shared.lock:
            self._shared.operations.append(operation)
        body = None if sent is None else json.dumps(sent).encode()
        deadline = time.time() + patience_s
        replica = self._chance.randrange(2)
        while True:
            if key is not None and not operation.attempts and self._chance.random() < 0.08:
                attempt = self._at_both(operation, method, path, body, key)
            else:
                attempt = self._caller.send(replica, method, path, body, key)
                operation.attempts.append(attempt)
            if attempt.is_done or attempt.is_refused or (sent is not None and key is None):
                break
            is_late = time.time() > deadline and len(operation.attempts) >= _LEAST_ATTEMPTS
            if is_late or (sent is None and self.stopping.is_set()):
                return operation
            time.sleep(self._chance.uniform(0.02, 0.2))
            replica = self._chance.randrange(2)
        if key is not None and attempt.is_done and self._chance.random() < 0.1:
            operation.attempts.append(self._caller.send(1 - replica, method, path, body, key))
        return operation

    def _at_both(self, operation: Operation, method: str, path: str, body: bytes | None, key: str) -> Attempt:
        """Send a request to both services at once; return an answer that stands, if one came."""
        others: list[Attempt] = []
        other = threading.Thread(target=lambda: others.append(self._twin.send(1, method, path, body, key)))
        other.start()
        attempt = self._caller.send(0, method, path, body, key)
        other.join()
        operation.attempts += [attempt, *others]
        return next((one for one in operation.attempts if one.is_done or one.is_refused), attempt)

    def _experiment(self) -> str:
        return self._chance.choice(self._shared.experiments[:2])

    def _run(self, suggestion: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make a run that nobody has told before; its response is like no other's."""
        self._n += 1
        if suggestion is not None:
            covars, uuid = suggestion["covars"], suggestion["suggestion_uuid"]
            return {"covars": covars, "response": self._response(), "suggestion_uuid": uuid}
        covars = {"x": self._chance.random()}
        if self._chance.random() < 0.08:
            return {"covars": covars, "status": "failed"}
        return {"covars": covars, "response": self._response()}

    def _tell(self) -> None:
        exp_uuid = self._experiment()
        if self._chance.random() < 0.15:
            body: dict[str, Any] = {"observations": [self._run() for _ in range(self._chance.randrange(2, 6))]}
        else:
            body = self._run()
        self._told(exp_uuid, body, None if self._chance.random() < 0.1 else "")

    def _told(self, exp_uuid: str, body: dict[str, Any], key: str | None = "") -> None:
        done = self.do("tell", exp_uuid, f"/experiment/tell/{exp_uuid}", body, key=key).done
        if done is not None:
            with self._shared.lock:
                self._shared.observed += [(exp_uuid, told) for told in done.reply["observations"]]

    def _ask(self) -> None:
        exp_uuid = self._experiment()
        worker = f"worker {self.number}-{self._n}"
        body = {"n": self._chance.choice((1, 1, 2)), "worker": worker, "lease_s": self._chance.choice((1.0, 1.5, 20.0))}
        done = self.do("ask", exp_uuid, f"/experiment/ask/{exp_uuid}", body, patience_s=5.0).done
        for suggestion in done.reply["suggestions"] if done is not None else ():
            uuid = suggestion["suggestion_uuid"]
            with self._shared.lock:
                self._shared.leased.append((exp_uuid, uuid))
            fate = self._chance.random()
            if fate < 0.25:
                renewed = {"suggestion_uuids": [uuid], "worker": worker, "lease_s": 2.0}
                self.do("renew", exp_uuid, f"/experiment/{exp_uuid}/renew", renewed)
            if fate < 0.65:
                self._told(exp_uuid, self._run(suggestion))
            elif fate < 0.75:
                body = {"suggestion_uuid": uuid, "reason": "tried"}
                self.do("abandon", exp_uuid, f"/experiment/{exp_uuid}/abandon", body)

    def _renew_others(self) -> None:
        if not self._shared.leased:
            return
        exp_uuid, uuid = self._chance.choice(self._shared.leased[-6:])
        body = {"suggestion_uuids": [uuid], "worker": f"nobody {self.number}-{self._n}", "lease_s": 900.0}
        self.do("renew", exp_uuid, f"/experiment/{exp_uuid}/renew", body)

    def _current(self) -> None:
        exp_uuid = self._experiment()
        done = self.do("current", exp_uuid, f"/experiment/ask/{exp_uuid}", patience_s=3.0).done
        if done is not None and self._chance.random() < 0.5:
            self._told(exp_uuid, self._run(done.reply["suggestions"][0]))

    def _read(self) -> None:
        exp_uuid = self._experiment()
        self.do("read", exp_uuid, f"/experiment/{exp_uuid}", patience_s=3.0)

    def _history(self) -> None:
        exp_uuid = self._experiment()
        done = self.do("history", exp_uuid, f"/experiment/{exp_uuid}/history?limit=1000", patience_s=3.0).done
        if done is not None and done.reply["observations"]:
            with self._shared.lock:
                self._shared.observed.append((exp_uuid, self._chance.choice(done.reply["observations"])))

    def _list(self) -> None:
        self.do("list", None, "/experiment/all?limit=1000", patience_s=3.0)

    def _correct(self) -> None:
        if not self._shared.observed:
            return
        exp_uuid, told = self._chance.choice(self._shared.observed[-8:])
        self._n += 1
        body: dict[str, Any] = {"version": told["version"], "reason": f"correction {self.number}-{self._n}"}
        what = self._chance.random()
        if what < 0.5 and told["status"] == "ok":
            body["response"] = self._response()
        else:
            body["is_excluded"] = not told["is_excluded"]
        path = f"/experiment/{exp_uuid}/observation/{told['observation_uuid']}"
        done = self.do("correct", exp_uuid, path, body).done
        if done is not None:
            with self._shared.lock:
                self._shared.observed.append((exp_uuid, done.reply))

    def _response(self) -> float:
        return float(self._chance.randrange(1000) * 1_000_000 + self.number * 10_000 + self._n)

    def _undo(self) -> None:
        exp_uuid = self._experiment()
        self.do("undo", exp_uuid, f"/experiment/{exp_uuid}/undo", {"n": self._chance.choice((1, 1, 2))})

    def _reuse(self) -> None:
        """Tell another run with a key that was used."""
        with self._shared.lock:
            used = [one for one in self._shared.operations[-40:] if one.kind == "tell" and one.key and one.done]
        if used:
            other = self._chance.choice(used)
            self.do("tell", other.exp_uuid, f"/experiment/tell/{other.exp_uuid}", self._run(), key=other.key)

    def _close(self) -> None:
        exp_uuid = self._shared.experiments[1]
        self.do("close", exp_uuid, f"/experiment/{exp_uuid}/close", {})
        time.sleep(self._chance.uniform(0.0, 0.1))
        self.do("reopen", exp_uuid, f"/experiment/{exp_uuid}/reopen", {})

    def create(self) -> str:
        """Create an experiment and return its uuid."""
        covars = {"x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}}
        body = {"name": f"experiment {uuid4().hex}", "covars": covars, "seed": 1}
        done = self.do("create", None, "/experiment/new", body).done
        exp_uuid = "" if done is None else str(done.reply["exp_uuid"])
        if exp_uuid:
            with self._shared.lock:
                self._shared.experiments.append(exp_uuid)
        return exp_uuid
