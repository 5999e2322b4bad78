"""The magics of runs that report and are stopped early."""

import pytest
from IPython.core.error import UsageError

from autotune_wire.reports import EarlyStop


@pytest.fixture
def ruled(run):
    return run("new brownies space --early-stop median")


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("successive_halving", EarlyStop(rule="successive_halving")),
        ('{"rule": "median", "min_steps": 3}', EarlyStop(rule="median", min_steps=3)),
    ],
)
def test_new_takes_a_rule_by_its_name_or_with_options(run, written, rule):
    assert run(f"new e space --early-stop {written} --seed 1").early_stop == rule


def test_new_names_what_is_wrong_with_a_rule(run):
    with pytest.raises(UsageError, match=r"early_stop\.rule: must be 'median' or 'successive_halving'"):
        run("new e space --early-stop luck")


def test_report_is_about_the_suggestion_that_was_asked_for(run, ruled, service):
    service.stops_below = 0.5
    suggestion = run("ask")
    assert not run("report 1 0.75")
    verdict = run("report 2 1/4")
    assert (verdict.should_stop, verdict.why) == (True, "0.25 is too little")
    assert service.reports == {str(suggestion.suggestion_uuid): {1: 0.75, 2: 0.25}}


def test_report_of_one_of_several_names_it(run, ruled, service):
    taken = run("ask 2")
    run("report 1 0.75 --of 2")
    assert [*service.reports] == [str(taken[1].suggestion_uuid)]


def test_stop_tells_the_last_report(run, ruled, service):
    run("ask")
    run("report 2 0.25")
    assert repr(run("stopped")) == "Observation(x=0.5, status stopped at step 2 with 0.25)"
    run("ask")
    run("report 2 0.25")
    stopped = run("stopped 0.5 --step 7")
    assert (stopped.stopped_step, stopped.stopped_value) == (7, 0.5)


def test_correct_says_that_a_stopped_run_stays_stopped_and_makes_a_whole_run_of_it(run, ruled, capsys):
    run("ask")
    run("report 2 0.25")
    run("stopped")
    capsys.readouterr()
    kept = run("correct 1 0.5 misread")
    assert (kept.stopped_step, kept.stopped_value, kept.responses) == (2, 0.5, {})
    assert "run 1 stays stopped at step 2 with 0.5; with --whole the response is the final" in capsys.readouterr().out
    whole = run("correct 1 0.75 it ran to its end --whole")
    assert (whole.stopped_step, whole.response) == (None, 0.75)
    assert capsys.readouterr().out == ""


def test_correct_makes_a_stopped_run_of_a_whole_one(run, ruled):
    run("ask")
    run("tell 0.75")
    stopped = run("correct 1 0.5 --stopped 7")
    assert (stopped.stopped_step, stopped.stopped_value) == (7, 0.5)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("correct 1 0.5 --whole --stopped 7", "either stopped early or not: give --whole or --stopped"),
        ("correct 1 failed --whole", "a run that failed has no value: leave --whole and --stopped out"),
        ("correct 1 0.5 --stopped 1.5", "--stopped, the step, must be a whole number, not 1.5"),
    ],
)
def test_correct_says_what_is_wrong_with_a_stop(run, ruled, line, message):
    run("ask")
    run("tell 0.75")
    with pytest.raises(UsageError) as refused:
        run(line)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("report", "the step is missing: %autotune report STEP VALUE"),
        ("report 1", "the value is missing: %autotune report STEP VALUE"),
        ("report soon 1", "there is no variable 'soon'"),
        ("report 1.5 1", "STEP, the step of the run, must be a whole number, not 1.5"),
    ],
)
def test_report_says_what_is_wrong(run, ruled, line, message):
    run("ask")
    with pytest.raises(UsageError) as refused:
        run(line)
    assert message in str(refused.value)


def test_report_without_a_suggestion_says_what_to_do(run, ruled):
    with pytest.raises(UsageError, match="run `%autotune ask` first"):
        run("report 1 0.5")


def test_body_of_a_cell_reports_and_its_run_is_stopped(cell, service):
    service.stops_below = 0.5
    cell("%autotune new brownies space --early-stop median")
    shown, is_good = cell(
        "%%autotune run -n 2 --on-error fail\nfor step in range(3):\n    report(step, x - step / 8)\nx"
    )
    assert is_good, shown
    assert [(run["stopped_step"], run["stopped_value"]) for run in service.runs] == [(1, 0.375)] * 2
    assert "status stopped at step 1 with 0.375" in shown


def test_variable_named_report_is_the_user_s_own(cell, shell, service):
    shell.user_ns["report"] = lambda *_: 0.0
    cell("%autotune new brownies space")
    _, is_good = cell("%%autotune run -n 1\nreport(1, x)\nx")
    assert is_good
    assert service.reports == {}


def test_curves_show_what_was_reported(run, ruled):
    run("ask")
    run("report 1 0.75")
    assert run("curves")[["run", "step", "Response"]].to_numpy().tolist() == [[1, 1, 0.75]]
    assert "1 run reported" in run("show curves").description
