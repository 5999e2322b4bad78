"""Runs that report how they go, and are stopped early: in turn, in threads, in processes and awaited."""

import asyncio
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import objectives
import pytest
from fake_service import PASSWORD, SPACE, problem
from served import serving

import autotune
from autotune.errors import InvalidInputError, RunStopped, ServiceError

RULE = {"rule": "median", "min_runs": 1}


@pytest.fixture
def ruled(service):
    return service.client().new("e", SPACE, early_stop=RULE)


def _stops(service):
    return [(run["stopped_step"], run["stopped_value"]) for run in service.runs]


def test_report_says_whether_to_stop(experiment, service):
    service.stops_below = 0.5
    [suggestion] = experiment.ask(1)
    verdict = experiment.report(suggestion, np.int64(1), np.float32(0.75))
    assert (bool(verdict), verdict.why) == (False, None)
    verdict = experiment.report(suggestion, 2, 0.25)
    assert (bool(verdict), verdict.should_stop, verdict.why) == (True, True, "0.25 is too little")
    assert repr(verdict) == "Verdict(step 2: stop, 0.25 is too little)"
    assert service.reports == {str(suggestion.suggestion_uuid): {1: 0.75, 2: 0.25}}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((-1, 0.5), "step"),
        ((1.5, 0.5), "step"),
        ((True, 0.5), "step"),
        ((1, float("nan")), "value"),
        ((1, "x"), "value"),
    ],
)
def test_wrong_report_is_refused_before_it_is_sent(experiment, service, arguments, field):
    [suggestion] = experiment.ask(1)
    with pytest.raises(InvalidInputError) as refused:
        experiment.report(suggestion, *arguments)
    assert [error.field for error in refused.value.errors] == [field]
    assert service.reports == {}


def test_report_takes_suggestions_alone(experiment):
    with pytest.raises(InvalidInputError, match="report takes a suggestion"):
        experiment.report({"x": 0.5}, 1, 0.5)


def test_stopped_run_is_told_with_what_it_reported(experiment, service):
    [suggestion] = experiment.ask(1)
    experiment.report(suggestion, 3, 0.25)
    stopped = experiment.tell_stopped(suggestion)
    assert (stopped.stopped_step, stopped.stopped_value, stopped.response) == (3, 0.25, None)
    assert repr(stopped) == "Observation(x=0.5, status stopped at step 3 with 0.25)"


def test_stop_of_a_configuration_of_one_s_own_needs_its_step(experiment):
    with pytest.raises(InvalidInputError, match="stopped_step: is missing"):
        experiment.tell_stopped({"x": 0.5}, 0.25)


def test_history_says_stopped_and_add_history_takes_it(service, experiment):
    [suggestion] = experiment.ask(1)
    experiment.report(suggestion, 3, 0.25)
    experiment.tell_stopped(suggestion)
    history = experiment.history()
    row = history.loc[0, ["Response", "status", "stopped_step"]]
    assert row.tolist() == [0.25, "stopped", 3]
    assert experiment.add_history(history, say=None) == []
    [again] = service.client().new("other", SPACE).add_history(history, say=None)
    assert (again.stopped_step, again.stopped_value, again.response) == (3, 0.25, None)


def test_curves_are_a_table_of_reports(experiment):
    for values in ((0.5, 0.75), (0.25,)):
        [suggestion] = experiment.ask(1)
        for step, value in enumerate(values, start=1):
            experiment.report(suggestion, step, value)
    curves = experiment.curves()
    assert list(curves.columns) == ["run", "step", "Response", "state", "should_stop"]
    assert curves[["run", "step", "Response"]].to_numpy().tolist() == [[1, 1, 0.5], [1, 2, 0.75], [2, 1, 0.25]]


def test_run_that_is_stopped_is_told_as_stopped_and_the_loop_goes_on(ruled, service):
    service.stops_below = 0.5
    values = iter([[1.0, 0.25, 2.0], [1.0, 3.0]])

    def function(configuration):
        for step, value in enumerate(next(values), start=1):
            autotune.report(step, value)
        return value

    ruled.run(function, 2)
    assert _stops(service) == [(2, 0.25), (None, None)]
    assert service.runs[1]["response"] == 3.0


def test_stop_is_no_failure_whatever_means_one(ruled, service):
    service.stops_below = 0.5
    ruled.run(objectives.reporting, 1, on_error=Exception)
    assert (service.runs[0]["status"], _stops(service)) == ("ok", [(1, 0.25)])


def test_report_prolongs_the_lease_that_the_loop_takes(ruled, service):
    ruled.run(lambda _: autotune.report(1, 0.25) or 1.0, 1, lease_s=90)
    [body] = [body for (_, path), body in zip(service.calls, service.bodies, strict=True) if path.endswith("report")]
    assert b'"lease_s":90' in body


def test_report_outside_of_a_run_says_what_to_call():
    with pytest.raises(InvalidInputError, match=r"experiment.report\(suggestion, step, value\)"):
        autotune.report(1, 0.5)


def test_runs_in_threads_report_each_for_its_own_suggestion(ruled, service):
    service.stops_below = 0.5
    with ThreadPoolExecutor(3) as pool:
        ruled.run(objectives.reporting, 6, executor=pool)
    assert _stops(service) == [(1, 0.25)] * 6
    assert len(service.reports) == 6


def test_runs_in_processes_report_where_the_experiment_stops_runs(service, monkeypatch):
    service.stops_below = 0.5
    with serving(service) as served, ProcessPoolExecutor(1) as pool:
        for name, value in (("URL", served.url), ("USERNAME", "a@b.c"), ("PASSWORD", PASSWORD)):
            monkeypatch.setenv(f"AUTOTUNE_{name}", value)
        experiment = served.client().new("e", SPACE, early_stop=RULE)
        experiment.run(objectives.reporting, 2, executor=pool)
        assert _stops(service) == [(1, 0.25)] * 2
        plain = served.client().new("e", SPACE)
        with pytest.raises(InvalidInputError, match="In another process a run is known only if"):
            plain.run(objectives.reporting, 1, executor=pool)


def test_stop_that_the_function_decides_on_is_told_too(ruled, service):
    def function(_configuration):
        autotune.report(4, 0.75)
        raise RunStopped("too slow")

    ruled.run(function, 1)
    assert _stops(service) == [(4, 0.75)]


def test_refused_report_ends_the_loop_with_its_error(ruled, service):
    service.trouble(f"POST /experiment/{ruled.exp_uuid}/report", problem(409, "limit_reached", "too many reports"))
    with pytest.raises(ServiceError, match="too many reports"):
        ruled.run(objectives.reporting, 1)
    assert service.runs == []


def test_awaited_run_reports_and_is_stopped(service):
    service.stops_below = 0.5

    async def function(_configuration):
        await autotune.report(1, 0.75)
        await asyncio.to_thread(autotune.report, 2, 0.25)
        return 1.0

    async def main(served):
        async with autotune.aconnect(served.url, username="a@b.c", password=PASSWORD) as client:
            experiment = await client.new("e", SPACE, early_stop="median")
            await experiment.run(function, 2, n_workers=2)
            return await experiment.curves()

    with serving(service) as served:
        curves = asyncio.run(main(served))
    assert _stops(service) == [(2, 0.25)] * 2
    assert len(curves) == 4
