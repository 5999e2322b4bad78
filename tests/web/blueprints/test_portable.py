"""Export and import of one experiment over HTTP: nothing is lost, and what does not fit is refused."""

import asyncio
import copy
import gc
import json
import random
import time
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from autotune_service.compute.worker import Worker
from autotune_service.domain.limits import DEFAULT_LIMITS
from autotune_service.store.rows.events import EVENTS_CHANNEL, WORK_CHANNEL
from autotune_service.tuning.fit import claim_fit
from autotune_service.tuning.imports.running import Imports
from autotune_service.tuning.once import ALWAYS
from autotune_service.tuning.portable import export_experiment
from autotune_service.web.errors import problem_of
from autotune_service.web.spooled import spooled
from calling import get, post
from histories import HistoryPool, make_history, next_suggestion, settle, without_uuids
from support import MANY_OPTIONS, SPACE, make_experiment, running


@pytest.fixture
async def history(client, headers, store, database_url):
    """Makes an experiment with a long history, with or without contexts."""

    async def history(*, has_context=False):
        async with running(Worker("history", store, database_url, HistoryPool()).run()):
            return await make_history(client, headers, store, has_context=has_context)

    return history


@pytest.fixture(scope="session")
def stored(root):
    """An export of format 1, as it was written when that was new."""
    return (root / "tests" / "exports" / "1.json").read_text().rstrip()


async def exported(client, headers, exp_uuid):
    reply = await client.get(f"/experiment/{exp_uuid}/export", headers=headers)
    text = await reply.get_data(as_text=True)
    assert reply.status_code == 200, text
    return text


async def imported(client, headers, text, **more):
    own = {**headers, "Content-Type": "application/json", **more}
    reply = await client.post("/experiment/import", data=text, headers=own)
    return reply.status_code, await reply.get_json()


async def test_import_wakes_watchers_and_workers(client, headers, database_url):
    exp_uuid = (await make_experiment(client, headers))["exp_uuid"]
    text = await exported(client, headers, exp_uuid)
    heard = {}
    listening = await asyncpg.connect(database_url)
    for channel in (EVENTS_CHANNEL, WORK_CHANNEL):
        await listening.add_listener(channel, lambda _connection, _pid, *given: heard.update([given]))
    _, made = await imported(client, headers, text)
    await listening.execute("SELECT 1")  # the server sends what there is to hear before it answers
    await listening.close()
    assert heard[WORK_CHANNEL] == made["exp_uuid"]
    assert heard[EVENTS_CHANNEL].startswith(f"{made['exp_uuid']}:{made['last_seq']}:")


@pytest.mark.parametrize("has_context", [False, True])
async def test_export_is_imported_without_loss(client, headers, stranger, history, has_context):
    exp_uuid = await history(has_context=has_context)
    text = await exported(client, headers, exp_uuid)
    states = {one["state"] for one in json.loads(text)["suggestions"]}
    assert states >= {"told", "abandoned", "leased", "superseded" if not has_context else "expired"}
    status, made = await imported(client, stranger, text)
    assert status == 201, made
    again = await exported(client, stranger, made["exp_uuid"])
    assert without_uuids(again) == without_uuids(text)
    assert not uuids_of(again) & uuids_of(text)
    _, before = await get(client, f"/experiment/{exp_uuid}", headers)
    assert without_uuids(json.dumps(made)) == without_uuids(json.dumps(before))


async def test_export_leaves_advice_to_the_service_that_imports_it(client, headers):
    made = await make_experiment(client, headers, covars={"catalyst": MANY_OPTIONS})
    text = await exported(client, headers, made["exp_uuid"])
    assert '"advice"' not in text
    _, again = await imported(client, headers, text)
    assert again["advice"] == made["advice"] != []


def uuids_of(text):
    export = json.loads(text)
    return {export["experiment"]["exp_uuid"]} | {
        one[key] for name, key in (("suggestions", "suggestion_uuid"), ("observations", "observation_uuid"))
        for one in export[name]
    }  # fmt: skip


@pytest.mark.parametrize("has_context", [False, True])
async def test_imported_experiment_has_the_same_next_suggestion(
    client, headers, history, store, database_url, pool, has_context
):
    exp_uuid = await history(has_context=has_context)
    status, made = await imported(client, headers, await exported(client, headers, exp_uuid))
    assert status == 201, made
    async with running(Worker("tests", store, database_url, pool).run()):
        own = await next_suggestion(client, headers, exp_uuid, has_context=has_context)
        others = await next_suggestion(client, headers, made["exp_uuid"], has_context=has_context)
    assert own == others
    assert own["source"] == "model"


async def test_imported_experiment_has_the_same_open_suggestion(client, headers, history):
    exp_uuid = await history()
    _, made = await imported(client, headers, await exported(client, headers, exp_uuid))
    own, others = [await settle(client, headers, one) for one in (exp_uuid, made["exp_uuid"])]
    assert own.pop("suggestion_uuid") != others.pop("suggestion_uuid")
    assert own == others


async def test_imported_experiment_goes_on(client, headers, history):
    """A leased suggestion is told, and the log counts on."""
    _, made = await imported(client, headers, await exported(client, headers, await history()))
    export = json.loads(await exported(client, headers, made["exp_uuid"]))
    leased = next(one for one in export["suggestions"] if one["state"] == "leased")
    run = {"covars": leased["covars"], "suggestion_uuid": leased["suggestion_uuid"], "responses": {"taste": 9.0}}
    status, told = await post(client, f"/experiment/tell/{made['exp_uuid']}", headers, run)
    assert status == 202, told
    assert told["observations"][0]["seq"] == export["experiment"]["last_seq"] + 1


async def test_stored_export_of_format_1_is_imported(client, headers, stored):
    status, made = await imported(client, headers, stored)
    assert status == 201, made
    again = await exported(client, headers, made["exp_uuid"])
    since = ("acquisition_kind", "paused", "failed_because", "note", "tags", "time_noted")
    for name in (*since, "early_stop", "stopped_step", "stopped_value", "candidate"):
        again = again.replace(f'"{name}":null,', "")  # not then
    for nothing in ('"learn_from":[],', ',"earlier_runs":[]'):
        again = again.replace(nothing, "")
    again = again.replace('"curves":[],', "")
    # Names in their order; the blanks between them are no part of the document.
    before, after = (json.loads(without_uuids(text)) for text in (stored, again))
    before["autotune_version"] = after["autotune_version"]
    assert json.dumps(after) == json.dumps(before)


async def test_import_with_a_key_is_done_once(client, headers, stored):
    key = {"Idempotency-Key": "import-1"}
    first, second = [await imported(client, headers, stored, **key) for _ in range(2)]
    assert first == second
    _, page = await get(client, "/experiment/all", headers)
    assert len(page["experiments"]) == 1


async def test_imports_of_one_document_are_experiments_of_their_own(client, headers, stored):
    made = [(await imported(client, headers, stored))[1]["exp_uuid"] for _ in range(2)]
    assert made[0] != made[1]


async def test_export_of_another_user_is_not_found(client, headers, stranger):
    made = await make_experiment(client, headers)
    status, problem = await get(client, f"/experiment/{made['exp_uuid']}/export", stranger)
    assert (status, problem["code"]) == (404, "not_found")
    assert (await get(client, f"/experiment/{uuid4()}/export", headers))[0] == 404


async def test_import_asks_who_is_there_before_it_reads(client, stored):
    reply = await client.post("/experiment/import", data=stored, headers={"Content-Type": "application/json"})
    assert reply.status_code == 401


async def test_import_may_be_larger_than_other_bodies(client, headers, stored):
    text = stored + " " * 200_000  # the tests' app takes 100,000 bytes
    assert (await imported(client, headers, text))[0] == 201
    status, problem = await post(client, "/experiment/new", headers, {"name": "x", "pad": " " * 200_000})
    assert (status, "100000 bytes" in problem["detail"]) == (413, True)


async def test_too_large_import_is_refused_with_its_own_limit(client, headers):
    status, problem = await imported(client, headers, b" " * (64 * 1024 * 1024 + 1))
    assert (status, problem["code"]) == (413, "too_large")
    assert str(64 * 1024 * 1024) in problem["detail"]


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b'"x"', b"null", b"{}", b"\xff\xfe{", b"[" * 5000, b'{"format": NaN}']
)
async def test_import_of_anything_else_is_refused(client, headers, body):
    status, problem = await imported(client, headers, body)
    assert status in {400, 422}
    assert problem["code"] in {"malformed", "invalid"}


async def test_import_of_a_newer_format_is_refused(client, headers, stored):
    status, problem = await imported(client, headers, json.dumps(json.loads(stored) | {"format": 2}))
    assert status == 422
    assert problem["errors"][0]["field"] == "format"


async def test_import_is_refused_where_it_would_be_dear_to_check(client, headers, stored):
    export, nest = json.loads(stored), []
    for _ in range(500):
        nest = [nest]
    export["events"][1]["data"]["more"] = nest
    status, problem = await imported(client, headers, json.dumps(export))
    assert (status, problem["errors"][0]["field"]) == (422, "events.1")


async def test_import_of_something_damaged_is_never_an_error_of_the_service(client, headers, stored, times):
    """One value of the document is another one, again and again; most such documents are refused, some still fit."""
    export, draw = json.loads(stored), random.Random(1)
    paths = list(places(export))
    values = [
        None,
        "",
        "x",
        "\x00",
        -1,
        0,
        2**53 + 2,
        1e308,
        True,
        [],
        {},
        [[]],
        {"x": {}},
        str(uuid4()),
        "0001-01-01T00:00Z",
    ]
    seen = set()
    for _ in range(times(60, 1000)):
        damaged = copy.deepcopy(export)
        *parents, last = draw.choice(paths)
        target = damaged
        for step in parents:
            target = target[step]
        if draw.random() < 0.2:
            del target[last]
        else:
            target[last] = draw.choice(values)
        status, reply = await imported(client, headers, json.dumps(damaged))
        assert status in {201, 400, 422}, (parents, last, reply)
        seen.add(status)
        if status == 201:
            await exported(client, headers, reply["exp_uuid"])
            assert (await get(client, f"/experiment/{reply['exp_uuid']}", headers))[0] == 200
            assert (await get(client, f"/experiment/{reply['exp_uuid']}/history", headers))[0] == 200
    assert {201, 422} <= seen


def places(value, path=()):
    if path:
        yield path
    for step, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(one, (*path, step))


async def test_large_experiment_is_exported_imported_and_claimed_in_short_steps(client, headers, store, user_uuid):
    """50,000 observations: each statement must end within the statement timeout, and none is run per row.

    The service has one thread for everybody: no step may take long, however long the whole takes.
    """
    made, imports = await make_experiment(client, headers, name="large"), Imports()
    await fill(store, made["exp_uuid"], 50_000)
    with steps() as in_export:
        file = await spooled(export_experiment(store, user_uuid, UUID(made["exp_uuid"])))
    file.seek(0)
    text = file.read().decode()
    with steps() as in_import:
        begun = await imports.start(store, user_uuid, file, ALWAYS, DEFAULT_LIMITS, problem_of)
        again = await imports.finished(begun.exp_uuid, 240)
    assert again.n_observations == 50_000
    stored_again = await exported(client, headers, again.exp_uuid)
    assert json.loads(without_uuids(stored_again)) == json.loads(without_uuids(text))
    async with store.work() as work:
        await work._connection.execute(
            "UPDATE autotune.experiments SET fit_rev = 0 WHERE exp_uuid = $1", again.exp_uuid
        )
    with steps() as in_claim:
        claimed = await claim_fit(store, "worker", timedelta(minutes=1))
    assert len(claimed.snapshot.observations) == 50_000
    for taken in (in_export, in_import, in_claim):
        assert max(taken) < sum(taken) / 4, sorted(taken)[-5:]  # one step that does it all would be all of the time


@contextmanager
def steps():
    """Yield a list that gets the processor time of every step of the event loop that ends in the block, in seconds."""
    taken, run, is_inside = [], asyncio.Handle._run, True

    def timed(self):
        began = time.thread_time()
        run(self)
        if is_inside:
            taken.append(time.thread_time() - began)

    gc.collect()
    gc.freeze()  # as the service does when it has started
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(asyncio.Handle, "_run", timed)
        yield taken
    is_inside = False
    gc.unfreeze()


async def fill(store, exp_uuid, n):
    """Store observations and their events faster than they can be told."""
    covars = json.dumps({name: covariate["guess"] for name, covariate in SPACE.items()})
    async with store.work() as work:
        raw = work._connection
        await raw.execute("SET LOCAL statement_timeout = '60s'")
        await raw.execute(
            """
            INSERT INTO autotune.observations
                (exp_uuid, seq, observation_uuid, covars, response, created_at, responses, sds, status)
                SELECT $1, 2 + i, gen_random_uuid(), $2::json, -i, now(), json_build_object('Response', -i), '{}', 'ok'
                FROM generate_series(1, $3::int) AS i
            """,
            exp_uuid, covars, n,
        )  # fmt: skip
        await raw.execute(
            """
            INSERT INTO autotune.events SELECT exp_uuid, seq, 'observation_added', created_at, json_build_object(
                'observation_uuid', observation_uuid, 'seq', seq, 'covars', covars, 'response', response,
                'responses', responses, 'sds', sds, 'status', status, 'suggestion_uuid', suggestion_uuid,
                'time_created', created_at) FROM autotune.observations WHERE exp_uuid = $1
            """,
            exp_uuid,
        )
        await raw.execute(
            """
            UPDATE autotune.experiments SET last_seq = 2 + $2::int, n_observations = $2::int, data_rev = $2::int,
                fit_rev = $2::int, best_response = -1, best_covars = $3::json, updated_at = now(),
                best_observation_uuid =
                (SELECT observation_uuid FROM autotune.observations WHERE exp_uuid = $1 AND seq = 3) WHERE exp_uuid = $1
            """,
            exp_uuid, n, covars,
        )  # fmt: skip
