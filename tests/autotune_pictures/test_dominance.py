import math
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotune.panel.progress import progress_of
from autotune_pictures.parts.dominance import front_of, gains_of, hypervolume, reference_of, volumes
from autotune_wire.responses import Objective

SHARE = st.floats(0, 1, allow_nan=False)


def _points(n_objectives: int, max_size: int = 6):
    return st.lists(st.tuples(*[SHARE] * n_objectives), min_size=1, max_size=max_size)


ANY_POINTS = st.integers(2, 4).flatmap(_points)
WHOLE_POINTS = st.integers(2, 4).flatmap(
    lambda n: st.lists(st.tuples(*[st.integers(0, 4).map(float)] * n), min_size=1, max_size=30)
)


def _by_inclusion_and_exclusion(points, reference) -> float:
    """The volume of a union of boxes: of each one, less that of each two, and so on."""
    boxes = [[max(value - worst, 0.0) for value, worst in zip(point, reference, strict=True)] for point in points]
    total = 0.0
    for n in range(1, len(boxes) + 1):
        for chosen in combinations(boxes, n):
            total += (-1) ** (n + 1) * math.prod(map(min, zip(*chosen, strict=True)))
    return total


def _by_counting_cells(points, n_cells: int) -> int:
    """The volume above 0 of points with whole numbers, as a count of the unit cells that they dominate."""
    cells = product(range(n_cells), repeat=len(points[0]))
    return sum(
        any(all(low < value for low, value in zip(cell, point, strict=True)) for point in points) for cell in cells
    )


@pytest.mark.parametrize(
    ("points", "volume"),
    [
        ([(2.0, 1.0), (1.0, 3.0)], 4.0),  # 2 x 1 and 1 x 3, less the 1 x 1 that both have
        ([(2.0, 2.0, 2.0), (3.0, 1.0, 1.0)], 9.0),  # 8 and 3, less 2 x 1 x 1
        ([(1.0, 1.0, 1.0, 1.0), (2.0, 1.0, 1.0, 1.0)], 2.0),
        ([(1.0, 1.0), (1.0, 1.0)], 1.0),
        ([(1.0, -1.0), (-1.0, 5.0)], 0.0),
        ([], 0.0),
    ],
)
def test_hypervolume_of_a_few_points(points, volume):
    assert hypervolume(points, (0.0,) * (len(points[0]) if points else 2)) == pytest.approx(volume)


@given(ANY_POINTS, st.floats(-0.5, 0.5))
def test_hypervolume_is_that_of_the_union_of_boxes(points, worst):
    reference = (worst,) * len(points[0])
    expected = _by_inclusion_and_exclusion(points, reference)
    assert hypervolume(points, reference) == pytest.approx(expected, abs=1e-9)


@given(WHOLE_POINTS)
def test_hypervolume_of_many_points_is_the_number_of_cells_below_them(points):
    assert hypervolume(points, (0.0,) * len(points[0])) == pytest.approx(_by_counting_cells(points, 4))


@given(WHOLE_POINTS)
def test_volumes_are_those_of_the_points_so_far_and_never_fall(points):
    reference = (0.0,) * len(points[0])
    found = volumes(tuple(points), reference)
    assert list(found) == sorted(found)
    assert found == pytest.approx([_by_counting_cells(points[: n + 1], 4) for n in range(len(points))])


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_hypervolume_of_any_size_is_a_number(size):
    assert math.isfinite(hypervolume([(size, size, size), (-size, size, size)], (-size, -size, -size)))


@given(WHOLE_POINTS)
def test_front_is_what_no_other_point_dominates(points):
    def is_beaten(point) -> bool:
        return any(other != point and all(a >= b for a, b in zip(other, point, strict=True)) for other in points)

    assert front_of(points) == [index for index, point in enumerate(points) if not is_beaten(point)]


def _objectives(*references: float | None, goal="maximize") -> dict[str, Objective]:
    return {f"y{place}": Objective(goal=goal, reference=reference) for place, reference in enumerate(references)}


def test_reference_lies_a_tenth_of_the_front_below_it():
    # The front is (0, 4) and (2, 3); (0, 0) is dominated. 0 - 0.1 * 2 and 3 - 0.1 * 1.
    assert reference_of([(0.0, 4.0), (0.0, 0.0), (2.0, 3.0)], _objectives(None, None)) == pytest.approx((-0.2, 2.9))


def test_reference_where_the_front_has_no_range_takes_that_of_all_points():
    # The front is (5, 4) alone: 5 - 0.1 * (5 - 1), and 4 - 0.1 * 4, as the second objective has no range at all.
    assert reference_of([(5.0, 4.0), (1.0, 4.0)], _objectives(None, None)) == pytest.approx((4.6, 3.6))


def test_reference_of_the_user_stays():
    found = reference_of(
        [(1.0, -2.0)], {"a": Objective(goal="maximize", reference=0.5), **_objectives(7, goal="minimize")}
    )
    assert found == (0.5, -7.0)


def test_gains_of_an_objective_to_minimize_grow_where_it_falls():
    objectives = {"yield": Objective(goal="maximize"), "cost": Objective(goal="minimize")}
    assert gains_of(objectives, {"cost": 2.0, "yield": 3.0, "other": 1.0}) == (3.0, -2.0)
    assert gains_of(objectives, {"cost": 2.0}) is None


@given(WHOLE_POINTS)
def test_progress_has_the_front_and_the_volume_of_all_points(points):
    objectives = _objectives(*[0.0] * len(points[0]))
    measured = [dict(zip(objectives, point, strict=True)) for point in points]
    progress = progress_of(measured, objectives)
    assert [number - 1 for number, _ in progress.front] == front_of(points)
    volume = progress.volumes(objectives)[-1][1]
    assert volume == pytest.approx(hypervolume(points, (0.0,) * len(points[0])))


@given(WHOLE_POINTS)
def test_progress_infers_the_reference_of_all_points(points):
    objectives = _objectives(*[None] * len(points[0]))
    progress = progress_of([dict(zip(objectives, point, strict=True)) for point in points], objectives)
    assert progress.reference(objectives) == pytest.approx(reference_of(points, objectives))


def test_progress_passes_over_runs_that_do_not_count():
    objectives = _objectives(0.0, 0.0)
    progress = progress_of([None, {"y0": 1.0}, {"y0": 1.0, "y1": 2.0}], objectives)
    assert progress.volumes(objectives) == [(3, 2.0)]
