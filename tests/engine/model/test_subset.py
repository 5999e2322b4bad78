import numpy as np
import pytest

from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.model.subset import max_fitted, representatives
from generated import fitted_to, responses_of, space_of


def test_no_more_than_wanted_are_all_kept():
    assert representatives(np.zeros((5, 2)), np.arange(5.0), 5).tolist() == [0, 1, 2, 3, 4]


def test_a_quarter_are_the_best_a_half_near_the_best_the_rest_over_time():
    # On a line, target = -|x - 50|: the best is 50 and the next best are its neighbours.
    rows = np.arange(100.0)[:, None]
    targets = -np.abs(rows[:, 0] - 50)
    chosen = representatives(rows, targets, 16)
    near = list(range(44, 57))  # 4 best: 50, 49, 51, 48; then the 8 nearest: 52, 47, 53, 46, 54, 45, 55, 44
    near.remove(56)
    # 4 of the 88 others, 0 to 43 and 56 to 99, at equal distances in time: places 0, 29, 58 and 87.
    assert chosen.tolist() == sorted([*near, 0, 29, 70, 99])


def test_as_many_as_wanted_are_chosen_once_each():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 7, 50, 199):
        chosen = representatives(rng.random((200, 3)), rng.integers(3, size=200).astype(float), n)
        assert len(set(chosen.tolist())) == n
        assert (np.diff(chosen) > 0).all()


def test_best_ones_are_always_kept():
    rng = np.random.default_rng(1)
    targets = rng.normal(size=300)
    chosen = representatives(rng.random((300, 2)), targets, 40)
    assert set(np.argsort(-targets)[:10]) <= set(chosen.tolist())


@pytest.mark.parametrize(("n_responses", "n"), [(1, 400), (2, 400), (8, 200)])
def test_many_models_learn_from_fewer_each(n_responses, n):
    assert max_fitted(n_responses) == n  # a quarter of the models at full size: half as many observations


def test_names_of_options_do_not_matter():
    rng = np.random.default_rng(2)
    rows = rng.integers(10, size=(900, 3)).astype(float)
    targets, renamed = rng.normal(size=900), rng.permutation(10)[rows.astype(int)].astype(float)
    codes = np.ones(3, dtype=bool)
    assert representatives(rows, targets, 100, codes).tolist() == representatives(renamed, targets, 100, codes).tolist()


@pytest.mark.parametrize(("goal", "bound"), [(">=", 0.3), ("<=", 0.3)])
def test_of_a_threshold_those_near_its_bound_are_kept(goal, bound):
    space = space_of({"x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}})
    runs = [Run({"x": i / 200}, {"y": 0.0, "z": i / 200}) for i in range(201)]
    problem = EngineInput(space=space, responses=responses_of(y="maximize", z=(goal, bound)), runs=runs, seed=1)
    kept = fitted_to(problem, 40)["z"].index.tolist()
    assert set(range(55, 66)) <= set(kept)  # 0.275 to 0.325; those deepest inside the bound lie at 0 or at 1
    assert len(kept) == 40
