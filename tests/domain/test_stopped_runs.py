"""What a run that was stopped early would have come to, worked by hand."""

from math import isfinite, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune_service.domain.stopped_runs import Completed, Prospects
from autotune_wire.responses import Objective, Target, merit

MORE, LESS, NEAR = Objective(goal="maximize"), Objective(goal="minimize"), Target(goal="match", target=10.0)


def expected_final(objective, step, value, completed):
    return Prospects(objective, completed).of(step, value)


# At step 2 they had 1, 3 and 5, and came to 4, 8 and 6: 6 in the mean, of 3.
RUNS = [
    Completed({1: 0.0, 2: 1.0, 9: 4.0}, 4.0),
    Completed({1: 0.0, 2: 3.0, 9: 8.0}, 8.0),
    Completed({1: 0.0, 2: 5.0, 9: 6.0}, 6.0),
]
# Squares from the mean are 8, products 4, and two more runs with a slope of 1 have squares and products of 16 / 3.
WEIGHT = 8.0 + 16.0 / 3.0
SLOPE = 0.7  # (4 + 16 / 3) / (8 + 16 / 3)
# From the line they differ by -0.6, 2 and -1.4. The variance of the finals, 8 / 3, counts as two more.
VARIANCE = (0.36 + 4.0 + 1.96 + 2.0 * 8.0 / 3.0) / 5.0


def test_line_through_completed_runs_predicts_what_a_run_comes_to():
    assert expected_final(MORE, 2, 2.0, RUNS) == pytest.approx((6.0 - SLOPE, sqrt(VARIANCE * (4 / 3 + 1 / WEIGHT))))
    assert expected_final(MORE, 2, 3.0, RUNS) == pytest.approx((6.0, sqrt(VARIANCE * 4 / 3)))


def test_run_is_believed_no_better_than_the_best_of_those_that_were_completed():
    assert expected_final(MORE, 2, 6.0, RUNS)[0] == pytest.approx(8.0)  # by the line 8.1


def test_run_is_believed_in_proportion_where_runs_grew_in_proportion():
    # Squares of 2 and products of 20, with two more runs 10 / 3 and 64 / 3: a slope of 6.4 instead of 10.
    tenfold = [Completed({1: at}, 10 * at) for at in (1.0, 2.0, 3.0)]
    assert expected_final(MORE, 1, 0.5, tenfold)[0] == pytest.approx(20.0 - 1.5 * 6.4)


def test_run_that_diverged_is_believed_as_far_below_the_worst_as_values_lie_apart():
    tenfold = [Completed({1: at}, 10 * at) for at in (1.0, 2.0, 3.0)]
    assert expected_final(MORE, 1, -1e9, tenfold) == pytest.approx((10.0 - 29.0, 29.0))
    alike = [Completed({1: 0.8}, 0.9), Completed({1: 0.81}, 0.905)]
    assert expected_final(MORE, 1, 0.1, alike) == pytest.approx((0.9 - 0.105, 0.105))


def test_run_that_was_behind_all_others_stays_behind_where_they_changed_places():
    # Those that had less came to more: a slope of 0, and 0.775 in the mean.
    swapped = [Completed({1: k / 10}, 0.9 - k / 20) for k in range(6)]
    assert [expected_final(MORE, 1, value, swapped)[0] for value in (0.5, 0.0, -0.5)] == pytest.approx(
        [0.775, 0.775, 0.275]
    )
    assert expected_final(MORE, 1, -1e300, swapped)[0] == pytest.approx(0.65 - 0.9)


def test_where_lower_is_better_the_signs_change():
    mirrored = [Completed({at: -value for at, value in run.points.items()}, -run.final) for run in RUNS]
    for value in (2.0, 6.0):
        mean, sd = expected_final(MORE, 2, value, RUNS)
        assert expected_final(LESS, 2, -value, mirrored) == pytest.approx((-mean, sd))


def test_towards_a_target_the_distance_shrinks_on_the_side_of_the_last_value():
    # Distances of 6 and 4 at step 1 become 2 and 1: 1.5 in the mean, of 5, with a slope of (1 + 2) / (2 + 2).
    # A distance of 6.5 is 0.5 more than any of them had, and comes to 0.5 more than the 2.25 of that one.
    runs = [Completed({1: 16.0}, 12.0), Completed({1: 6.0}, 9.0)]
    above = expected_final(NEAR, 1, 16.5, runs)
    below = expected_final(NEAR, 1, 3.5, runs)
    assert (above[0], below[0]) == pytest.approx((12.75, 7.25))


def test_last_value_before_the_step_counts_where_the_step_itself_was_not_reported():
    assert expected_final(MORE, 8, 2.0, RUNS) == expected_final(MORE, 2, 2.0, RUNS)


def test_without_curves_the_spread_is_that_of_all_final_values():
    bare = [Completed({}, run.final) for run in RUNS]
    assert expected_final(MORE, 2, 2.0, bare) == pytest.approx((2.0, sqrt(8.0 / 3.0)))


@pytest.mark.parametrize("runs", [[], RUNS[:1], [RUNS[0], RUNS[0]]])
def test_nothing_is_expected_where_nothing_shows_how_much_values_differ(runs):
    assert expected_final(MORE, 2, 2.0, runs) is None


numbers = st.floats(-1e6, 1e6) | st.floats(allow_nan=False, allow_infinity=False)
curves = st.dictionaries(st.integers(0, 9), numbers, max_size=4)
completed = st.lists(st.builds(Completed, curves, numbers), max_size=6)


@given(
    objective=st.sampled_from([MORE, LESS, NEAR]), step=st.integers(0, 9), value=numbers, runs=completed, data=st.data()
)
def test_expectation_is_finite_and_depends_on_no_order(objective, step, value, runs, data):
    found = expected_final(objective, step, value, runs)
    assert found == expected_final(objective, step, value, data.draw(st.permutations(runs)))
    if found is not None:
        assert all(map(isfinite, found))
        assert found[1] >= 0.0
        best, unit = max(merit(objective, run.final) for run in runs), max(abs(run.final) for run in runs)
        assert merit(objective, found[0]) <= best + 1e-9 * max(unit, abs(value), 10.0)
