"""Several services and workers on one database: who asks, tells and watches sees one system."""

import asyncio
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
import pytest
from rounds import history, make, until_answered

from processes import wait_until
from support import GUESS, SECRET
from watching import Watcher


@pytest.fixture
def replicas(start_service, database_url, tmp_path):
    """Start n services that share a database and a secret, each with a worker unless it is told not to have one."""

    def replicas(n, *arguments, **variables):
        shared = {"AUTOTUNE_DATABASE_URL": database_url, "AUTOTUNE_SECRET": SECRET, **variables}
        return [start_service(*arguments, data=tmp_path / f"replica{i}", **shared) for i in range(n)]

    return replicas


def test_promise_07_parallel_asks_give_distinct_suggestions(replicas, times):
    services = replicas(2)
    n_clients = times(20, 100)
    with services[0].client() as client:
        exp_uuid = make(client)

        async def ask_all():
            headers = {"Authorization": client.headers["Authorization"]}
            async with httpx2.AsyncClient(headers=headers, timeout=120) as caller:

                async def ask(n):
                    url = f"{services[n % 2].url}/experiment/ask/{exp_uuid}"
                    taken = []
                    while len(taken) < 10:
                        reply = await caller.post(url, json={"n": 10 - len(taken), "worker": f"client {n}"})
                        if reply.status_code == 200:
                            taken += reply.json()["suggestions"]
                        else:
                            assert reply.json()["code"] == "suggestion_pending", reply.text
                    return taken

                return [one for taken in await asyncio.gather(*map(ask, range(n_clients))) for one in taken]

        suggestions = asyncio.run(ask_all())
        events = Watcher(services[0], exp_uuid, client.headers["Authorization"])
        last_seq = client.get(f"/experiment/{exp_uuid}").json()["last_seq"]
        wait_until(lambda: events.seq >= last_seq)
        events.stop()
    assert len({one["suggestion_uuid"] for one in suggestions}) == n_clients * 10
    assert len({str(sorted(one["covars"].items())) for one in suggestions}) == n_clients * 10
    leased = [event.data["suggestion_uuid"] for event in events.events if event.type == "suggestion_leased"]
    assert len(leased) == len(set(leased)) == n_clients * 10


def test_promise_08_suggestion_of_a_vanished_worker_is_offered_again_once(replicas):
    services = replicas(2)  # each of their workers ends leases
    with services[0].client() as client:
        exp_uuid = make(client)
        url = f"/experiment/ask/{exp_uuid}"
        taken = client.post(url, json={"n": 1, "worker": "vanished", "lease_s": 1.0}).json()["suggestions"][0]

        def again():
            offered = client.get(url).json()["suggestions"][0]
            return offered["suggestion_uuid"] == taken["suggestion_uuid"] and offered

        assert wait_until(again, 20)["state"] == "open"
        second = client.post(url, json={"n": 1, "worker": "second"}).json()["suggestions"][0]
        body = {"covars": taken["covars"], "response": 1.0, "suggestion_uuid": taken["suggestion_uuid"]}
        late = client.post(f"/experiment/tell/{exp_uuid}", json=body)
        assert late.status_code == 202
        assert late.json()["observations"][0]["suggestion_uuid"] == taken["suggestion_uuid"]
        watcher = Watcher(services[1], exp_uuid, client.headers["Authorization"])
        last_seq = client.get(f"/experiment/{exp_uuid}").json()["last_seq"]
        wait_until(lambda: watcher.seq >= last_seq)
        watcher.stop()
    expired = [event.data["suggestion_uuid"] for event in watcher.events if event.type == "suggestion_expired"]
    assert expired == [taken["suggestion_uuid"]]
    assert (second["worker"], second["suggestion_uuid"]) == ("second", taken["suggestion_uuid"])


def test_promise_09_of_two_tells_of_one_suggestion_one_wins_and_a_correction_is_its_own_call(replicas):
    services = replicas(2, "--no-worker")
    with services[0].client() as client:
        exp_uuid = make(client)
        suggestion = client.get(f"/experiment/ask/{exp_uuid}").json()["suggestions"][0]
        headers = {"Authorization": client.headers["Authorization"]}

        def tell(n):
            body = {"covars": GUESS, "response": float(n), "suggestion_uuid": suggestion["suggestion_uuid"]}
            return httpx2.post(f"{services[n].url}/experiment/tell/{exp_uuid}", json=body, headers=headers, timeout=30)

        with ThreadPoolExecutor() as threads:
            replies = list(threads.map(tell, range(2)))
        won = next(reply for reply in replies if reply.status_code == 202)
        lost = next(reply for reply in replies if reply.status_code == 409)
        observation = won.json()["observations"][0]
        assert (lost.json()["code"], str(observation["response"]) in lost.json()["detail"]) == ("already_told", True)
        url = f"/experiment/{exp_uuid}/observation/{observation['observation_uuid']}"
        body = {"version": 1, "reason": "the scale was off", "response": 7.0}
        assert client.post(url, json=body).json()["version"] == 2
        conflict = client.post(url, json=body)
        assert (conflict.status_code, conflict.json()["current"]["response"]) == (409, 7.0)
        versions = client.get(f"{url}/versions").json()["versions"]
    assert [(one["response"], one["reason"]) for one in versions] == [
        (observation["response"], None),
        (7.0, "the scale was off"),
    ]


def test_promise_14_every_event_reaches_a_subscriber_that_is_cut_at_random(replicas, times):
    services = replicas(2, "--no-worker")
    n_writers, n_each = times(4, 8), times(25, 200)
    chance = random.Random(14)
    with services[0].client() as client:
        exp_uuid = make(client)
        headers = {"Authorization": client.headers["Authorization"]}
        watcher = Watcher(services[1], exp_uuid, headers["Authorization"], cut=lambda: chance.randint(1, 12))

        def write(part):
            with httpx2.Client(base_url=services[part % 2].url, headers=headers, timeout=30) as own:
                for n in range(n_each):
                    body = {"covars": GUESS | {"weight": n / 2}, "response": 0.0}
                    until_answered(own, f"/experiment/tell/{exp_uuid}", body, uuid4().hex)

        with ThreadPoolExecutor(n_writers) as threads:
            list(threads.map(write, range(n_writers)))
        last_seq = client.get(f"/experiment/{exp_uuid}").json()["last_seq"]
        wait_until(lambda: watcher.seq >= last_seq, 60)
        watcher.stop()
    assert [event.seq for event in watcher.events] == list(range(1, last_seq + 1))
    assert watcher.n_connects >= times(8, 50)


def test_promise_20_rolling_restart_under_load_loses_nothing(replicas, times):
    services = replicas(2)
    stopped, told = threading.Event(), []
    with services[0].client() as client:
        exp_uuid = make(client)
        authorization = client.headers["Authorization"]
        watchers = [Watcher(service, exp_uuid, authorization) for service in services]

    def load():
        with httpx2.Client(headers={"Authorization": authorization}, timeout=30) as own:
            while not stopped.is_set():
                n = len(told)
                body = {"covars": GUESS | {"weight": n % 190}, "response": float(n)}
                url = f"{services[n % 2].url}/experiment/tell/{exp_uuid}"
                assert until_answered(own, url, body, uuid4().hex).status_code == 202
                told.append(float(n))

    with ThreadPoolExecutor() as threads:
        loading = threads.submit(load)
        try:
            for _ in range(times(1, 5)):
                for service in services:
                    n_before = len(told)
                    wait_until(lambda n_before=n_before: len(told) > n_before + 5)
                    at = time.monotonic()
                    assert service.stop() == 0
                    assert time.monotonic() - at < 10
                    service.start()
        finally:
            stopped.set()
        loading.result()
    with services[0].client() as client:
        assert [one["response"] for one in history(client, exp_uuid)] == told
        last_seq = client.get(f"/experiment/{exp_uuid}").json()["last_seq"]
    for watcher in watchers:
        wait_until(lambda watcher=watcher: watcher.seq >= last_seq, 30)
        watcher.stop()
        assert [event.seq for event in watcher.events] == list(range(1, watcher.seq + 1))


SEEDED = {
    "from its first run": (0, {"gain": {"goal": "maximize"}}),
    "averaged over hyperparameters from 16 runs on": (14, {"gain": {"goal": "maximize"}}),
    "two objectives, their front and its ends": (20, {"gain": {"goal": "maximize"}, "cost": {"goal": "minimize"}}),
}
"""The experiments of promise 30: with how many runs each starts, and its responses."""


def told_run(covars, responses):
    gain = -((covars["weight"] - 90.0) ** 2) / 1000 + covars["v1"]
    measured = {"gain": gain, "cost": abs(covars["weight"] - 30.0) + covars["v1"]}
    return {"covars": covars, "responses": {name: measured[name] for name in responses}}


def drawn_runs(n, responses):
    chance = random.Random(30)
    tried = [
        {"v1": chance.randrange(6), "color": chance.choice(["red", "green", "blue"]), "weight": chance.uniform(0, 190)}
        for _ in range(n)
    ]
    return [told_run(covars, responses) for covars in tried]


def tell(client, exp_uuid, runs):
    body = {"observations": runs}
    reply = until_answered(client, f"/experiment/tell/{exp_uuid}", body, uuid4().hex)
    assert reply.status_code == 202, reply.text


def test_promise_30_seeded_experiments_suggest_the_same_on_every_replica_and_after_a_restart(replicas):
    services = replicas(2)

    def suggestions_of(pick, restart_after=None):
        found = {name: [] for name in SEEDED}
        with services[0].client() as first, services[1].client() as second:
            clients = [first, second]
            second.headers["Authorization"] = first.headers["Authorization"]
            made = {name: make(first, seed=30, responses=responses) for name, (_, responses) in SEEDED.items()}
            for name, (n_runs, responses) in SEEDED.items():
                if n_runs:
                    tell(first, made[name], drawn_runs(n_runs, responses))
            for n in range(9):
                if n == restart_after:
                    services[0].stop()
                    services[0].start()
                client = clients[pick(n)]
                for name, (_, responses) in SEEDED.items():
                    suggestion = client.get(f"/experiment/ask/{made[name]}").json()["suggestions"][0]
                    found[name].append({field: suggestion[field] for field in ("covars", "predictions", "reason")})
                    tell(client, made[name], [told_run(suggestion["covars"], responses)])
        return found

    at_one, at_both = suggestions_of(lambda _: 0), suggestions_of(lambda n: n % 2, restart_after=6)
    assert at_one == at_both
    reasons = [one["reason"] for one in at_one["two objectives, their front and its ends"]]
    assert {"alone, to find that end" in reason for reason in reasons} == {True, False}


def test_promise_30_no_suggestion_depends_on_the_worker_or_on_how_runs_and_asks_were_split(
    replicas, start_worker, database_url
):
    """Workers are processes of their own, and one of them is killed at work."""
    (service,) = replicas(1, "--no-worker")
    shared = {"AUTOTUNE_DATABASE_URL": database_url, "AUTOTUNE_SECRET": SECRET}
    worker, _ = start_worker(**shared), start_worker(**shared)

    def suggestions_after(client, told, asked, responses):
        exp_uuid = make(client, seed=30, responses=responses)
        for part in told:
            tell(client, exp_uuid, part)
        suggestions = []
        while len(suggestions) < sum(asked):
            body = {"n": next(n for i, n in enumerate(asked) if sum(asked[: i + 1]) > len(suggestions))}
            reply = client.post(f"/experiment/ask/{exp_uuid}", json={**body, "worker": "robot"})
            suggestions += reply.json().get("suggestions", [])
        return [{name: one[name] for name in ("covars", "predictions", "seed", "source")} for one in suggestions]

    def suggestions_of(client, split, asked):
        found = {}
        for name, (n_runs, responses) in SEEDED.items():
            runs = drawn_runs(max(n_runs, 10) + 2, responses)
            found[name] = suggestions_after(client, split(runs), asked, responses)
        return found

    with service.client() as client:
        at_once = suggestions_of(client, lambda runs: [runs], [4])
        one_by_one = suggestions_of(client, lambda runs: [[run] for run in runs], [1, 1, 1, 1])
        worker.kill()
        with_one_left = suggestions_of(client, lambda runs: [runs[:5], runs[5:]], [2, 2])
    assert {one["source"] for suggestions in at_once.values() for one in suggestions} == {"model"}
    assert at_once == one_by_one == with_one_left
