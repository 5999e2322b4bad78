"""Experiments with a history of everything that can happen to one, made over the API."""

import re

from autotune_service.compute.messages import Result
from autotune_service.engine.interface import Best, Prediction, Suggestion
from autotune_service.tuning.leases import expire_leases
from calling import get, post
from fake_pool import SECONDS, FakePool

COVARS = {
    "x": {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0},
    "y": {"vtype": "cont", "guess": 1.0, "min": 0.1, "max": 10.0, "log": True},
    "k": {"vtype": "int", "guess": 2, "min": 0, "max": 8},
    "color": {"vtype": "cat", "guess": "red", "options": ["red", "green", "blue"]},
}
OVEN = {"oven": {"vtype": "cat", "guess": "a", "options": ["a", "b"], "role": "context"}}
ADDED = {"z": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}}
RESPONSES = {
    "taste": {"goal": "maximize", "reference": 0.0},
    "cost": {"goal": "minimize"},
    "size": {"goal": ">=", "bound": 0.5},
}
CONSTRAINTS = [
    {"ctype": "linear", "weights": {"x": 2.0, "k": 0.25}, "relation": "<=", "bound": 3.0},
    {"ctype": "forbidden", "combination": {"color": ["blue"], "k": [0, 1]}},
]
RUNS = [(0.1, 0.5, 1, "red"), (0.5, 2.0, 3, "green"), (0.75, 5.0, 5, "blue"), (0.9, 9.0, 2, "red")]


class HistoryPool(FakePool):
    """Suggests the guess with one x after the other."""

    async def work(self, job, within_s=None):
        suggested = [self._next(job.given) for _ in range(job.given.n)]
        predictions = {name: Prediction(2.0, 0.2) for name in job.given.responses}
        best = Best(suggested[0].covars, predictions)
        return Result(suggestions=suggested, best_predicted=best, seconds=SECONDS)

    def _next(self, given):
        self._n_suggested += 1
        guess = {name: covariate.guess for name, covariate in given.space.items()}
        covars = guess | {"x": 0.25 + self._n_suggested / 1024} | given.fixed
        predictions = {name: Prediction(covars["x"], 0.5) for name in given.responses}
        return Suggestion(covars, "model", "because", predictions, 0.125)


def covars_of(run, *, has_context, **more):
    return dict(zip(COVARS, run, strict=True)) | ({"oven": "a"} if has_context else {}) | more


def measured(run):
    x, y, k, _ = run
    return {"taste": 1.0 - (x - 0.4) ** 2, "cost": float(k) + 0.1 * y, "size": 0.3 + 0.5 * x}


async def make_history(client, headers, store, *, has_context=False):
    """Make an experiment in which suggestions were told, abandoned, expired and leased, and runs corrected."""
    covars = COVARS | (OVEN if has_context else {})
    fixed = {"fixed": {"oven": "a"}} if has_context else {}
    described = {"name": "a history", "description": "naïve ☃", "covars": covars, "seed": 7}
    described |= {"responses": RESPONSES, "constraints": CONSTRAINTS, "stop": {"budget": 100}}
    _, made = await post(client, "/experiment/new", headers, described)
    exp_uuid = made["exp_uuid"]

    async def call(path, **body):
        status, reply = await until_ready(lambda: post(client, path.format(exp_uuid), headers, body))
        assert status in {200, 201, 202}, reply
        return reply

    async def take(n, **terms):
        return (await call("/experiment/ask/{}", n=n, **fixed, **terms))["suggestions"]

    first, second, third = await take(3, worker="ada")
    await call("/experiment/tell/{}", **_told(first, RUNS[0]))
    await call("/experiment/{}/abandon", suggestion_uuid=second["suggestion_uuid"], reason="out of flour")
    runs = [{"covars": covars_of(run, has_context=has_context), "responses": measured(run)} for run in RUNS]
    runs[0]["sds"] = {"taste": 0.25}
    runs.append({"covars": covars_of((0.3, 0.3, 3, "green"), has_context=has_context), "status": "failed"})
    runs.append({"covars": runs[1]["covars"] | {"x": 0.2}, "responses": {"cost": 1.5}})
    observed = (await call("/experiment/tell/{}", observations=runs))["observations"]
    path = "/experiment/{}/observation/" + observed[1]["observation_uuid"]
    await call(path, version=1, reason="a slip", covars=runs[1]["covars"] | {"k": 4}, responses={"taste": 3.0})
    await call(path, version=2, reason="another", is_excluded=True)
    await call(
        "/experiment/{}/observation/" + observed[4]["observation_uuid"], version=1, reason="no", is_excluded=True
    )
    await end_lease(store, third["suggestion_uuid"])
    wider = covars | {"x": covars["x"] | {"max": 2.0}, "color": covars["color"] | {"options": ["red", "blue"]}}
    await call("/experiment/{}/space", covars=wider | ADDED, backfill={"z": 0.5})
    (fourth,) = await take(1, worker="ben", lease_s=600)
    await call("/experiment/tell/{}", covars=fourth["covars"], responses=measured(RUNS[0]))
    await take(1, worker="ben", lease_s=600)
    await settle(client, headers, exp_uuid, **fixed)
    return exp_uuid


async def settle(client, headers, exp_uuid, **fixed):
    """Wait for the suggestion that knows all data, and give it."""
    path = f"/experiment/ask/{exp_uuid}" + ('?fixed={"oven":"a"}' if fixed else "")
    status, reply = await until_ready(lambda: get(client, path, headers))
    assert status == 200, reply
    (one,) = reply["suggestions"]
    return one


async def until_ready(call, n_tries=12):
    """Send a request again while the engine is at work: on a busy machine it takes longer than an ask waits."""
    for _ in range(n_tries):
        status, reply = await call()
        if status != 503:
            break
    return status, reply


async def next_suggestion(client, headers, exp_uuid, *, has_context=False):
    """Tell one more run and give what the engine proposes then."""
    fixed = {"fixed": {"oven": "a"}} if has_context else {}
    run = {"covars": covars_of((0.6, 0.7, 3, "red"), has_context=has_context, z=0.75), "responses": measured(RUNS[2])}
    status, reply = await post(client, f"/experiment/tell/{exp_uuid}", headers, run)
    assert status == 202, reply
    one = await settle(client, headers, exp_uuid, **fixed)
    return {name: one[name] for name in ("covars", "source", "reason", "mean", "sd", "predictions", "data_rev")}


async def end_lease(store, suggestion_uuid):
    async with store.work() as work:
        raw = work._connection
        await raw.execute(
            "UPDATE autotune.suggestions SET lease_until = now() - interval '1 second' WHERE suggestion_uuid = $1",
            suggestion_uuid,
        )
    await expire_leases(store)


def without_uuids(text):
    """Number the uuids of an export in the order in which they come, and leave out when it was made."""
    seen = {}
    text = re.sub(r'"time_exported": ?"[^"]*"', '"time_exported": ""', text)
    return re.sub(
        r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", lambda m: f"#{seen.setdefault(m[0], len(seen))}", text
    )


def _told(suggestion, run):
    return {
        "covars": suggestion["covars"],
        "suggestion_uuid": suggestion["suggestion_uuid"],
        "responses": measured(run),
    }
