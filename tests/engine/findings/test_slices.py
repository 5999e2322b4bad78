"""Slices go through configurations that exist, and say where a run would not be suggested."""

import pytest

from autotune_service.engine.insights import insights
from autotune_service.engine.interface import EngineInput, Run
from generated import constraints_of, responses_of, space_of

X = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
BLENDS = [(0.2, 0.3, 0.5), (0.6, 0.2, 0.2), (0.1, 0.8, 0.1), (0.3, 0.3, 0.4), (0.4, 0.1, 0.5), (0.25, 0.5, 0.25)]
TOTAL = {"ctype": "linear", "weights": {"a": 1.0, "b": 1.0, "c": 1.0}, "relation": "==", "bound": 1.0}


def blend(space=None, responses=None, measure=None, constraints=(TOTAL,), blends=BLENDS):
    measure = measure or (lambda a, b, c: {"y": -((a - 0.2) ** 2) - (b - 0.3) ** 2})
    return EngineInput(
        space=space_of(space or dict.fromkeys("abc", X)),
        responses=responses or responses_of(y="maximize"),
        runs=[Run(dict(zip("abc", one, strict=True)), measure(*one)) for one in blends],
        seed=1,
        constraints=constraints_of(*constraints),
    )


def rows_along(monkeypatch, given, name):
    """The configurations that the slice along a covariate predicts."""
    from autotune_service.engine.findings import slices as module

    seen = []
    original = module._why_not

    def spied(fitted, configuration, predictions):
        seen.append(configuration)
        return original(fitted, configuration, predictions)

    monkeypatch.setattr(module, "_why_not", spied)
    points = insights(given).slices["y"]
    first = sum(len(points[other]) for other in list(points)[: list(points).index(name)])
    return seen[first : first + len(points[name])], points[name]


def test_other_shares_of_a_mixture_change_in_proportion(monkeypatch):
    configurations, points = rows_along(monkeypatch, blend(), "a")
    assert [point.value for point in points] == pytest.approx(sorted([k / 24 for k in range(25)] + [0.2]))
    for one in configurations:
        assert sum(one.values()) == pytest.approx(1.0, abs=1e-9)
        # The best run is 0.2, 0.3, 0.5: b and c keep their ratio of 3 to 5.
        assert one["b"] == pytest.approx((1 - one["a"]) * 3 / 8, abs=1e-9)
    assert all(point.why_not is None for point in points)


def test_values_that_no_recipe_has_are_left_out(monkeypatch):
    space = {"a": X, "b": X | {"max": 0.5, "guess": 0.3}, "c": X | {"max": 0.4, "guess": 0.2}}
    given = blend(space, blends=[one for one in BLENDS if one[1] <= 0.5 and one[2] <= 0.4])
    configurations, points = rows_along(monkeypatch, given, "a")
    assert min(point.value for point in points) >= 0.1 - 1e-9  # b and c make up 0.9 at most
    assert all(one["b"] <= 0.5 + 1e-9 and one["c"] <= 0.4 + 1e-9 for one in configurations)


def test_shares_of_which_the_others_have_nothing_are_filled_evenly(monkeypatch):
    pure = blend(measure=lambda a, b, c: {"y": a}, blends=[*BLENDS, (1.0, 0.0, 0.0)])
    configurations, _ = rows_along(monkeypatch, pure, "a")
    assert all(one["b"] == pytest.approx(one["c"], abs=1e-9) for one in configurations)


def test_points_that_break_a_constraint_or_miss_a_threshold_say_which():
    limit = {"ctype": "linear", "weights": {"a": 1.0, "b": 2.0}, "relation": "<=", "bound": 1.2}
    runs = [(a / 4, b / 4, 0.5) for a in range(5) for b in range(3)]
    given = blend(
        responses=responses_of(y="maximize", cost=("<=", 0.6)),
        measure=lambda a, b, c: {"y": -((a - 0.25) ** 2) - b, "cost": a},
        constraints=[limit],
        blends=runs,
    )
    found = insights(given).slices["y"]
    along = {round(point.value, 3): point.why_not for point in found["b"]}
    assert along[0.25] is None
    assert along[1.0] == "a + 2 b is 2.25, and must be <= 1.2"
    missed = {round(point.value, 3): point.why_not for point in found["a"]}
    assert missed[0.25] is None
    assert missed[1.0].startswith("cost is predicted to be ")
    assert missed[1.0].endswith(", and must be <= 0.6")


def test_slices_keep_every_total(monkeypatch):
    tied = {"ctype": "linear", "weights": {"a": 1.0, "d": 1.0}, "relation": "==", "bound": 0.9}
    runs = [
        Run(dict(zip("abc", one, strict=True)) | {"d": 0.9 - one[0]}, {"y": -((one[0] - 0.2) ** 2)}) for one in BLENDS
    ]
    given = EngineInput(
        space=space_of(dict.fromkeys("abcd", X)), responses=responses_of(y="maximize"), runs=runs, seed=1,
        constraints=constraints_of(TOTAL, tied),
    )  # fmt: skip
    for points in insights(given).slices["y"].values():
        assert [point.why_not for point in points] == [None] * len(points)
        assert len(points) >= 20


def test_whole_shares_of_a_mixture_are_all_there(monkeypatch):
    share = {"vtype": "int", "guess": 3, "min": 0, "max": 10}
    total = TOTAL | {"bound": 10.0}
    blends = [(4, 3, 3), (2, 6, 2), (8, 1, 1), (0, 5, 5), (5, 0, 5), (3, 3, 4)]
    space = dict.fromkeys("abc", share) | {"a": share | {"guess": 4}}
    given = blend(space, measure=lambda a, b, c: {"y": -((a - 4.0) ** 2)}, constraints=[total], blends=blends)
    configurations, points = rows_along(monkeypatch, given, "a")
    assert [point.value for point in points] == list(range(11))
    assert all(sum(one.values()) == 10 for one in configurations)


def test_contexts_in_a_mixture_stay_what_they_are(monkeypatch):
    space = dict.fromkeys("ab", X) | {"c": X | {"role": "context"}}
    configurations, points = rows_along(monkeypatch, blend(space), "a")
    assert len({one["c"] for one in configurations}) == 1
    assert len(points) > 20


def test_logarithmic_shares_stay_in_their_range():
    runs = [Run({"a": a, "b": 1 - a}, {"y": a * a}) for a in (0.2, 0.4, 0.6, 0.8, 0.9)]
    total = TOTAL | {"weights": {"a": 1.0, "b": 1.0}}
    given = EngineInput(
        space=space_of({"a": X | {"min": 0.1, "log": True}, "b": X}), responses=responses_of(y="maximize"), runs=runs,
        seed=1, constraints=constraints_of(total),
    )  # fmt: skip
    along = insights(given).slices["y"]
    assert max(point.value for point in along["b"]) == pytest.approx(0.9)
