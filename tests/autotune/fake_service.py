"""A service in memory, for tests of the client: it answers like the real one and does what a test asks of it."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx2
from pydantic import SecretStr

from autotune.client import Client, logged_in
from autotune.connection import Connection
from autotune.credentials import Credentials
from autotune.tokens import TokenSource
from autotune_wire import suggestions

URL = "http://autotune.test"
SPACE = {"x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}}
PASSWORD = "correct horse"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat()

Answer = httpx2.Response | Exception


class FakeService:
    """One user's experiments.

    Attributes:
        calls: Method and path of every request, in order.
        troubles: Answers or errors that the next requests meet, by method and the path's start; each once.
        holding: The access tokens that hold.
        spaces: What the revisions of a space are.
        learnt: What insights are.
        predicted: The responses that are predicted, each as x.
        waits: What the client slept, in seconds; the clock moves by it.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.troubles: list[tuple[str, Answer]] = []
        self.holding: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: list[dict[str, Any]] = []
        self.spaces: list[dict[str, Any]] = []
        self.learnt = insights()
        self.predicted = ["Response"]
        self.page = 1000
        self.now = 0.0
        self.waits: list[float] = []
        self.n_tokens = 0

    def connection(self, credentials: Credentials | None = None, url: str = URL, timeout_s: float = 60) -> Connection:
        http = httpx2.Client(base_url=url, transport=httpx2.MockTransport(self.handle))
        own = credentials or Credentials(username="a@b.c", password=SecretStr(PASSWORD))
        return Connection(http, TokenSource(http, own), timeout_s, clock=lambda: self.now, sleep=self.sleep)

    def client(self, **options: Any) -> Client:
        return logged_in(self.connection(**options))

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def trouble(self, call: str, *answers: Answer) -> None:
        """Let the next calls such as ``"GET /experiment/ask"`` meet these answers, one each."""
        self.troubles += [(call, answer) for answer in answers]

    def n_calls(self, call: str) -> int:
        return sum(f"{method} {path}".startswith(call) for method, path in self.calls)

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.calls.append((request.method, path))
        self.bodies.append(request.content)
        for index, (call, answer) in enumerate(self.troubles):
            if f"{request.method} {path}".startswith(call):
                del self.troubles[index]
                if isinstance(answer, Exception):
                    raise answer
                return answer
        if path.startswith("/auth/") and path != "/auth/header-me":
            return self._give_tokens(path, request)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.holding:
            return problem(401, "unauthenticated", "sign in first")
        return self._answer(path, request)

    def new_tokens(self) -> dict[str, Any]:
        self.n_tokens += 1
        access, refresh = f"access-{self.n_tokens}", f"refresh-{self.n_tokens}"
        self.holding.add(access)
        self.refresh_tokens.add(refresh)
        return {"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": 900}

    def _give_tokens(self, path: str, request: httpx2.Request) -> httpx2.Response:
        if path == "/auth/refresh":
            token = json.loads(request.content)["refresh_token"]
            if token not in self.refresh_tokens:
                return problem(401, "unauthenticated", "the refresh token is spent")
            self.refresh_tokens.remove(token)
        elif b"correct" not in request.content:
            return problem(401, "unauthenticated", "the address or the password is wrong")
        return httpx2.Response(200, json=self.new_tokens())

    def _answer(self, path: str, request: httpx2.Request) -> httpx2.Response:
        parts = path.strip("/").split("/")
        if path == "/auth/header-me":
            return httpx2.Response(200, json={"username": "a@b.c", "access_token": "t", "token_type": "bearer"})
        if path == "/experiment/new":
            return httpx2.Response(201, json=self.add(json.loads(request.content)))
        if path == "/experiment/all":
            return self._page("experiments", list(self.experiments.values())[::-1], request)
        if parts[-1] == "history":
            return self._page("observations", self.runs, request)
        found = self.experiments.get(next(part for part in parts[1:] if len(part) == 36))
        if found is None:
            return problem(404, "not_found", "there is no such experiment")
        return self._of_experiment(parts, found, request)

    def _of_experiment(self, parts: list[str], found: dict[str, Any], request: httpx2.Request) -> httpx2.Response:
        if found["stopped"] and parts[1] == "ask":
            return problem(409, "experiment_stopped", "it has stopped")
        if parts[1] == "ask":
            query = request.url.params.get("fixed")
            body = json.loads(request.content) if request.method == "POST" else {"fixed": json.loads(query or "{}")}
            fixed = body.get("fixed", {})
            proposed = [suggestion(**fixed) for _ in range(body.get("n", 1))]
            reply = {"exp_uuid": found["exp_uuid"], "time_updated": NOW, "covars_next_exp": "[]"}
            return httpx2.Response(200, json={**reply, "suggestions": proposed})
        if parts[1] == "tell":
            return httpx2.Response(202, json=self._tell(found, json.loads(request.content)))
        if parts[-1] == "predict":
            return httpx2.Response(200, json=self._predict(json.loads(request.content)))
        if parts[-1] == "insights":
            return httpx2.Response(200, json=self.learnt)
        if parts[-1] == "spaces":
            return httpx2.Response(200, json={"spaces": self.spaces})
        if parts[-1] == "space":
            found.update(json.loads(request.content), space_revision=1)
        if parts[-1] == "resume":
            found.update(json.loads(request.content), stopped=None)
        if parts[-1] == "close":
            found["state"] = "closed"
        return httpx2.Response(200, json=found)

    def _predict(self, body: dict[str, Any]) -> dict[str, Any]:
        means = [covars.get("x", 0.0) for covars in body["configurations"]]
        return {
            "data_rev": 1,
            "predictions": [{name: {"mean": x, "sd": 0.1} for name in self.predicted} for x in means],
        }

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        uuid = str(uuid4())
        self.experiments[uuid] = {
            "description": "", "model_type": "SingleTaskGP", "acq_func": "ExpectedImprovement", "seed": 1,
            "direction": "maximize", "stop": None, **body, "exp_uuid": uuid, "state": "active", "n_observations": 0,
            "best": None, "stopped": None, "last_seq": 1, "time_created": NOW, "time_updated": NOW,
        }  # fmt: skip
        return self.experiments[uuid]

    def _tell(self, found: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
        names = list(found.get("responses", {"Response": None}))
        told = [observation(names=names, **run) for run in body.get("observations", [body])]
        self.runs += told
        good = [run for run in self.runs if run["response"] is not None]
        if good:
            top = max(good, key=lambda run: run["response"])
            found["best"] = {key: top[key] for key in ("observation_uuid", "covars", "response")}
        found["n_observations"] = len(self.runs)
        if found["stop"] and len(self.runs) >= found["stop"]["budget"]:
            found["stopped"] = {"rule": "budget", "reason": "the budget is used up", "at": NOW}
        texts = dict.fromkeys(["covars_tell", "response_tell", "best_response", "covars_best_response"], "{}")
        counts = dict.fromkeys(["covars_sampled_iter", "response_sampled_iter"], len(self.runs))
        return {"exp_uuid": found["exp_uuid"], **texts, **counts, "time_updated": NOW, "observations": told}

    def _page(self, field: str, items: list[Any], request: httpx2.Request) -> httpx2.Response:
        start = int(request.url.params.get("after", "0"))
        end = start + min(int(request.url.params["limit"]), self.page)
        return httpx2.Response(200, json={field: items[start:end], "next": str(end) if end < len(items) else None})


def problem(status: int, code: str, detail: str, retry_after: int | None = None, **more: Any) -> httpx2.Response:
    headers = {"Content-Type": "application/problem+json"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    body = {"title": "A problem", "status": status, "code": code, "detail": detail, **more}
    return httpx2.Response(status, json=body, headers=headers)


def suggestion(x: float = 0.5, uuid: UUID | None = None, **changes: Any) -> dict[str, Any]:
    fields = {
        "suggestion_uuid": str(uuid or uuid4()), "covars": {"x": x}, "source": "model", "reason": "it may be better",
        "mean": 0.9, "sd": 0.01, "data_rev": 3, "time_created": NOW,
    }  # fmt: skip
    known = suggestions.Suggestion.model_fields
    covars = {**fields["covars"], **{name: value for name, value in changes.items() if name not in known}}
    return {**fields, "covars": covars, **{name: value for name, value in changes.items() if name in known}}


def observation(
    covars: Any,
    response: float | None = None,
    suggestion_uuid: str | None = None,
    seq: int = 1,
    names: Sequence[str] = ("Response",),
    **told: Any,
) -> dict[str, Any]:
    responses = told.get("responses") or ({} if response is None else {names[0]: response})
    sds = told.get("sds") or ({} if told.get("sd") is None else {names[0]: told["sd"]})
    own = {"observation_uuid": str(uuid4()), "seq": seq, "time_created": NOW, "status": told.get("status", "ok")}
    measured = {"responses": responses, "sds": sds, "response": responses.get(names[0])}
    return {**own, **measured, "covars": covars, "suggestion_uuid": suggestion_uuid}


def insights(**changes: Any) -> dict[str, Any]:
    """What the model learnt of one response along x."""
    uuid = str(uuid4())
    best = {"observation_uuid": uuid, "covars": {"x": 0.4}, "response": 3.0}
    slices = [{"value": x / 4, "mean": float(x), "sd": 0.5} for x in range(5)]
    left_out = [{"observation_uuid": uuid, "observed": y, "mean": y + 0.1, "sd": 0.2} for y in (1.0, 2.0, 3.0)]
    return {
        "data_rev": 3, "n_observations": 3, "leave_one_out": {"Response": left_out},
        "importance": {"Response": {"x": 1.0}}, "slices": {"Response": {"x": slices}}, "pareto": [],
        "hypervolume": None, "reference": None,
        "best_observed": best, "best_predicted": {"covars": {"x": 0.6}, "mean": 3.5, "sd": 0.25, "data_rev": 3},
        "feasible_share": None, **changes,
    }  # fmt: skip


def event(seq: int, kind: str = "experiment_created", data: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"seq": seq, "type": kind, "at": NOW, "data": data or {}}
