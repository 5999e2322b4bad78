"""Databases of every version become those of the newest, and what they hold keeps its meaning."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from rounds import history, make, until_answered

from autotune_service.store.database import Store
from autotune_service.store.migrate import downgrade, upgrade
from autotune_service.store.schema import known_revisions
from autotune_service.store.tables import metadata
from autotune_service.tuning.portable import export_experiment, import_experiment
from processes import ServiceProcess, run_autotune, wait_until
from raw_database import execute, fetch
from released import dump_of, fill, plain, released, rows_of
from support import joined

REVISIONS = known_revisions()
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
    WHERE table_schema = 'autotune' ORDER BY 1, 2
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'autotune' ORDER BY 1"
CHECKS = """
SELECT conrelid::regclass::text AS name, pg_get_constraintdef(oid) AS says FROM pg_constraint
    WHERE connamespace = 'autotune'::regnamespace ORDER BY 1, 2
"""
KEPT = """
SELECT exp_uuid, name, seed, covars::text, best_response FROM experiments ORDER BY exp_uuid
"""
PENDING = """
SELECT exp_uuid, seq, state, covars::text, mean FROM suggestions WHERE state IN ('open', 'leased') ORDER BY 1, 2
"""
TOLD = "SELECT exp_uuid, seq, covars::text, response FROM observations WHERE response IS NOT NULL ORDER BY 1, 2"


@asynccontextmanager
async def store_of(url):
    store = Store(url, pool_size=2, timeout_s=5)
    await store.connect()
    try:
        yield store
    finally:
        await store.disconnect()


async def schema_of(url):
    return [await fetch(url, query) for query in (COLUMNS, INDEXES, CHECKS)]


def test_there_is_a_dump_of_every_released_revision():
    assert released() == REVISIONS[:-1]


@pytest.mark.parametrize(("before", "after"), list(pairwise(["base", *REVISIONS])))
async def test_promise_28_every_revision_goes_up_down_and_up_with_data(empty_database_url, before, after):
    await fill(empty_database_url, store_of, after)
    schema = await schema_of(empty_database_url)
    kept, told = await fetch(empty_database_url, KEPT), await fetch(empty_database_url, TOLD)
    await downgrade(empty_database_url, before)
    if before != "base":
        assert await fetch(empty_database_url, KEPT) == kept
        assert await fetch(empty_database_url, TOLD) == told
    await upgrade(empty_database_url, after)
    assert await schema_of(empty_database_url) == schema
    assert await fetch(empty_database_url, KEPT) == (kept if before != "base" else [])


@pytest.mark.parametrize("revision", released())
async def test_promise_28_dump_of_every_released_schema_upgrades_with_its_data(empty_database_url, revision):
    await execute(empty_database_url, dump_of(revision))
    kept, told = await fetch(empty_database_url, KEPT), await fetch(empty_database_url, TOLD)
    pending = await fetch(empty_database_url, PENDING)
    assert kept
    assert told
    await upgrade(empty_database_url)
    assert await fetch(empty_database_url, KEPT) == kept
    assert await fetch(empty_database_url, TOLD) == told
    assert await fetch(empty_database_url, PENDING) == pending
    await assert_all_is_read(empty_database_url)


async def assert_all_is_read(url):
    """The newest version exports each experiment, and its own checks find nothing wrong in it."""
    own = await fetch(url, "SELECT * FROM experiments")
    observed = await fetch(url, "SELECT * FROM observations")
    corrected = {one["observation_uuid"] for one in await fetch(url, "SELECT * FROM observation_versions")}
    for one in observed:
        responses = plain(one["responses"])
        expected = (2, True) if one["observation_uuid"] in corrected else (1, False)  # a dump's correction excludes
        assert (one["version"], one["is_excluded"]) == expected
        assert one["response"] in {None, *responses.values()}
        assert (one["status"] == "failed") == (responses == {})
    async with store_of(url) as store:
        for one in own:
            export = await joined(export_experiment(store, one["owner_uuid"], one["exp_uuid"]))
            n_observations = sum(told["exp_uuid"] == one["exp_uuid"] for told in observed)
            assert json.loads(export)["experiment"]["n_observations"] == n_observations
            made = await import_experiment(store, one["owner_uuid"], export)
            assert (made.name, made.direction) == (one["name"], one["direction"])
            assert (None if made.best is None else made.best.response) == one["best_response"]


@pytest.mark.parametrize("revision", ["nothing", *released()])
async def test_promise_28_three_migrations_at_once_all_succeed(empty_database_url, revision):
    if revision != "nothing":
        await execute(empty_database_url, dump_of(revision))
    with ThreadPoolExecutor() as threads:
        ended = list(threads.map(lambda _: run_autotune("migrate", AUTOTUNE_DATABASE_URL=empty_database_url), range(3)))
    assert [one.returncode for one in ended] == [0, 0, 0], [one.stderr for one in ended]
    versions = await fetch(empty_database_url, "SELECT version_num FROM autotune.autotune_version")
    assert versions == [{"version_num": REVISIONS[-1]}]


async def test_promise_28_what_the_version_before_writes_is_served_by_the_newest(empty_database_url, start_service):
    """During a rollout both run: the old one does not know the new columns, and its rows must do without."""
    await execute(empty_database_url, emptied(dump_of(released()[-1])))
    await upgrade(empty_database_url)
    await execute(empty_database_url, rows_of(released()[-1]))  # into the views where the tables were
    service = start_service(AUTOTUNE_DATABASE_URL=empty_database_url)
    with service.client() as client:
        exp_uuid = next(
            one["exp_uuid"] for one in client.get("/experiment/all").json()["experiments"] if one["name"] == "old"
        )
        before = client.get(f"/experiment/{exp_uuid}/history").json()["observations"]
        assert [(one["version"], one["is_excluded"]) for one in before] == [(1, False)] * 4
        leased = await fetch(empty_database_url, LEASED.format(exp_uuid))
        run = {"covars": plain(leased[0]["covars"]), "suggestion_uuid": str(leased[0]["suggestion_uuid"])}
        assert client.post(f"/experiment/tell/{exp_uuid}", json=run | {"response": 0.25}).status_code == 202
        asked = wait_until(lambda: ready(client.get(f"/experiment/ask/{exp_uuid}")), 60)
    assert asked["data_rev"] == 5


def emptied(dump):
    """Leave the rows out of a dump, and that of the version in."""
    return "\n".join(
        line for line in dump.splitlines() if not line.startswith("INSERT INTO ") or "alembic_version" in line
    )


LEASED = "SELECT suggestion_uuid, covars FROM suggestions WHERE exp_uuid = '{}' AND state = 'leased'"


def ready(reply):
    return reply.json()["suggestions"][0] if reply.status_code == 200 else None


FORMER = Path(__file__).parent / "former_service.py"
N_TELLERS = 2
RUN = {"covars": {"v1": 3, "color": "red", "weight": 150.0}}


def test_promise_28_former_service_goes_on_while_its_tables_are_moved(
    empty_database_url, start_service, tmp_path, times
):
    asyncio.run(make_former(empty_database_url))
    former = ServiceProcess(tmp_path / "former", AUTOTUNE_DATABASE_URL=empty_database_url)
    former._command[1:3] = [str(FORMER)]
    try:
        with former.start().client() as client:
            exp_uuid = make(client)
            tellers = [Teller(client, exp_uuid, number) for number in range(N_TELLERS)]
            n_each = times(15, 500)
            wait_until(lambda: all(teller.n_told >= n_each for teller in tellers), 120)
            asyncio.run(upgrade(empty_database_url))
            n_moved = [teller.n_told for teller in tellers]
            wait_until(lambda: all(one.n_told >= n + n_each for one, n in zip(tellers, n_moved, strict=True)), 120)
            n_told = sum(teller.end() for teller in tellers) + 1
            newest = start_service("--no-worker", AUTOTUNE_DATABASE_URL=empty_database_url)
            with newest.client() as other:
                assert (
                    until_answered(other, f"/experiment/tell/{exp_uuid}", RUN | {"response": -1.0}, "new").status_code
                    == 202
                )
                # The worker is the former service's; it knows the newest one's tell as well.
                wait_until(lambda: asked(other, exp_uuid)["data_rev"] == n_told, 60)
                told = [run["response"] for run in history(client, exp_uuid)]
                assert history(other, exp_uuid) == history(client, exp_uuid)
            assert len(told) == len(set(told)) == n_told
            assert client.get("/experiment/all").json()["experiments"][0]["n_observations"] == n_told
        assert former.stop() == 0
        with former.start().client() as client:
            run = {"covars": asked(client, exp_uuid)["covars"], "response": 0.5}
            assert client.post(f"/experiment/tell/{exp_uuid}", json=run).status_code == 202
    finally:
        former.close()
    seqs = asyncio.run(fetch(empty_database_url, f"SELECT seq FROM events WHERE exp_uuid = '{exp_uuid}' ORDER BY seq"))
    assert [row["seq"] for row in seqs] == list(range(1, len(seqs) + 1))


async def make_former(url):
    """Make the tables where the version before the newest made them."""
    await upgrade(url)
    names = [table.name for table in metadata.sorted_tables] + ["autotune_version"]
    moves = "".join(f"ALTER TABLE autotune.{name} SET SCHEMA public;" for name in names)
    moves += "DROP FUNCTION autotune.refuse_to_change_audit CASCADE;"
    await execute(url, f"{moves} ALTER TABLE public.autotune_version RENAME TO alembic_version; DROP SCHEMA autotune")


class Teller(threading.Thread):
    """Tells through the service until it is ended, or something is not taken; counts what was taken."""

    def __init__(self, client, exp_uuid, number):
        super().__init__(daemon=True)
        self.client, self.exp_uuid, self.number = client, exp_uuid, number
        self.n_told, self.is_ended = 0, False
        self.start()

    def run(self):
        while not self.is_ended:
            value = float(10_000 * self.number + self.n_told)
            url, key = f"/experiment/tell/{self.exp_uuid}", f"{self.number}-{self.n_told}"
            if until_answered(self.client, url, RUN | {"response": value}, key).status_code != 202:
                return
            self.n_told += 1

    def end(self):
        self.is_ended = True
        self.join()
        return self.n_told


def asked(client, exp_uuid):
    return wait_until(lambda: ready(client.get(f"/experiment/ask/{exp_uuid}")), 60)
