"""The rules that stop a run early: worked by hand, and what holds for any curves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune_service.domain.early_stopping import OtherRun, why_stopped
from autotune_wire.reports import EarlyStop
from autotune_wire.responses import Objective, Target, merit

MORE, LESS, NEAR = Objective(goal="maximize"), Objective(goal="minimize"), Target(goal="match", target=10.0)
MEDIAN = EarlyStop(rule="median", min_runs=3)
HALVING = EarlyStop(rule="successive_halving", min_runs=3, reduction_factor=2)

numbers = st.floats(-1e6, 1e6) | st.floats(allow_nan=False, allow_infinity=False)
curves = st.dictionaries(st.integers(0, 30), numbers, min_size=1, max_size=8)
runs = st.lists(st.tuples(curves, st.booleans()), max_size=8).map(
    lambda found: [OtherRun(points, is_completed) for points, is_completed in found]
)
objectives = st.sampled_from([MORE, LESS, NEAR])
rules = st.builds(
    lambda rule, min_steps, min_runs: EarlyStop(rule=rule, min_steps=min_steps, min_runs=min_runs),
    st.sampled_from(["median", "successive_halving"]),
    st.integers(1, 10),
    st.integers(1, 6),
)


def completed(*values):
    """Runs that were completed, each with the same value at the steps 1 to 3."""
    return [OtherRun(dict.fromkeys((1, 2, 3), value), is_completed=True) for value in values]


def test_median_rule_compares_the_best_value_with_the_median_of_averages():
    # By step 2 the averages are 2, 4 and 6: the median is 4.
    others = [
        OtherRun({1: 1.0, 2: 3.0, 3: 99.0}, is_completed=True),
        OtherRun({1: 3.0, 2: 5.0}, is_completed=True),
        OtherRun({1: 5.0, 2: 7.0}, is_completed=True),
    ]
    assert why_stopped(MEDIAN, MORE, {1: 4.0, 2: 0.0}, 2, others) is None
    assert why_stopped(MEDIAN, MORE, {1: 3.9, 2: 0.0}, 2, others) == (
        "by step 2 its best, 3.9, is worse than 4, the median of the averages that 3 completed runs had by then"
    )


def test_median_rule_leaves_out_runs_that_were_not_completed():
    others = [*completed(1.0, 2.0, 3.0), *(OtherRun({1: 9.0}, is_completed=False) for _ in range(5))]
    assert why_stopped(MEDIAN, MORE, {1: 2.5}, 1, others) is None


def test_lower_is_better_where_the_objective_is_minimized():
    assert why_stopped(MEDIAN, LESS, {1: 2.5}, 1, completed(1.0, 2.0, 3.0)) is not None
    assert why_stopped(MEDIAN, LESS, {1: 1.5}, 1, completed(1.0, 2.0, 3.0)) is None


def test_nearer_is_better_where_a_target_is_matched():
    # Distances from 10: the others 1, 2 and 3; 12.5 is 2.5 away, 8.5 is 1.5 away.
    why = why_stopped(MEDIAN, NEAR, {1: 12.5}, 1, completed(9.0, 12.0, 7.0))
    assert why is not None
    assert "a distance of 2.5" in why
    assert why_stopped(MEDIAN, NEAR, {1: 8.5}, 1, completed(9.0, 12.0, 7.0)) is None


def test_successive_halving_lets_the_best_share_go_on():
    # With the run, 4 have come to step 1: the best 2 go on.
    others = [OtherRun({1: value}, is_completed=False) for value in (1.0, 3.0, 5.0)]
    assert why_stopped(HALVING, MORE, {1: 3.0}, 1, others) is None
    assert why_stopped(HALVING, MORE, {1: 2.9}, 1, others) == (
        "at step 1 its value, 2.9, is not among the best 2 of 4 runs that have come as far; the last of these has 3"
    )


def test_successive_halving_judges_at_its_rungs_alone():
    # The rungs are 1, 2, 4, 8: the first report at or after 4 is that of step 5, and step 6 is no rung.
    others = [OtherRun({4: 5.0, 5: 5.0, 6: 5.0}, is_completed=False) for _ in range(3)]
    assert why_stopped(HALVING, MORE, {1: 9.0, 5: 1.0}, 5, others) is not None
    assert why_stopped(HALVING, MORE, {1: 9.0, 5: 9.0, 6: 1.0}, 6, others) is None


def test_run_is_compared_at_a_rung_with_the_first_value_of_others_there():
    others = [OtherRun({4: 5.0, 6: 0.0}, is_completed=False) for _ in range(3)]
    assert why_stopped(HALVING, MORE, {4: 4.0}, 4, others) is not None


@pytest.mark.parametrize("rule", [MEDIAN, HALVING])
def test_too_few_runs_stop_none(rule):
    assert why_stopped(rule, MORE, {1: 0.0}, 1, completed(5.0, 5.0)) is None
    assert why_stopped(rule, MORE, {1: 0.0}, 1, completed(5.0, 5.0, 5.0)) is not None


@pytest.mark.parametrize("rule", [MEDIAN, HALVING])
def test_no_run_is_stopped_before_the_first_step(rule):
    late = rule.model_copy(update={"min_steps": 3})
    assert why_stopped(late, MORE, {2: 0.0}, 2, completed(5.0, 5.0, 5.0)) is None
    assert why_stopped(late, MORE, {3: 0.0}, 3, completed(5.0, 5.0, 5.0)) is not None


def test_run_that_is_the_best_now_is_not_stopped_for_what_others_were():
    # The averages by step 2 are 5, but all others have fallen to 0 by then.
    others = [OtherRun({1: 10.0, 2: 0.0}, is_completed=True) for _ in range(3)]
    assert why_stopped(MEDIAN, MORE, {1: 1.0, 2: 1.0}, 2, others) is None


@given(rule=rules, objective=objectives, points=curves, others=runs, data=st.data())
def test_best_run_at_a_step_is_never_stopped(rule, objective, points, others, data):
    step = data.draw(st.sampled_from(sorted(points)))
    seen = [other.points[max(before)] for other in others if (before := [at for at in other.points if at <= step])]
    if all(merit(objective, points[step]) >= merit(objective, value) for value in seen):
        assert why_stopped(rule, objective, points, step, others) is None


@given(rule=rules, objective=objectives, points=curves, others=runs, data=st.data())
def test_verdict_depends_on_the_curves_and_on_no_order(rule, objective, points, others, data):
    step = data.draw(st.sampled_from(sorted(points)))
    shuffled = data.draw(st.permutations(others))
    reordered = [
        OtherRun(dict(data.draw(st.permutations([*other.points.items()]))), other.is_completed) for other in shuffled
    ]
    again = dict(data.draw(st.permutations([*points.items()])))
    assert why_stopped(rule, objective, again, step, reordered) == why_stopped(rule, objective, points, step, others)


@given(rule=rules, objective=objectives, points=curves, others=runs, data=st.data())
def test_no_run_is_stopped_without_enough_steps_and_runs(rule, objective, points, others, data):
    step = data.draw(st.sampled_from(sorted(points)))
    if why_stopped(rule, objective, points, step, others) is not None:
        assert step >= rule.min_steps
        assert len(others) >= rule.min_runs
