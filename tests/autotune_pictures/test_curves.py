"""The picture of what runs reported."""

from uuid import UUID

import pytest
from pictured import START, experiment, run, svg_of, valid

import autotune_pictures as pictures
from autotune_pictures.curves import MAX_CURVES, MAX_POINTS
from autotune_pictures.parts.runs import STOPPED, counts, hover_of, marked
from autotune_wire.reports import Curve, Curves


def curve(number, values, state="completed", why=None):
    return Curve(
        suggestion_uuid=UUID(int=number),
        state=state,
        observation_uuid=None,
        steps=list(range(1, len(values) + 1)),
        values=values,
        should_stop=why is not None,
        why=why,
        time_updated=START,
    )


def drawn(*of, **fields):
    return valid(pictures.curves(experiment(**fields), Curves(response="yield", curves=list(of))))


def test_each_run_is_a_line_and_stopped_ones_end_in_a_dot():
    spec = drawn(curve(1, [1.0, 5.0]), curve(2, [1.0, 9.0]), curve(3, [0.5, 0.25], "stopped", "too little"))
    rows = spec["datasets"]["curves"]
    assert [(row["run"], row["kind"], row["x"], row["y"]) for row in rows if row["run"] != 1] == [
        (3, "stopped", 1, 0.5),
        (3, "stopped", 2, 0.25),
        (2, "best", 1, 1.0),
        (2, "best", 2, 9.0),
    ]
    assert [(row["run"], row["why"]) for row in rows if row["is_end"]] == [(3, "too little")]
    assert spec["description"] == "Curves of coupling: 3 runs reported, 1 of them stopped early."
    assert "yield (maximize)" in svg_of(spec)


def test_best_is_the_one_with_the_best_end_where_lower_is_better():
    spec = drawn(curve(1, [9.0, 1.0]), curve(2, [1.0, 5.0]), responses={"yield": {"goal": "minimize"}})
    assert {row["run"] for row in spec["datasets"]["curves"] if row["kind"] == "best"} == {1}


@pytest.mark.parametrize("state", ["running", "failed", "excluded", "ended", "of a newer service"])
def test_runs_in_any_state_are_drawn(state):
    kind = "running" if state == "running" else "other"
    assert {row["kind"] for row in drawn(curve(1, [1.0, 2.0], state))["datasets"]["curves"]} == {kind}


def test_without_a_report_the_picture_says_so():
    assert "No run has reported a value yet." in drawn()["description"]


def test_picture_of_very_many_reports_stays_small():
    many = [curve(n, [float(n + k) for k in range(1000)]) for n in range(200)]
    spec = drawn(*many)
    rows = spec["datasets"]["curves"]
    assert len({row["run"] for row in rows}) == MAX_CURVES
    assert len(rows) <= MAX_CURVES * (MAX_POINTS + 1)
    assert {row["x"] for row in rows} >= {1, 1000}
    assert "100 of 200 runs drawn" in str(spec["title"])


def test_values_at_the_ends_of_floats_are_drawn():
    svg_of(drawn(curve(1, [-1.7e308, 1.7e308]), curve(2, [1e-300, 0.0])))


def test_stopped_run_has_a_mark_of_its_own_and_does_not_count():
    of = experiment(early_stop={"rule": "median"})
    runs = [run(1, {"rate": 0.1}, {"yield": 1.0}), run(2, {"rate": 0.2}, stopped_step=1200, stopped_value=9.0)]
    first, second = marked(of, runs, "yield")
    assert (second.mark, counts(first), counts(second)) == (STOPPED, True, False)
    assert hover_of(of).row(second)["r0"] == "9, stopped at step 1,200"
    assert valid(pictures.history(of, runs))["datasets"]["runs"][0]["mark"] == STOPPED
