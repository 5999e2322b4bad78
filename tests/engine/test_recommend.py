import math
import random

import numpy as np
import pytest
from pydantic import TypeAdapter

from autotune_service.engine.encoding import Encoding
from autotune_service.engine.initial import n_initial
from autotune_service.engine.problem import Problem
from autotune_service.engine.recommend import explore, recommend
from autotune_service.engine.surrogate import ResponseScale
from autotune_wire.space import Space
from support import GUESS, SPACE

space = TypeAdapter(Space).validate_python(SPACE)
encoding = Encoding(space)


def quality(covars):
    return (
        {"red": 0, "green": 2, "blue": 1}[covars["color"]]
        - (covars["v1"] - 3) ** 2
        - ((covars["weight"] - 120) / 50) ** 2
    )


def problem(
    told=(), responses=None, pending=(), n=1, of=space, seed=1, direction="maximize", acq_func="ExpectedImprovement"
):
    told = list(told)
    return Problem(
        space=of,
        direction=direction,
        acq_func=acq_func,
        seed=seed,
        told=told,
        responses=[quality(one) for one in told] if responses is None else responses,
        pending=list(pending),
        n=n,
    )


def design(n, seed=1):
    return [GUESS] + [one.covars for one in recommend(problem([GUESS], n=n - 1, seed=seed))]


def test_first_suggestions_are_sobol_points():
    suggested = recommend(problem([GUESS], n=4))
    assert [one.source for one in suggested] == ["sobol"] * 4
    assert len({encoding.key(one.covars) for one in suggested}) == 4


def test_sobol_points_do_not_depend_on_how_they_are_asked_for():
    together = [one.covars for one in recommend(problem([GUESS], n=3))]
    told = [GUESS]
    for _ in range(3):
        told.append(recommend(problem(told))[0].covars)
    assert told[1:] == together


def test_initial_design_counts_what_is_pending():
    assert recommend(problem([GUESS], pending=design(3)[1:]))[0].covars == recommend(problem(design(3)))[0].covars


@pytest.mark.parametrize("acq_func", ["ExpectedImprovement", "NoisyExpectedImprovement"])
def test_model_finds_the_best_configuration(acq_func):
    told = design(n_initial(encoding))
    while len(told) < 16:
        told.append(recommend(problem(told, acq_func=acq_func))[0].covars)
    best = max(told, key=quality)
    # The optimum is 2 at green, 3, 120; a random search of this length is at about -1.
    assert quality(best) > 1.9


def test_model_minimizes_where_asked():
    told = design(8)
    responses = [-quality(one) for one in told]
    low = recommend(problem(told, responses, direction="minimize"))[0]
    high = recommend(problem(told))[0]
    assert low.covars == high.covars
    assert low.mean == pytest.approx(-high.mean)
    assert low.sd == pytest.approx(high.sd)


def test_model_predicts_in_the_unit_of_the_response():
    told = design(10)
    small = recommend(problem(told))[0]
    responses = [1000 * quality(one) + 5e6 for one in told]
    large = recommend(problem(told, responses))[0]
    assert large.covars["weight"] == pytest.approx(small.covars["weight"], rel=1e-6)
    # Scaling and shifting the responses only scales and shifts the prediction, up to the optimizer's stopping rule.
    assert large.mean == pytest.approx(1000 * small.mean + 5e6, rel=1e-6)
    assert large.sd == pytest.approx(1000 * small.sd, rel=1e-3)


def test_same_problem_gives_the_same_suggestions():
    given = problem(design(8), pending=[GUESS | {"v1": 5}], n=2)
    assert recommend(given) == recommend(given)


def test_other_seed_gives_other_sobol_points():
    assert design(4, seed=1) != design(4, seed=2)


def test_batch_differs_from_itself_and_from_what_is_pending():
    told = design(8)
    pending = [recommend(problem(told))[0].covars]
    batch = recommend(problem(told, pending=pending, n=3))
    keys = [encoding.key(one.covars) for one in batch] + [encoding.key(one) for one in pending + told]
    assert len(set(keys)) == len(keys)


def test_small_space_is_tried_whole_before_anything_is_repeated():
    small = TypeAdapter(Space).validate_python(
        {
            "n": {"vtype": "int", "guess": 0, "min": 0, "max": 3},
            "c": {"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]},
        }
    )
    told = [{"n": 0, "c": "a"}]
    while len(told) < 12:
        told.append(recommend(problem(told, [one["n"] for one in told], of=small))[0].covars)
    assert len({(one["n"], one["c"]) for one in told}) == 12
    again = recommend(problem(told, [one["n"] for one in told], of=small))[0]
    assert again.covars["n"] == 3
    assert "repeating" in again.reason


def test_whole_numbers_beyond_enumeration_are_whole_and_inside():
    wide = TypeAdapter(Space).validate_python(
        {
            "n": {"vtype": "int", "guess": 10, "min": 10, "max": 100_000},
            "x": {"vtype": "cont", "guess": 0.0, "min": 0.0, "max": 1.0},
        }
    )
    told = [{"n": 10, "x": 0.0}]
    while len(told) < 9:
        responses = [-abs(math.log10(one["n"]) - 4) - one["x"] for one in told]
        told.append(recommend(problem(told, responses, of=wide))[0].covars)
    assert all(isinstance(one["n"], int) and 10 <= one["n"] <= 100_000 for one in told)


@pytest.mark.parametrize(
    "responses",
    [
        [1.0] * 8,
        [0.0] * 8,
        [1e300, -1e300] * 4,
        [1e-300, 2e-300] * 4,
        [1e308, 1.0] * 4,
    ],
    ids=["equal", "zero", "huge", "tiny", "one huge"],
)
def test_extreme_responses_still_give_a_finite_prediction(responses):
    suggested = recommend(problem(design(8), responses))[0]
    assert suggested.source == "model"
    assert math.isfinite(suggested.mean)
    assert math.isfinite(suggested.sd)


def test_response_scale_standardizes_and_returns():
    scale = ResponseScale.of(np.array([1.0, 3.0, 5.0]), "minimize")
    # Mean 3; population standard deviation sqrt(8/3).
    assert scale.to_model(np.array([1.0, 3.0])).tolist() == pytest.approx([2 / math.sqrt(8 / 3), 0.0])
    assert scale.from_model(2 / math.sqrt(8 / 3), 1.0) == pytest.approx((1.0, math.sqrt(8 / 3)))


def test_explore_says_why():
    suggested = explore(problem(design(8)), "NotPSDError: no")[0]
    assert suggested.source == "sobol"
    assert "NotPSDError: no" in suggested.reason


def test_choice_of_one_option_does_not_stop_the_model():
    lone = TypeAdapter(Space).validate_python(
        {
            "only": {"vtype": "cat", "guess": "a", "options": ["a"]},
            "x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0},
        }
    )
    told = [{"only": "a", "x": n / 8} for n in range(8)]
    for pending in ([], [{"only": "a", "x": 0.55}]):
        suggested = recommend(problem(told, [-((one["x"] - 0.6) ** 2) for one in told], pending=pending, of=lone))[0]
        assert (suggested.source, suggested.covars["only"]) == ("model", "a")


def test_many_options_leave_the_suggestion_a_function_of_the_problem():
    options = [f"o{n}" for n in range(25)]
    many = TypeAdapter(Space).validate_python(
        {
            "c": {"vtype": "cat", "guess": "o0", "options": options},
            "x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0},
        }
    )
    told = [{"c": options[n], "x": n / 10} for n in range(10)]
    given = problem(told, [float(n % 4) for n in range(10)], of=many)
    suggested = []
    for state in range(4):
        random.seed(state)  # whatever ran before in the process
        suggested.append(recommend(given))
    assert all(one == suggested[0] for one in suggested)
