"""A service in memory, for tests of the client: it answers like the real one and does what a test asks of it."""

import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from math import inf
from queue import SimpleQueue
from threading import Lock
from typing import Any
from uuid import UUID, uuid4

import httpx2
from pydantic import SecretStr

from autotune.client import Client, logged_in
from autotune.transport.connection import Connection
from autotune.transport.credentials import Credentials
from autotune.transport.http import Http
from autotune.transport.tokens import TokenSource
from autotune_wire import suggestions
from autotune_wire.base import IDEMPOTENCY_HEADER
from autotune_wire.experiments import NewExperiment, direction_of
from autotune_wire.observations import NoteEdit
from autotune_wire.responses import primary_of

URL = "http://autotune.test"
SPACE = {"x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}}
PASSWORD = "correct horse"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).isoformat()

Answer = httpx2.Response | Exception | Callable[[], httpx2.Response | Exception]


class FakeService:
    """One user's experiments; any thread may call it.

    Attributes:
        calls: Method and path of every request, in order.
        keys: The Idempotency-Key of every request, None where it has none.
        answers: What was asked and answered, by key: a request that comes again gets its first answer again.
        suggestions: Those that were given, by uuid.
        renewals: The bodies of renewals, as they come.
        n_given: How many suggestions an ask gets at most.
        troubles: Answers or errors that the next requests meet, by method and the path's start; each once.
        holding: The access tokens that hold.
        advice: What the next new experiments are told of their spaces.
        spaces: What the revisions of a space are.
        learnt: What insights are.
        overviews: The overviews of experiments, by uuid; without one the service is of a version that has none.
        teller: The uuid of the user who tells, None for a service that does not say so.
        tellers: The addresses of users, by uuid.
        predicted: The responses that are predicted, each as x.
        reports: What the runs of suggestions reported: the value of each step, by the suggestion's uuid.
        stops_below: A run that reports less is to be stopped.
        waits: What the client slept, in seconds; the clock moves by it.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.keys: list[str | None] = []
        self.answers: dict[str, tuple[str, bytes, httpx2.Response]] = {}
        self.lost: list[str] = []
        self.suggestions: dict[str, dict[str, Any]] = {}
        self.renewals: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.n_given = 100
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self._lock = Lock()
        self.troubles: list[tuple[str, Answer]] = []
        self.holding: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: list[dict[str, Any]] = []
        self.advice: list[str] = []
        self.spaces: list[dict[str, Any]] = []
        self.learnt = insights()
        self.overviews: dict[str, dict[str, Any]] = {}
        self.teller: str | None = None
        self.tellers: dict[str, str] = {}
        self.predicted = ["Response"]
        self.reports: dict[str, dict[int, float]] = {}
        self.stops_below = -inf
        self.page = 1000
        self.now = 0.0
        self.waits: list[float] = []
        self.n_tokens = 0
        self.n_proposed: Counter[str] = Counter()

    def connection(self, credentials: Credentials | None = None, url: str = URL, timeout_s: float = 60) -> Connection:
        http = Http(url)
        http._pool = httpx2.Client(base_url=url, transport=httpx2.MockTransport(self.handle))
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

    def lose(self, call: str, n: int = 1) -> None:
        """Do what the next n calls such as ``"POST /experiment/tell"`` ask, and lose the answers."""
        self.lost += [call] * n

    def n_calls(self, call: str) -> int:
        return sum(f"{method} {path}".startswith(call) for method, path in self.calls)

    def keys_of(self, call: str) -> list[str | None]:
        called = zip(self.calls, self.keys, strict=True)
        return [key for (method, path), key in called if f"{method} {path}".startswith(call)]

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        with self._lock:
            response = self._handle(request)
            lost = next((call for call in self.lost if f"{request.method} {request.url.path}".startswith(call)), None)
            if lost is not None:
                self.lost.remove(lost)
                raise httpx2.ReadError("cut")
            return response

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        key = request.headers.get(IDEMPOTENCY_HEADER)
        self.keys.append(key)
        self.calls.append((request.method, path))
        self.bodies.append(request.content)
        for index, (call, answer) in enumerate(self.troubles):
            if f"{request.method} {path}".startswith(call):
                del self.troubles[index]
                answer = answer() if callable(answer) else answer
                if isinstance(answer, Exception):
                    raise answer
                return answer
        if path.startswith("/auth/") and path != "/auth/header-me":
            return self._give_tokens(path, request)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.holding:
            return problem(401, "unauthenticated", "sign in first")
        return self._answer(path, request) if key is None else self._once(key, path, request)

    def _once(self, key: str, path: str, request: httpx2.Request) -> httpx2.Response:
        if key in self.answers:
            *asked, answer = self.answers[key]
            same = asked == [path, request.content]
            return answer if same else problem(422, "key_reused", "this key belongs to another request")
        answer = self._answer(path, request)
        if answer.is_success:
            self.answers[key] = (path, request.content, answer)
        return answer

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
            new = NewExperiment.model_validate_json(request.content)  # as the service checks it
            direction = direction_of(primary_of(new.responses_or_default())[1])
            sources = [self._source(str(uuid)) for uuid in new.learn_from]
            made = json.loads(request.content) | {"direction": direction, "learn_from": sources}
            return httpx2.Response(201, json=self.add(made))
        if path == "/experiment/all":
            return self._page("experiments", list(self.experiments.values())[::-1], request)
        if parts[-1] == "history":
            runs = [run for run in self.runs if run["exp_uuid"] in parts]
            return self._page("observations", runs, request, tellers=self.tellers)
        found = self.experiments.get(next(part for part in parts[1:] if len(part) == 36))
        if found is None:
            return problem(404, "not_found", "there is no such experiment")
        return self._of_experiment(parts, found, request)

    def _of_experiment(self, parts: list[str], found: dict[str, Any], request: httpx2.Request) -> httpx2.Response:
        if parts[1] == "ask":
            return self._ask(found, request)
        if parts[1] == "tell":
            return self._tell(found, json.loads(request.content))
        if "observation" in parts:
            return self._of_observation(parts, request)
        asked = {"renew": self._renew, "abandon": self._abandon, "predict": self._predict, "report": self._report}
        known = {"insights": self.learnt, "spaces": {"spaces": self.spaces}}
        if parts[-1] in asked:
            return httpx2.Response(200, json=asked[parts[-1]](json.loads(request.content)))
        if parts[-1] == "curves":
            return httpx2.Response(200, json={"response": "Response", "curves": self._curves()})
        if parts[-1] in known:
            return httpx2.Response(200, json=known[parts[-1]])
        if parts[-1] == "overview":
            shown = self.overviews.get(found["exp_uuid"])
            if shown is None:
                return problem(404, "not_found", "no such path")
            return httpx2.Response(200, json=_with_newest(shown, request.url.params.get("newest")))
        return self._changed(parts[-1], found, json.loads(request.content or "{}"))

    def _changed(self, change: str, found: dict[str, Any], body: dict[str, Any]) -> httpx2.Response:
        if change == "undo":
            return self._undo(found, body["n"])
        if change == "delete" and body["name"] != found["name"]:
            return problem(422, "invalid", "another name", errors=[{"field": "name", "message": "another name"}])
        if change == "delete":
            del self.experiments[found["exp_uuid"]]
        changes: dict[str, dict[str, object]] = {
            "space": {"space_revision": 1},
            "pause": {"paused": {"reason": body.get("reason"), "by": str(uuid4()), "at": NOW}},
            "resume": {"stopped": None, "paused": None},
            "close": {"state": "closed", "paused": None},
            "reopen": {"state": "active", "stopped": None, "paused": None},
        }
        found.update(body, **changes.get(change, {}))
        return httpx2.Response(200, json=found)

    def _ask(self, found: dict[str, Any], request: httpx2.Request) -> httpx2.Response:
        if found["paused"]:
            return problem(409, "experiment_paused", "it is paused")
        if found["stopped"]:
            return problem(409, "experiment_stopped", "it has stopped")
        query = request.url.params.get("fixed")
        body = json.loads(request.content) if request.method == "POST" else {"fixed": json.loads(query or "{}")}
        lease: dict[str, Any] = {"worker": body.get("worker"), "state": "leased"} if request.method == "POST" else {}
        n = min(body.get("n", 1), self.n_given)
        proposed = [suggestion(**lease) | self._configuration(found, body.get("fixed", {})) for _ in range(n)]
        self.suggestions |= {one["suggestion_uuid"]: one for one in proposed}
        reply = {"exp_uuid": found["exp_uuid"], "time_updated": NOW, "covars_next_exp": "[]"}
        return httpx2.Response(200, json={**reply, "suggestions": proposed})

    def _configuration(self, found: dict[str, Any], fixed: dict[str, Any]) -> dict[str, Any]:
        """Propose x as it is fixed, or else 0.5; in another space the guess, and random values after it."""
        covars = found["covars"]
        if "x" in covars:
            return {"covars": {"x": 0.5, **fixed}}
        n = self.n_proposed[found["exp_uuid"]] = self.n_proposed[found["exp_uuid"]] + 1
        draw = random.Random(n)
        values = {name: covar["guess"] if n == 1 else drawn(covar, draw) for name, covar in covars.items()}
        for name, covar in covars.items():
            condition = covar.get("active_if")
            if condition and values[condition["covariate"]] not in condition["values"]:
                del values[name]
        return {"covars": {**values, **fixed}}

    def _abandon(self, body: dict[str, Any]) -> dict[str, Any]:
        abandoned = self.suggestions[body["suggestion_uuid"]]
        abandoned.update(state="abandoned", abandoned_because=body.get("reason", ""))
        return abandoned

    def _report(self, body: dict[str, Any]) -> dict[str, Any]:
        uuid, value = body["suggestion_uuid"], body["value"]
        reported = self.reports.setdefault(uuid, {})
        reported[body["step"]] = value
        why = f"{value} is too little" if value < self.stops_below else None
        verdict = {"should_stop": why is not None, "why": why, "n_reports": len(reported)}
        return {"suggestion_uuid": uuid, "step": body["step"], **verdict}

    def _with_stop(self, run: dict[str, Any]) -> dict[str, Any]:
        """Return what is stored of a run that was told as stopped; any other run as it was told."""
        if run.get("status") != "stopped":
            return run
        reported = self.reports.get(run.get("suggestion_uuid", ""), {}).items()
        step, value = next(reversed(reported), (None, None))
        measured = next(iter(run.get("responses", {}).values()), run.get("response", value))
        kept = {name: cell for name, cell in run.items() if name not in {"responses", "response"}}
        return kept | {"status": "ok", "stopped_step": run.get("stopped_step", step), "stopped_value": measured}

    def _curves(self) -> list[dict[str, Any]]:
        about = {"observation_uuid": None, "should_stop": False, "why": None, "time_updated": NOW, "state": "running"}
        return [
            {**about, "suggestion_uuid": uuid, "steps": list(points), "values": list(points.values())}
            for uuid, points in self.reports.items()
        ]

    def _predict(self, body: dict[str, Any]) -> dict[str, Any]:
        means = [covars.get("x", 0.0) for covars in body["configurations"]]
        return {
            "data_rev": 1,
            "predictions": [{name: {"mean": x, "sd": 0.1} for name in self.predicted} for x in means],
            "why_not": [f"x is {x}, at most 1" if x > 1 else None for x in means],
        }

    def add(self, body: dict[str, Any]) -> dict[str, Any]:
        uuid = str(uuid4())
        if "candidates" in body:
            body = {**body, "candidates": {"n": len(body["candidates"])}}
        self.experiments[uuid] = {
            "description": "", "model_type": "SingleTaskGP", "acq_func": "ExpectedImprovement", "seed": 1,
            "direction": "maximize", "stop": None, "advice": self.advice, **body, "exp_uuid": uuid, "state": "active",
            "n_observations": 0, "best": None, "stopped": None, "paused": None, "last_seq": 1,
            "time_created": NOW, "time_updated": NOW,
        }  # fmt: skip
        return self.experiments[uuid]

    def _source(self, uuid: str) -> dict[str, Any]:
        found = self.experiments[uuid]
        return {name: found[name] for name in ("exp_uuid", "name", "last_seq")} | {"n_runs": found["n_observations"]}

    def _renew(self, body: dict[str, Any]) -> dict[str, Any]:
        self.renewals.put(body)
        found = [self.suggestions[uuid] for uuid in body["suggestion_uuids"]]
        held = [one["state"] == "leased" and one["worker"] == body.get("worker") for one in found]
        lost = [one["suggestion_uuid"] for one, is_held in zip(found, held, strict=True) if not is_held]
        return {"suggestions": found, "lost": lost}

    def _of_observation(self, parts: list[str], request: httpx2.Request) -> httpx2.Response:
        run = next(one for one in self.runs if one["observation_uuid"] in parts)
        versions = self.versions.setdefault(run["observation_uuid"], [{**run, "reason": None}])
        if parts[-1] == "versions":
            return httpx2.Response(200, json={"observation_uuid": run["observation_uuid"], "versions": versions})
        body = json.loads(request.content)
        if parts[-1] == "note":
            NoteEdit.model_validate(body)  # as the service checks it
            run.update(body, noted_by=str(uuid4()), time_noted=NOW)
            return httpx2.Response(200, json=run)
        if body.pop("version") != run["version"]:
            return problem(409, "version_conflict", "it has another version", current=run)
        changed = {name: value for name, value in body.items() if name not in {"reason", "sd"}}
        if "response" in body:
            changed["responses"] = {"Response": body["response"]}
            changed["sds"] = {"Response": body["sd"]} if "sd" in body else {}
        if "responses" in body:  # what is not named stays
            measured = {**run["responses"], **body["responses"]}
            changed["responses"] = {name: value for name, value in measured.items() if value is not None}
            changed["response"] = next(iter(changed["responses"].values()))
            kept = {name: sd for name, sd in run["sds"].items() if name not in body["responses"]}
            changed["sds"] = kept | body.get("sds", {})
        if body.get("status", "stopped" if run["stopped_step"] is not None else None) == "stopped":
            step = body.get("stopped_step", run["stopped_step"])
            last = {"stopped_step": step, "stopped_value": changed.get("response", run["stopped_value"])}
            changed |= {**last, "status": "ok", "response": None, "responses": {}, "sds": {}}
        elif body.get("status") == "ok":
            changed |= {"stopped_step": None, "stopped_value": None}
        run.update(changed, version=run["version"] + 1)
        versions.append({**run, "reason": body["reason"]})
        return httpx2.Response(200, json=run)

    def _tell(self, found: dict[str, Any], body: dict[str, Any]) -> httpx2.Response:
        ran = self.suggestions.get(body.get("suggestion_uuid") or "", {})
        if ran.get("state") == "told":
            return problem(409, "already_told", "it has its observation")
        ran["state"] = "told"
        names = list(found.get("responses", {"Response": None}))
        told = [
            observation(names=names, told_by=self.teller, **{"seq": len(self.runs) + i, **self._with_stop(run)})
            | {"exp_uuid": found["exp_uuid"]}
            for i, run in enumerate(body.get("observations", [body]), start=1)
        ]
        self.runs += told
        good = [run for run in self.runs if run["response"] is not None]
        if good:
            top = max(good, key=lambda run: run["response"])
            found["best"] = {key: top[key] for key in ("observation_uuid", "covars", "response", "responses")}
        found["n_observations"] = len(self.runs)
        if found["stop"] and len(self.runs) >= found["stop"]["budget"]:
            found["stopped"] = {"rule": "budget", "reason": "the budget is used up", "at": NOW}
        texts = dict.fromkeys(["covars_tell", "response_tell", "best_response", "covars_best_response"], "{}")
        counts = dict.fromkeys(["covars_sampled_iter", "response_sampled_iter"], len(self.runs))
        told = json.loads(json.dumps(told))
        reply = {"exp_uuid": found["exp_uuid"], **texts, **counts, "time_updated": NOW, "observations": told}
        return httpx2.Response(202, json=reply)

    def _undo(self, found: dict[str, Any], n: int) -> httpx2.Response:
        counted = [run for run in self.runs[::-1] if not run["is_excluded"]]
        if len(counted) < n:
            return problem(409, "nothing_to_undo", "there is nothing to undo")
        freed = [self.suggestions[run["suggestion_uuid"]] for run in counted[:n] if run["suggestion_uuid"]]
        for run in counted[:n]:
            run.update(is_excluded=True, version=run["version"] + 1, suggestion_uuid=None)
        for one in freed:
            one["state"] = "superseded"
        if found["stop"] and len(counted) - n < found["stop"]["budget"]:
            found["stopped"] = None
        return httpx2.Response(200, json={"observations": counted[:n], "suggestions": freed})

    def _page(self, field: str, items: list[Any], request: httpx2.Request, **more: Any) -> httpx2.Response:
        if "number" in request.url.params:
            number = int(request.url.params["number"])
            return httpx2.Response(200, json={field: items[number - 1 : number], "next": None, **more})
        if "newest" in request.url.params:
            first = max(len(items) - int(request.url.params["newest"]), 0)
            return httpx2.Response(200, json={field: items[first:], "next": None, "first_number": first + 1, **more})
        start = int(request.url.params.get("after", "0"))
        end = start + min(int(request.url.params["limit"]), self.page)
        page = {field: items[start:end], "next": str(end) if end < len(items) else None}
        return httpx2.Response(200, json={**page, **more})


def _with_newest(shown: dict[str, Any], newest: str | None) -> dict[str, Any]:
    if newest is None:
        return shown
    first = max(len(shown["seqs"]) - int(newest), 0)
    numbers = {name: [n for n in shown[name] if n > first] for name in ("failed", "excluded", "modelled")}
    responses = {name: column[first:] for name, column in shown["responses"].items()}
    return {**shown, **numbers, "seqs": shown["seqs"][first:], "responses": responses}


def drawn(covar: dict[str, Any], draw: random.Random) -> int | float | str:
    """Draw a value of a covariate."""
    if covar["vtype"] == "cat":
        option: int | float | str = draw.choice(covar["options"])
        return option
    low, high = covar["min"], covar["max"]
    return draw.randint(low, high) if covar["vtype"] == "int" else draw.uniform(low, high)


def problem(status: int, code: str, detail: str, retry_after: int | None = None, **more: Any) -> httpx2.Response:
    headers = {"Content-Type": "application/problem+json"}
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    body = {"title": "A problem", "status": status, "code": code, "detail": detail, **more}
    return httpx2.Response(status, json=body, headers=headers)


def suggestion(x: float = 0.5, uuid: UUID | None = None, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
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
    own = {
        "observation_uuid": told.get("observation_uuid", str(uuid4())), "seq": seq, "time_created": NOW,
        "status": told.get("status", "ok"), "version": 1, "is_excluded": told.get("is_excluded", False),
        "told_by": told.get("told_by"), "failed_because": told.get("failed_because"), "note": told.get("note"),
        "tags": told.get("tags", []), "stopped_step": told.get("stopped_step"),
        "stopped_value": told.get("stopped_value"),
    }  # fmt: skip
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


def overview(seen: dict[str, Any], /, **responses: list[float | None]) -> dict[str, Any]:
    """An experiment after runs with these responses, told one after the other from seq 2 on."""
    n = len(next(iter(responses.values())))
    columns = {"seqs": list(range(2, n + 2)), "responses": responses, "failed": [], "excluded": [], "modelled": []}
    return {"experiment": seen, "suggestions": [], "changes": [], **columns}


def event(seq: int, kind: str = "experiment_created", data: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"seq": seq, "type": kind, "at": NOW, "data": data or {}}
