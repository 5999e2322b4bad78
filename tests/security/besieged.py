"""A service under hostile requests: who sends them, to which ids, and what no answer to them may be or hold."""

import http.client
import json
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import strangers
from strangers import MARKER, NUMBER

from processes import ServiceProcess
from support import PASSWORD, UNKNOWN_UUID

Headers = list[tuple[bytes, bytes]]

JUNK_IDS = ["x", "..", "%00", "%ff", "%ED%A0%80", "0" * 500, "-1", "{exp_uuid}", "%2e%2e%2f", UNKNOWN_UUID.upper()]


def own(body: Any) -> Any:
    """Give a body of the stranger as the attacker sends it about experiments of her own, without the marker."""
    return json.loads(json.dumps(body).replace(MARKER, "own").replace(str(NUMBER), "3150.5"))


@dataclass
class Answer:
    """A reply as it came over the wire."""

    status: int
    text: str


@dataclass
class Besieged:
    """A service with the experiments of a stranger, and an attacker who has an account and experiments too.

    Attributes:
        callers: The credentials of each caller, as headers; those of the attacker stay good whatever she sends.
        foreign: The ids of what the stranger has, by the name that paths have for them.
        owns: The same of the attacker.
        statuses: How often a caller got a status.
    """

    service: ServiceProcess
    stranger: httpx2.Client
    eve: httpx2.Client
    callers: dict[str, Headers] = field(default_factory=dict)
    foreign: dict[str, list[str]] = field(default_factory=dict)
    owns: dict[str, list[str]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    _connection: http.client.HTTPConnection | None = None

    @classmethod
    def of(cls, service: ServiceProcess, stack: ExitStack) -> "Besieged":
        """Plant the stranger's experiments in a service and sign the attackers in."""
        stranger, eve = (signed_up(service, stack, f"{name}@example.org") for name in ("bob", "eve"))
        besieged = cls(service, stranger, eve)
        besieged.foreign = strangers.plant(stranger)
        besieged.callers = {"nobody": []}
        for scope in ("read", "admin"):
            token = eve.post("/auth/tokens", json={"name": scope, "scopes": [scope]}).json()["token"]
            besieged.callers[f"eve by a token of scope {scope}"] = bearer(token)
        with service.client() as admin:
            made = admin.post("/auth/tokens", json={"name": "admin", "scopes": ["admin"]}).json()
            besieged.callers["an admin"] = bearer(made["token"])
        group = eve.post("/group", json={"name": "own group"}).json()["group_uuid"]
        spare = eve.post("/auth/tokens", json={"name": "spare", "scopes": ["read"]}).json()["token_uuid"]
        carol = signed_up(service, stack, "carol@example.org").get("/user/export").json()["user"]["uuid"]
        besieged.owns = {"group_uuid": [group], "token_uuid": [spare], "user_uuid": [carol]}
        besieged.renew()
        return besieged

    def renew(self) -> None:
        """Sign the attacker in again by session and cookie, and give her a new experiment: she may have ended both."""
        form = {"username": "eve@example.org", "password": PASSWORD}
        with httpx2.Client(base_url=self.service.url, timeout=60) as client:
            session = client.post("/auth/token", data=form).json()["access_token"]
            cookie = client.post("/auth/login", data=form).cookies["autotune"]
            client.headers["Authorization"] = f"Bearer {session}"
            exp_uuid = client.post("/experiment/new", json=own(strangers.NEW)).json()["exp_uuid"]
            (suggestion,) = client.get(f"/experiment/ask/{exp_uuid}").json()["suggestions"]
            told = client.post(f"/experiment/tell/{exp_uuid}", json=own(strangers.TELLS[2])).json()["observations"]
        self.callers["eve by a session"] = bearer(session)
        origin = self.service.url.encode()
        self.callers["eve by a cookie"] = [(b"Cookie", f"autotune={cookie}".encode()), (b"Origin", origin)]
        self.owns |= {"exp_uuid": [exp_uuid], "suggestion_uuid": [suggestion["suggestion_uuid"]]}
        self.owns["observation_uuid"] = [one["observation_uuid"] for one in told]

    def ids(self, caller: str, name: str) -> list[str]:
        """Give what stands in a path for a name; an admin does not get the stranger's account to close."""
        found = [*self.owns[name], *self.owns[name], UNKNOWN_UUID, str(uuid4()), *JUNK_IDS]
        return found if (caller, name) == ("an admin", "user_uuid") else [*self.foreign[name], *found]

    def send(self, method: str, target: str, headers: Headers, body: bytes | None) -> Answer:
        """Send a request as it is, without what a client library would mend."""
        for is_last in (False, True):
            connection = self._connection or http.client.HTTPConnection(self.service.url.removeprefix("http://"))
            self._connection = connection
            try:
                has_host = any(name == b"Host" for name, _ in headers)
                connection.putrequest(method, target, skip_host=has_host, skip_accept_encoding=True)
                for name, value in [*headers, (b"Content-Length", str(len(body or b"")).encode())]:
                    connection.putheader(name.decode(), value)
                connection.endheaders(body)
                reply = connection.getresponse()
                return Answer(reply.status, f"{reply.headers}{reply.read().decode(errors='replace')}")
            except (http.client.HTTPException, OSError):
                connection.close()  # an idle connection that the service has closed meanwhile
                self._connection = None
                if is_last:
                    raise
        raise AssertionError("unreachable")

    def judge(self, caller: str, what: str, status: int, text: str) -> None:
        """Count an answer, and refuse one that is an error of the service, or tells of the stranger's experiments."""
        self.statuses[caller, status] += 1
        assert status < 500, f"{caller}: {what}: {status} {text[:2000]}"
        for secret in (MARKER, str(NUMBER)):
            assert secret not in text, f"{caller}: {what}: tells {text[:2000]}"

    def close(self) -> None:
        with suppress(Exception):
            if self._connection is not None:
                self._connection.close()


def signed_up(service: ServiceProcess, stack: ExitStack, email: str) -> httpx2.Client:
    """Make an account and return a client that is signed in by a token for automation, which no sign-out ends."""
    client = stack.enter_context(httpx2.Client(base_url=service.url, timeout=120))
    assert client.post("/user/signup", json={"email": email, "password": PASSWORD}).is_success
    session = client.post("/auth/token", data={"username": email, "password": PASSWORD}).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {session}"
    token = client.post("/auth/tokens", json={"name": "client", "scopes": ["admin"]}).json()["token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return client


def bearer(token: str) -> Headers:
    return [(b"Authorization", f"Bearer {token}".encode())]
