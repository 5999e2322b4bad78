"""Times are the database's and never run back in a log, whatever the clocks of the machines say."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import autotune_service
from autotune_service.domain.errors import UnauthenticatedError
from autotune_service.store.rows.events import list_events
from autotune_service.tuning import sessions as sessions_module
from autotune_service.tuning.ask import lease_suggestions
from autotune_service.tuning.correct import correct
from autotune_service.tuning.experiments import close_experiment, create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit, fail_fit
from autotune_service.tuning.leases import abandon, expire_leases
from autotune_service.tuning.lifecycle import rename, reopen
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.portable import export_experiment, import_experiment
from autotune_service.tuning.tell import tell
from autotune_service.tuning.undo import undo
from autotune_wire.changes import Rename, Undo
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Correction, Told
from autotune_wire.suggestions import Abandon
from raw_database import until_another_waits
from support import GUESS, SPACE, joined

DAYS = timedelta(days=3)
CLAIM = timedelta(seconds=15)
_OF_THE_MACHINE = re.compile(r"datetime\.(now|utcnow)\(|\btime\.time\(")
# What is shown: the lag of a push, the date of an export, the start of a data folder's owner, by how much two clocks
# differ. A token has a leeway.
_MAY_READ_IT = {
    "observing/pushes.py",
    "tuning/accounts.py",
    "tuning/portable.py",
    "tuning/sessions.py",
    "tuning/user_export.py",
    "security/tokens.py",
    "store/embedded/lock.py",
    "store/server/facts.py",
}


@pytest.fixture
async def exp_uuid(store, user_uuid):
    return (await create_experiment(store, user_uuid, NewExperiment(name="c", covars=SPACE, seed=1))).exp_uuid


async def set_clock_back(database):
    """Make all that is stored as it is after the database's clock was set back by three days."""
    for table, columns in {
        "experiments": ("created_at", "updated_at", "lease_until", "retry_at"),
        "events": ("created_at",),
        "observations": ("created_at",),
        "questions": ("lease_until",),
    }.items():
        moved = ", ".join(f"{column} = {column} + $1" for column in columns)
        await database.execute(f"UPDATE {table} SET {moved}", DAYS)


def run(weight, **more):
    return Told(covars=GUESS | {"weight": float(weight)}, response=float(weight), **more)


async def times(store, exp_uuid):
    return [event.at for event in await list_events(store, exp_uuid, 0, 100)]


async def test_times_of_a_log_do_not_run_back_when_the_clock_of_the_database_does(store, database, user_uuid, exp_uuid):
    place = (store, user_uuid, exp_uuid)
    await set_clock_back(database)
    (taken,) = (
        await lease_suggestions(
            *place,
            0,
            1,
        )
    ).suggestions
    await abandon(*place, Abandon(suggestion_uuid=taken.suggestion_uuid))
    reply = await tell(*place, [run(7), run(8)])
    fit = await claim_fit(store, "a", CLAIM)
    await commit_fit(store, fit, EngineRun([NewSuggestion(GUESS | {"weight": 9.0}, "model", "because")]))
    (taken,) = (await lease_suggestions(*place, 2, 1)).suggestions
    await database.execute("UPDATE suggestions SET lease_until = clock_timestamp() WHERE state = 'leased'")
    await expire_leases(store)
    told = reply.observations[0]
    await correct(*place, told.observation_uuid, Correction(version=1, reason="slip", response=7.5))
    await undo(*place, Undo())
    await rename(*place, Rename(name="d"))
    await close_experiment(*place)
    await reopen(*place)
    at = await times(store, exp_uuid)
    assert len(at) > 12
    assert at == sorted(at)
    assert at[-1] > datetime.now(UTC) + DAYS - timedelta(hours=1)
    assert reply.time_updated == told.time_created == at[4]
    assert (await read_experiment(*place)).updated_at == at[-1]


async def test_tell_that_waited_for_another_change_is_not_before_it(store, database, user_uuid, exp_uuid):
    async with database.transaction():
        await database.execute("UPDATE experiments SET updated_at = updated_at + $1", DAYS)
        telling = asyncio.create_task(tell(store, user_uuid, exp_uuid, [run(7)]))
        await until_another_waits(database)
    assert (await telling).time_updated > datetime.now(UTC) + DAYS - timedelta(hours=1)


async def test_times_go_on_from_those_of_an_import(store, user_uuid, exp_uuid):
    document = json.loads(await joined(export_experiment(store, user_uuid, exp_uuid)))
    document["events"][-1]["time_created"] = (datetime.now(UTC) + DAYS).isoformat()
    imported = await import_experiment(store, user_uuid, json.dumps(document).encode())
    await tell(store, user_uuid, imported.exp_uuid, [run(7)])
    at = await times(store, imported.exp_uuid)
    assert at == sorted(at)


async def test_claim_and_pause_of_a_time_before_the_clock_was_set_back_are_over(store, database, user_uuid, exp_uuid):
    await tell(store, user_uuid, exp_uuid, [run(7)])
    assert await claim_fit(store, "killed", CLAIM) is not None
    assert await claim_fit(store, "other", CLAIM) is None
    await set_clock_back(database)
    fit = await claim_fit(store, "other", CLAIM)
    assert fit is not None
    await fail_fit(store, fit, "no luck", CLAIM)
    assert await claim_fit(store, "other", CLAIM) is None
    await set_clock_back(database)
    assert await claim_fit(store, "other", CLAIM) is not None


@pytest.mark.parametrize("skew", [-60 * DAYS, 60 * DAYS])
async def test_sign_in_lasts_as_long_as_the_clock_of_the_database_says(
    sessions, database, user_uuid, monkeypatch, skew
):
    class Skewed(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + skew

    tokens, session = await sessions.open_program(user_uuid), await sessions.open_browser(user_uuid)
    monkeypatch.setattr(sessions_module, "datetime", Skewed)
    assert (await sessions.caller_of_cookie(session)).user_uuid == user_uuid
    tokens = await sessions.refresh(tokens.refresh_token)
    for table in ("sessions", "refresh_tokens"):
        await database.execute(f"UPDATE {table} SET expires_at = clock_timestamp()")
    sessions.forget()
    with pytest.raises(UnauthenticatedError):
        await sessions.caller_of_cookie(session)
    with pytest.raises(UnauthenticatedError):
        await sessions.refresh(tokens.refresh_token)


def test_clock_of_the_machine_is_read_only_for_what_is_not_stored():
    root = Path(autotune_service.__file__).parent
    found = {
        path.relative_to(root).as_posix() for path in root.rglob("*.py") if _OF_THE_MACHINE.search(path.read_text())
    }
    assert found - {"live/subscription.py"} == _MAY_READ_IT
