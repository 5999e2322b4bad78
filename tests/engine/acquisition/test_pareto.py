import numpy as np
import pytest
import torch
from botorch.utils.multi_objective.hypervolume import Hypervolume, infer_reference_point
from botorch.utils.multi_objective.pareto import is_non_dominated

from autotune_service.engine.acquisition.pareto import best_first, hypervolume, pareto_indices, reference_point


def test_front_has_what_nothing_dominates_and_equals_together():
    values = np.array([[1.0, 3.0], [2.0, 2.0], [2.0, 1.0], [3.0, 1.0], [0.0, 0.0], [2.0, 2.0]])
    # (2, 1) is dominated by (2, 2) and by (3, 1); (0, 0) by all.
    assert pareto_indices(values).tolist() == [0, 1, 3, 5]


@pytest.mark.parametrize("m", [2, 3, 4])
def test_front_is_that_of_botorch(m):
    values = np.random.default_rng(m).integers(0, 5, size=(200, m)).astype(float)
    assert (
        pareto_indices(values).tolist()
        == np.flatnonzero(is_non_dominated(torch.tensor(values), deduplicate=False)).tolist()
    )


def test_front_of_nothing_is_empty():
    assert pareto_indices(np.empty((0, 2))).tolist() == []


def test_best_first_orders_by_front():
    values = np.array([[0.0, 0.0], [1.0, 1.0], [3.0, 1.0], [1.0, 3.0]])
    assert best_first(values, 4).tolist() == [2, 3, 1, 0]
    assert best_first(values, 2).tolist() == [2, 3]


def test_hypervolume_by_hand():
    # Above (0, 0): steps of 1 x 3, then 1 x 2 more to the right, then 1 x 1.
    assert hypervolume(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]]), np.zeros(2)) == 6.0
    # A cube of 8 and one that reaches 1 beyond it, of 3 x 1 x 1: they share 2.
    assert hypervolume(np.array([[2.0, 2.0, 2.0], [3.0, 1.0, 1.0]]), np.zeros(3)) == 9.0
    # The same with a fourth side of 2, and of 4 for the one that reaches beyond: 16 + 12 - 4.
    assert hypervolume(np.array([[2.0, 2.0, 2.0, 2.0], [3.0, 1.0, 1.0, 4.0]]), np.zeros(4)) == 24.0


def test_hypervolume_counts_nothing_below_the_reference():
    assert hypervolume(np.array([[5.0, -1.0], [0.0, 3.0]]), np.zeros(2)) == 0.0
    assert hypervolume(np.empty((0, 3)), np.zeros(3)) == 0.0


@pytest.mark.parametrize("m", [2, 3, 4])
def test_hypervolume_is_that_of_botorch(m):
    values = np.random.default_rng(m).normal(size=(40, m))
    reference = np.full(m, -0.7)
    front = torch.tensor(values[pareto_indices(values)])
    expected = Hypervolume(torch.tensor(reference)).compute(front)
    assert hypervolume(values, reference) == pytest.approx(expected, rel=1e-12)  # both are exact but for rounding


def test_hypervolume_is_the_share_of_draws_that_are_dominated():
    rng = np.random.default_rng(5)
    values = rng.random((12, 4))
    draws = rng.random((200_000, 4))
    share = (values[:, None] >= draws).all(axis=2).any(axis=0).mean()
    # The standard error of such a share is at most 0.5 / sqrt(200 000), about 0.0011.
    assert hypervolume(values, np.zeros(4)) == pytest.approx(share, abs=0.005)


def test_reference_is_a_tenth_of_the_range_below_the_front():
    values = np.array([[1.0, 30.0], [2.0, 20.0], [3.0, 10.0], [0.0, 0.0]])
    assert reference_point(values).tolist() == pytest.approx([1 - 0.2, 10 - 2])
    front = torch.tensor(values[:3])
    assert reference_point(values).tolist() == pytest.approx(infer_reference_point(front).tolist())


def test_reference_of_a_front_of_one_point_takes_the_range_of_all():
    assert reference_point(np.array([[5.0, 5.0], [1.0, 3.0]])).tolist() == pytest.approx([5 - 0.4, 5 - 0.2])
    assert reference_point(np.array([[5.0, 0.0]])).tolist() == pytest.approx([4.5, -0.1])


def test_reference_of_values_at_the_end_of_numbers_is_one():
    values = np.array([[1.7e308, -1.7e308], [-1.7e308, 1.7e308], [1.0, 0.0]])
    assert np.isfinite(reference_point(values)).all()
    assert (reference_point(values) <= values.min(axis=0)).all()
    # A tenth of 2.6e308, which is no number, below -1e308; and of 3.4e308 below 1.7e308, where one point is the front.
    wide = np.array([[1.6e308, -1e308], [-1e308, 1.6e308]])
    assert reference_point(wide).tolist() == pytest.approx([-1.26e308] * 2)
    best = np.array([[1.7e308, 1.7e308], [-1.7e308, -1.7e308]])
    assert reference_point(best).tolist() == pytest.approx([1.36e308] * 2)
