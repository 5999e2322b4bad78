"""Reports as transactions on a real database, and what the engine is given of runs that were stopped."""

import asyncio
from datetime import timedelta

import pytest

from autotune_service.compute.translation import engine_input_of
from autotune_service.domain.errors import LimitReachedError
from autotune_service.domain.limits import Limits
from autotune_service.domain.stopped_runs import Completed, Prospects
from autotune_service.engine.interface import Prediction
from autotune_service.store.rows.curves import list_curves
from autotune_service.store.rows.events import list_events
from autotune_service.store.rows.experiments import get_experiment
from autotune_service.store.rows.suggestions import list_pending
from autotune_service.tuning.ask import Terms, lease_suggestions
from autotune_service.tuning.correct import correct
from autotune_service.tuning.experiments import create_experiment, read_experiment
from autotune_service.tuning.fit import claim_fit, commit_fit
from autotune_service.tuning.new_suggestions import EngineRun, NewSuggestion
from autotune_service.tuning.portable import export_experiment, import_experiment
from autotune_service.tuning.report import read_curves, report
from autotune_service.tuning.snapshot import read_snapshot
from autotune_service.tuning.tell import tell
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Correction, Told
from autotune_wire.reports import Report
from autotune_wire.responses import Objective
from support import joined

SPACE = {"x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}}
LEASE = timedelta(seconds=30)
FINALS = [(1.0, 2.0), (2.0, 4.0), (3.0, 6.0)]
"""What three runs have at step 1, and what they come to."""


@pytest.fixture
async def exp_uuid(store, user_uuid):
    new = NewExperiment(name="curves", covars=SPACE, seed=1, early_stop={"rule": "median", "min_runs": 3})
    return (await create_experiment(store, user_uuid, new)).exp_uuid


@pytest.fixture
def run(store, user_uuid, exp_uuid):
    """Report the values of a run, in the order in which they are given; returns the last verdict."""

    async def run(suggestion_uuid, *points):
        verdicts = [
            await report(store, user_uuid, exp_uuid, Report(suggestion_uuid=suggestion_uuid, step=step, value=value))
            for step, value in points
        ]
        return verdicts[-1]

    return run


@pytest.fixture
async def told(store, user_uuid, exp_uuid, run):
    """Three completed runs and one that was stopped at step 1 with 1.5."""

    async def end(values, **outcome):
        row = await read_experiment(store, user_uuid, exp_uuid)
        taken = await lease_suggestions(store, user_uuid, exp_uuid, row.data_rev, 1, Terms("robot", LEASE))
        (one,) = taken.suggestions
        verdict = await run(one.suggestion_uuid, *values)
        body = Told(covars=one.covars, suggestion_uuid=one.suggestion_uuid, **outcome)
        observation = (await tell(store, user_uuid, exp_uuid, [body])).observations[0]
        fit = await claim_fit(store, "a worker", LEASE)
        new = NewSuggestion({"x": 0.1 * row.n_observations}, "model", "because")
        await commit_fit(store, fit, EngineRun([new]))
        return verdict, observation

    for first, last in FINALS:
        await end([(1, first), (5, last)], response=last)
    verdict, observation = await end([(1, 1.5)], status="stopped")
    assert verdict.should_stop
    return observation


async def guess_of(store, exp_uuid):
    async with store.work() as work:
        (guess,) = await list_pending(work, exp_uuid)
    return guess


async def given_to_the_engine(store, user_uuid, exp_uuid):
    async with store.work() as work:
        row = await get_experiment(work, exp_uuid, user_uuid)
        return engine_input_of(await read_snapshot(work, row))


async def test_engine_is_given_what_the_stopped_run_would_have_come_to(store, user_uuid, exp_uuid, told):
    stopped = (await given_to_the_engine(store, user_uuid, exp_uuid)).runs[-1]
    # After step 1 the others had 1, 2 and 3, and came to 2, 4 and 6. The squares of the former from their mean are 2,
    # the products 4, and two more runs add 4 / 3 to both: a slope of 1.6, and half of it less than 4.
    completed = [Completed({1: first, 5: last}, last) for first, last in FINALS]
    mean, sd = Prospects(Objective(goal="maximize"), completed).of(1, 1.5)
    assert mean == pytest.approx(3.2)
    assert (stopped.responses, stopped.is_stopped) == ({}, True)
    assert stopped.expected == {"Response": Prediction(mean, sd)}


async def test_engine_is_given_the_same_after_an_import(store, user_uuid, exp_uuid, told):
    document = await joined(export_experiment(store, user_uuid, exp_uuid))
    imported = await import_experiment(store, user_uuid, document)
    mine, its = [await given_to_the_engine(store, user_uuid, uuid) for uuid in (exp_uuid, imported.exp_uuid)]
    assert mine == its


async def test_excluded_runs_show_nothing_of_stopped_ones(store, user_uuid, exp_uuid, told):
    before = (await given_to_the_engine(store, user_uuid, exp_uuid)).runs[-1].expected["Response"]
    document = await read_curves(store, user_uuid, exp_uuid)
    best = document.curves[2].observation_uuid
    body = Correction(version=1, reason="leaked", is_excluded=True)
    await correct(store, user_uuid, exp_uuid, best, body)
    after = (await given_to_the_engine(store, user_uuid, exp_uuid)).runs[-1].expected["Response"]
    # Those left had 1 and 2, and came to 2 and 4: in the middle of the former, the middle of the latter.
    assert (before.mean, after.mean) == pytest.approx((3.2, 3.0))


async def test_reports_at_the_same_time_are_all_kept(store, user_uuid, exp_uuid):
    guess = await guess_of(store, exp_uuid)
    bodies = [Report(suggestion_uuid=guess.suggestion_uuid, step=n, value=float(n)) for n in range(20)]
    verdicts = await asyncio.gather(*(report(store, user_uuid, exp_uuid, body) for body in bodies))
    assert sorted(verdict.n_reports for verdict in verdicts) == [*range(1, 21)]
    async with store.work() as work:
        (seen,) = await list_curves(work, exp_uuid)
    assert seen.curve.points == {n: float(n) for n in range(20)}
    events = await list_events(store, exp_uuid, 0, 100)
    assert [event.seq for event in events] == [*range(1, 23)]


async def test_reports_of_an_experiment_have_a_limit(store, user_uuid, exp_uuid):
    guess = await guess_of(store, exp_uuid)

    async def send(step):
        body = Report(suggestion_uuid=guess.suggestion_uuid, step=step, value=1.0)
        return await report(store, user_uuid, exp_uuid, body, limits=Limits(reports=2))

    await send(1)
    await send(2)
    with pytest.raises(LimitReachedError, match="may report at most 2 steps together on this service"):
        await send(3)
    assert (await send(2)).n_reports == 2


async def test_report_counts_for_the_owner_s_bytes(store, user_uuid, exp_uuid):
    before = (await read_experiment(store, user_uuid, exp_uuid)).n_bytes
    guess = await guess_of(store, exp_uuid)
    await report(store, user_uuid, exp_uuid, Report(suggestion_uuid=guess.suggestion_uuid, step=1, value=1.0))
    assert (await read_experiment(store, user_uuid, exp_uuid)).n_bytes > before


async def test_report_has_the_engine_compute_nothing(store, user_uuid, exp_uuid):
    guess = await guess_of(store, exp_uuid)
    before = await read_experiment(store, user_uuid, exp_uuid)
    await report(store, user_uuid, exp_uuid, Report(suggestion_uuid=guess.suggestion_uuid, step=1, value=1.0))
    after = await read_experiment(store, user_uuid, exp_uuid)
    assert (after.data_rev, after.n_open, after.last_seq) == (before.data_rev, before.n_open, before.last_seq + 1)
