"""Processes that are killed at any moment lose nothing that was acknowledged and do nothing twice."""

import random
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx2
from rounds import AGAIN, history, make, once, until_answered

from processes import wait_until
from support import GUESS, SECRET
from watching import Watcher


def test_promise_01_answered_tell_survives_a_kill_of_the_service(start_service, database_url, times):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    chance, acknowledged = random.Random(1), []
    with service.client() as client:
        exp_uuid = make(client)
        for n in range(times(5, 50)):
            body = {"covars": GUESS | {"weight": float(n)}, "response": float(n)}
            killer = threading.Timer(chance.uniform(0, 0.02), service.kill)
            killer.start()
            reply = once(client, f"/experiment/tell/{exp_uuid}", body, uuid4().hex)
            killer.join()
            service.start()
            if reply is not None and reply.status_code == 202:
                acknowledged.append(float(n))
        stored = [one["response"] for one in history(client, exp_uuid)]
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))


def test_promise_02_killed_tell_is_applied_once_after_its_retry(start_service, database_url, times):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    chance = random.Random(2)
    n_tells = times(5, 50)
    with service.client() as client:
        exp_uuid = make(client)
        for n in range(n_tells):
            url, key = f"/experiment/tell/{exp_uuid}", uuid4().hex
            body = {"covars": GUESS | {"weight": float(n)}, "response": float(n)}
            killer = threading.Timer(chance.uniform(0, 0.02), service.kill)
            killer.start()
            once(client, url, body, key)
            killer.join()
            service.start()
            assert until_answered(client, url, body, key).status_code == 202
        stored = [one["response"] for one in history(client, exp_uuid)]
    assert stored == [float(n) for n in range(n_tells)]


def engine_runs(service):
    """How many suggestions the engine beside a service has computed."""
    scraped = httpx2.get(f"{service.url}/metrics").text
    found = re.findall(r'^autotune_engine_runs_total{kind="suggest",outcome="\w+"} (\S+)$', scraped, re.M)
    return sum(map(float, found))


def test_promise_10_one_fit_at_a_time_and_the_last_knows_the_newest_data(start_service, database_url, tmp_path, times):
    """Several services and their workers, one of which is killed while it fits."""
    services = [
        start_service(data=tmp_path / f"replica{n}", AUTOTUNE_DATABASE_URL=database_url) for n in range(times(2, 3))
    ]
    with services[0].client() as client, services[1].client() as other:
        exp_uuid = make(client)
        n_tells = times(40, 200)

        def tell(n):
            body = {"covars": GUESS | {"weight": float(n % 190)}, "response": float(n)}
            to = client if n % 2 else other
            return until_answered(to, f"/experiment/tell/{exp_uuid}", body, uuid4().hex).status_code

        def newest():
            reply = client.get(f"/experiment/ask/{exp_uuid}")
            return reply.json()["suggestions"][0]["data_rev"] if reply.status_code == 200 else None

        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(tell, range(n_tells))) == [202] * n_tells
        wait_until(lambda: newest() == n_tells, 40)
        watcher = Watcher(services[0], exp_uuid, client.headers["Authorization"])
        wait_until(lambda: watcher.seq >= client.get(f"/experiment/{exp_uuid}").json()["last_seq"])
        n_created = sum(event.type == "suggestion_created" for event in watcher.events)
        # The first one, the guess, was made with the experiment and by no engine.
        assert sum(map(engine_runs, services)) == n_created - 1, "the same was computed twice"
        services[-1].kill()
        body = {"covars": GUESS, "response": -1.0}
        assert until_answered(client, f"/experiment/tell/{exp_uuid}", body, uuid4().hex).status_code == 202

        wait_until(lambda: newest() == n_tells + 1, 40)  # the lease of a killed worker holds for 15 s
        last_seq = client.get(f"/experiment/{exp_uuid}").json()["last_seq"]
        wait_until(lambda: watcher.seq >= last_seq)
        watcher.stop()
    fits = [event.data["data_rev"] for event in watcher.events if event.type == "suggestion_created"]
    assert fits == sorted(fits), "an older fit was committed after a newer one"
    # One open suggestion is wanted, so fits of the same data would show as more than one of them.
    assert len(fits) == len(set(fits))


def test_kills_at_random_moments_lose_nothing_and_double_nothing(
    start_service, start_worker, postgres, tmp_path, times
):
    """Web, worker and Postgres are killed while clients that retry ask and tell, and watchers watch."""
    shared = {"AUTOTUNE_DATABASE_URL": postgres.start(), "AUTOTUNE_SECRET": SECRET}
    shared |= {"AUTOTUNE_ACCESS_TOKEN_S": "86400", "AUTOTUNE_ASK_WAIT_S": "0.5"}
    services = [start_service("--no-worker", data=tmp_path / f"replica{n}", **shared) for n in range(2)]
    workers = [start_worker(**shared) for _ in range(2)]
    chance, killed, n_clients = random.Random(3), threading.Event(), times(3, 8)
    n_kills, n_tells = times(8, 200), times(0, 10_000 // n_clients)
    with services[0].client() as client:
        exp_uuid = make(client)
        authorization = client.headers["Authorization"]
        watchers = [Watcher(service, exp_uuid, authorization) for service in services]

    asks = [uuid4().hex for _ in range(n_clients)]

    def run_of(own, part, n):
        """What to tell: every fourth time what was suggested to this client alone, if there is something.

        Nobody waits for it, as engines that are killed every few seconds seldom end a fit of thousands of runs. An ask
        without an answer comes again under its key.
        """
        if n % 4 == 0:
            url = f"{services[n % 8 // 4].url}/experiment/ask/{exp_uuid}"
            reply = once(own, url, {"n": 1, "worker": f"client {part}"}, asks[part])
            assert reply is None or reply.status_code in {200, *AGAIN}, reply.text
            assert reply is None or reply.status_code != 409 or reply.json()["code"] == "request_running", reply.text
            if reply is not None and reply.status_code == 200:
                asks[part] = uuid4().hex
                (suggestion,) = reply.json()["suggestions"]
                return {"covars": suggestion["covars"], "suggestion_uuid": suggestion["suggestion_uuid"]}
        return {"covars": GUESS | {"weight": chance.uniform(0, 190)}}

    def work(part):
        """Tell until all kills are done, and at least as often as promised."""
        told = {}
        with httpx2.Client(headers={"Authorization": authorization}, timeout=30) as own:
            while not killed.is_set() or len(told) < n_tells:
                n = len(told)
                body = {**run_of(own, part, n), "response": float(part * 100_000 + n)}
                url = f"{services[n % 2].url}/experiment/tell/{exp_uuid}"
                reply = until_answered(own, url, body, uuid4().hex, 120)
                assert reply.status_code == 202, reply.text
                (observation,) = reply.json()["observations"]
                told[observation["observation_uuid"]] = (body["response"], body.get("suggestion_uuid"))
        return told

    def kill():
        n_power_cuts = max(n_kills // 10, 1)
        victims = [postgres] * n_power_cuts + chance.choices([*services, *workers], k=n_kills - n_power_cuts)
        chance.shuffle(victims)
        try:
            for victim in victims:
                time.sleep(chance.uniform(0.05, 0.3))
                victim.kill()
                victim.start()
        finally:
            killed.set()

    with ThreadPoolExecutor(n_clients + 1) as threads:
        killing = threads.submit(kill)
        acknowledged = {uuid: one for part in threads.map(work, range(n_clients)) for uuid, one in part.items()}
        killing.result()
    with services[0].client() as client:
        for part, key in enumerate(asks):  # what was asked and not answered is answered now
            body = {"n": 1, "worker": f"client {part}"}
            reply = until_answered(client, f"{services[0].url}/experiment/ask/{exp_uuid}", body, key, 120)
            assert reply.status_code == 200, reply.text
    with services[0].client() as client:
        stored = history(client, exp_uuid)
        assert {one["observation_uuid"]: one["response"] for one in stored} == {
            uuid: response for uuid, (response, _) in acknowledged.items()
        }
        assert len(stored) == len(acknowledged)
        told = [one["suggestion_uuid"] for one in stored if one["suggestion_uuid"] is not None]
        assert told
        assert len(told) == len(set(told))
        assert {suggestion for _, suggestion in acknowledged.values()} - {None} <= set(told)
        last_seq = client.get(f"/experiment/{exp_uuid}").json()["last_seq"]
    for watcher in watchers:
        wait_until(lambda watcher=watcher: watcher.seq >= last_seq, 60)
        watcher.stop()
        seqs = [event.seq for event in watcher.events]
        assert seqs == list(range(1, len(seqs) + 1))
        added = [event.data["observation_uuid"] for event in watcher.events if event.type == "observation_added"]
        assert added == [one["observation_uuid"] for one in stored]
