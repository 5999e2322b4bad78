"""Long imports of several processes on one database: one of them stores, and who was silent has given up."""

import asyncio
import gc
import json
import tempfile
from hashlib import sha256
from uuid import uuid4

import pytest

from autotune_service.domain.errors import KeyReusedError, UnavailableError
from autotune_service.domain.limits import DEFAULT_LIMITS
from autotune_service.store.rows import imports as rows
from autotune_service.tuning.imports import process as reading
from autotune_service.tuning.imports import running
from autotune_service.tuning.imports.messages import Checked, Rows
from autotune_service.tuning.imports.rows import rows_of
from autotune_service.tuning.imports.running import Imports
from autotune_service.tuning.once import Once
from autotune_service.web.errors import problem_of
from autotune_wire.experiments import Experiment


@pytest.fixture(scope="session")
def stored(root):
    return (root / "tests" / "exports" / "1.json").read_bytes()


@pytest.fixture
async def process(store, user_uuid, stored):
    """Begins processes, each with imports of its own."""
    begun = []

    class Process(Imports):
        def __init__(self):
            super().__init__()
            begun.append(self)

        async def begin(self, key="k", text=stored):
            file = tempfile.TemporaryFile()  # noqa: SIM115 -- the import closes it
            file.write(text)
            file.flush()
            once = Once(user_uuid, key, sha256(text).digest())
            starting = self.start(store, user_uuid, file, once, DEFAULT_LIMITS, problem_of)
            return await once.reply(Experiment, starting)

        async def over(self, exp_uuid):
            tasks = [one._tasks[exp_uuid] for one in begun if exp_uuid in one._tasks]
            if tasks:
                await asyncio.wait(tasks, timeout=60)
            return await self.follow(store, user_uuid, exp_uuid, problem_of)

    yield Process
    for one in begun:
        await one.stop()


async def n_experiments(store):
    async with store.work() as work:
        return await work._connection.fetchval("SELECT count(*) FROM autotune.experiments")


async def let_it_be_silent(store, seconds):
    async with store.work() as work:
        await work._connection.execute(
            """
            UPDATE autotune.answered_requests SET created_at = created_at - $1 * interval '1 second'
                WHERE key LIKE 'import %'
            """,
            float(seconds),
        )


async def test_any_process_tells_how_far_an_import_is(store, process):
    one, other = process(), process()
    begun = await one.begin()
    assert (await other.over(begun.exp_uuid)).experiment.exp_uuid == begun.exp_uuid


async def test_other_process_finds_the_import_that_is_running(store, process):
    one, other = process(), process()
    begun = await one.begin()
    assert (await other.begin()).exp_uuid == begun.exp_uuid
    assert not other._tasks
    with pytest.raises(KeyReusedError):
        await other.begin(text=b"{}")
    await one.over(begun.exp_uuid)
    assert isinstance(await other.begin(), Experiment)
    assert await n_experiments(store) == 1


async def test_silent_process_is_replaced_and_stores_nothing_later(store, process, monkeypatch):
    """The first process is frozen while it works: it says nothing, goes on after the other one, and gives up."""
    monkeypatch.setattr(running, "_SAY_S", 60.0)
    one, other = process(), process()
    begun = await one.begin()
    frozen = one._tasks[begun.exp_uuid]
    await let_it_be_silent(store, 5)
    again = await other.begin()
    assert again.exp_uuid == begun.exp_uuid
    await asyncio.wait([frozen])
    assert (await other.over(begun.exp_uuid)).state == "done"
    assert await n_experiments(store) == 1


async def test_process_that_was_silent_for_too_long_gives_up(store, user_uuid, process, monkeypatch):
    monkeypatch.setattr(running, "_SAY_S", 60.0)
    one = process()
    begun = await one.begin(key=None)
    frozen = one._tasks[begun.exp_uuid]
    await let_it_be_silent(store, rows.SILENT_FOR.total_seconds() + 1)
    state = await process().follow(store, user_uuid, begun.exp_uuid, problem_of)
    assert (state.state, state.problem.code) == ("failed", "unavailable")
    await asyncio.wait([frozen])
    assert await n_experiments(store) == 0
    assert (await process().over(begun.exp_uuid)).state == "failed"


async def test_process_that_hears_it_was_replaced_stops_at_once_and_in_silence(store, process, monkeypatch):
    monkeypatch.setattr(running, "_SAY_S", 0.01)
    monkeypatch.setattr(running, "_QUIET_S", -1.0)
    failed = []
    monkeypatch.setattr(running._LongImport, "fail", lambda _, error: asyncio.sleep(0, failed.append(error)))
    one, other = process(), process()
    first = await one.begin()
    replaced = one._tasks[first.exp_uuid]
    await other.begin()
    async with asyncio.timeout(10):
        await asyncio.wait([replaced])
    assert replaced.cancelled()
    assert failed == []  # it was not stopped: it has nothing to say
    assert (await other.over(first.exp_uuid)).state == "done"


async def test_fault_in_telling_how_far_an_import_is_is_told_and_logged(process, monkeypatch, caplog):
    """As with any fault, the user gets an id, and the log has the cause under it."""

    async def faulty(*given, is_over=False):
        if is_over:
            return await rows.say(*given, is_over=True)
        raise RuntimeError("no such luck")

    monkeypatch.setattr(running, "_SAY_S", 0.0)
    monkeypatch.setattr(running, "say", faulty)
    one = process()
    state = await one.over((await one.begin()).exp_uuid)
    assert (state.state, state.problem.code) == ("failed", "internal")
    assert "no such luck" in caplog.text


async def test_user_whose_imports_are_over_is_forgotten(process):
    one = process()
    await one.over((await one.begin()).exp_uuid)
    gc.collect()
    assert not one._turns


async def test_time_to_read_a_document_does_not_run_while_its_rows_are_written(user_uuid, stored, monkeypatch):
    monkeypatch.setattr(reading, "_DEADLINE_S", 10.0)
    with tempfile.TemporaryFile() as file:
        file.write(stored)
        file.flush()
        messages = reading.read_apart(file, user_uuid, uuid4())
        assert isinstance(await anext(messages), Checked)
        clock = asyncio.get_running_loop().time
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: clock() + 3600)
        assert [message async for message in messages]


async def test_process_that_reads_gets_no_secret_of_the_service(user_uuid, stored, monkeypatch):
    """The document is anybody's."""
    create, given = asyncio.create_subprocess_exec, {}

    async def recorded(*arguments, env, **options):
        given.update(env)
        return await create(*arguments, env=env, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", recorded)
    monkeypatch.setenv("AUTOTUNE_SECRET", "a")
    monkeypatch.setenv("PGPASSWORD", "b")
    with tempfile.TemporaryFile() as file:
        file.write(stored)
        file.flush()
        assert [message async for message in reading.read_apart(file, user_uuid, uuid4())]
    assert "PATH" in given
    assert not {"AUTOTUNE_SECRET", "PGPASSWORD"} & given.keys()


async def test_document_that_takes_too_long_to_read_is_given_up(user_uuid, stored, monkeypatch):
    monkeypatch.setattr(reading, "_DEADLINE_S", 0.001)
    with tempfile.TemporaryFile() as file:
        file.write(stored)
        file.flush()
        with pytest.raises(UnavailableError, match=r"not read within 0\.001 s"):
            await anext(reading.read_apart(file, user_uuid, uuid4()))


async def test_child_that_is_killed_fails_the_import(store, process, monkeypatch):
    one = process()
    create = asyncio.create_subprocess_exec

    async def killed(*arguments, **options):
        child = await create(*arguments, **options)
        child.kill()
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", killed)
    state = await one.over((await one.begin()).exp_uuid)
    assert (state.state, state.problem.code) == ("failed", "unavailable")
    assert await n_experiments(store) == 0


def rows_in(text, table):
    found = [message for message in rows_of(text, uuid4(), uuid4()) if isinstance(message, Rows)]
    return [row for message in found if message.table == table for row in json.loads(message.text)]


def test_numbers_get_their_covariates_type(stored):
    """As JavaScript and jq write them: 5.0 is 5; a corrected run has the types of its newest configuration."""
    export = json.loads(stored)
    plain, corrected = (
        next(i for i, one in enumerate(export["observations"]) if (one["version"] > 1) == is_corrected)
        for is_corrected in (False, True)
    )
    uuid = export["observations"][corrected]["observation_uuid"]
    own = [one for one in export["versions"] if one["observation_uuid"] == uuid]
    for one in [export["observations"][plain], export["observations"][corrected], *own]:
        one["covars"]["x"], one["covars"]["k"] = 0, float(one["covars"]["k"])
    text = json.dumps(export).encode()
    observations = rows_in(text, "observations")
    for index in (plain, corrected):
        covars = observations[index]["covars"]
        assert (type(covars["x"]), type(covars["k"])) == (float, int)
    versions = rows_in(text, "observation_versions")
    assert {type(one["covars"]["k"]) for one in versions} == {int}
