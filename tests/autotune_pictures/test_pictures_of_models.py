import json
from math import log10, sin

import pytest
from pictured import (
    BASE,
    BOUNDED,
    COVARS,
    RATE,
    TEMPERATURE,
    columns_of,
    experiment,
    insights_of,
    layers_of,
    marks_of,
    no_predictions,
    predicted,
    rows_of,
    run,
    table_of,
    valid,
)

import autotune_pictures as pictures
from autotune_pictures.feasibility import probability_met
from autotune_pictures.parts.texts import rule_of
from autotune_pictures.slices import _refusals
from autotune_wire.insights import PredictReply, SlicePoint
from autotune_wire.suggestions import Predicted

RUNS = [
    run(1, {"temperature": 40, "rate": 1e-3, "base": "K2CO3"}, {"yield": 1.0, "impurity": 1.0}),
    run(2, {"temperature": 80, "rate": 1e-2, "base": "Et3N"}, {"yield": 3.0, "impurity": 9.0}),
    run(3, {"temperature": 130, "rate": 1e-4, "base": "K2CO3"}, status="failed"),
]
OF = experiment(COVARS, BOUNDED)


def subtitle(spec):
    return " ".join(spec["title"].get("subtitle", []))


def test_crossval_has_each_run_at_what_was_observed_and_predicted():
    spec = valid(pictures.crossval(OF, RUNS, insights_of(OF, RUNS)))
    rows = [(row["run"], row["x"], row["y"], row["low"], row["high"]) for row in rows_of(spec)]
    assert sorted(rows) == [
        (1, 1.0, 2.0, pytest.approx(1.0, abs=0.2), 3.0),
        (2, 3.0, 4.0, 3.0, pytest.approx(4.0, abs=0.2)),
    ]
    # Each prediction is off by 1, and the observations are 1 from their mean.
    assert "R² 0.00, 2 of 2 within 2 sd" in subtitle(spec)


def test_importance_has_the_largest_first_and_no_bar_for_what_was_not_varied():
    found = insights_of(
        OF, RUNS, importance={"yield": {"rate": 0.2, "temperature": 0.8, "base": 0.0}}, not_varied=["base"]
    )
    spec = valid(pictures.importance(OF, found))
    rows = spec["data"]["values"]
    assert [(row["name"], row["text"]) for row in rows] == [
        ("temperature", "80%"),
        ("rate", "20%"),
        ("base", "not varied yet"),
    ]
    assert "temperature 80%, rate 20%" in spec["description"]


def test_importance_shows_below_a_covariate_which_of_its_descriptors_tell():
    telling = {"size": 0.5, "mass": 0.3, "pH": 0.12, "smell": 0.06, "price": 0.02}
    found = insights_of(
        OF, RUNS, importance={"yield": {"rate": 0.2, "base": 0.8}}, descriptors={"yield": {"base": telling}}
    )
    spec = valid(pictures.importance(OF, found))
    assert [(row["name"], row["text"], row["is_part"]) for row in spec["data"]["values"]] == [
        ("base", "80%", False),
        ("base: size", "40%", True),
        ("base: mass", "24%", True),
        ("base: pH", "10%", True),
        ("rate", "20%", False),
    ]
    of = experiment({f"x{n}": RATE for n in range(20)})
    parts = {f"x{n}": {"a": 0.6, "b": 0.4} for n in range(20)}
    many = {"importance": {"yield": {f"x{n}": 1 / 20 for n in range(20)}}, "descriptors": {"yield": parts}}
    rows = valid(pictures.importance(of, insights_of(of, [], **many)))["data"]["values"]
    assert (len(rows), rows[-1]["name"], rows[-1]["text"]) == (16, "15 others", "75%")


def test_importance_of_many_covariates_sums_up_the_smallest():
    of = experiment({f"x{n}": RATE for n in range(20)})
    found = insights_of(of, [], importance={"yield": {f"x{n}": 1 / 20 for n in range(20)}})
    rows = valid(pictures.importance(of, found))["data"]["values"]
    assert len(rows) == 16
    assert (rows[-1]["name"], rows[-1]["text"]) == ("5 others", "25%")


def test_slices_have_the_curve_its_bands_and_the_runs():
    spec = valid(pictures.slices(OF, RUNS, insights_of(OF, RUNS)))
    assert len(spec["concat"]) == 3
    curve = spec["concat"][0]["data"]["values"]
    assert (curve[0]["x"], curve[0]["y"], curve[-1]["x"], curve[-1]["y"]) == (40, 0.0, 120, 1.0)
    assert (curve[0]["high"], curve[0]["highest"]) == (0.5, pytest.approx(0.5**0.5))
    rows = {row["run"]: row for row in rows_of(spec)}
    assert (rows[1]["x0"], rows[1]["x1"], rows[1]["y"]) == (40.0, 1e-3, 1.0)
    assert -0.25 <= rows[1]["x2"] <= 0.25
    # The failed run lies beyond the range, within half a range of it, and below every response.
    assert rows[3]["x0"] == 130.0
    assert rows[3]["y"] < 0.0


def test_slices_say_where_a_run_would_not_be_suggested():
    curve = [
        {"value": float(value), "mean": 1.0, "sd": 0.1, "why_not": None if value < 3 else f"a is {value}, must be <= 2"}
        for value in range(1, 6)
    ]
    of = experiment({"a": {"vtype": "cont", "guess": 1.0, "min": 1.0, "max": 5.0}})
    spec = valid(pictures.slices(of, [], insights_of(of, [], slices={"yield": {"a": curve}})))
    assert [row["refused"] for row in spec["concat"][0]["data"]["values"]] == [False, False, True, True, True]
    assert "would not be suggested. a 3 to 5: a is 5, must be <= 2" in subtitle(spec)


def test_contour_has_a_cell_for_each_prediction_and_the_runs_on_it():
    grid = pictures.grid_of(OF, "temperature", "rate", {"temperature": 80, "rate": 1e-3, "base": "K3PO4"})
    spec = valid(pictures.contour(OF, RUNS, grid, predicted(OF, grid.configurations, "a is 2, and must be <= 1")))
    (cells,) = [layer for layer in spec["layer"] if "layer" in layer]
    columns = columns_of(cells)
    assert {len(column) for column in columns.values()} == {17 * 31}
    assert (columns["text"][0], columns["sd"][0], columns["reason"][0]) == ("0", "0", "0")
    assert (table_of(cells, "at")[0], table_of(cells, "and")[0], table_of(cells, "text")) == ("40", "1e-5", ["1"])
    assert table_of(cells, "why")[int(columns["reason"][-1])] == "no: a must be <= 1"
    points = {row["run"]: (row["x"], row["y"]) for row in rows_of(spec)}
    assert points == {1: (40, 1e-3), 2: (80, 1e-2), 3: (130, 1e-4)}
    assert "White diamond: the best predicted; Pink line: predicted impurity = 5" in subtitle(spec)
    assert "The others: base = K3PO4" in subtitle(spec)
    assert "Veiled: would not be suggested, as a must be <= 1" in subtitle(spec)


def test_contour_draws_the_line_along_which_a_threshold_is_met():
    grid = pictures.grid_of(OF, "temperature", "rate", {})
    rows = [
        {"yield": {"mean": 1.0, "sd": 1.0}, "impurity": {"mean": float(each["temperature"]) / 20, "sd": 1.0}}
        for each in grid.configurations
    ]
    reply = PredictReply.model_validate({"data_rev": 1, "predictions": rows})
    spec = valid(pictures.contour(OF, RUNS, grid, reply))
    # The predicted impurity is 5 at 100 degrees, whatever the rate.
    (line,) = marks_of(spec, "rule")
    columns = columns_of(line)
    assert {*columns["x"], *columns["x2"]} == {"100"}


def test_contour_of_a_response_to_minimize_is_bright_where_it_is_low():
    of = experiment(COVARS, {"cost": {"goal": "minimize"}})
    grid = pictures.grid_of(of, "rate", "base", {})
    spec = valid(pictures.contour(of, [], grid, predicted(of, grid.configurations)))
    colour = next(layer["encoding"]["color"] for layer in layers_of(spec) if "color" in layer.get("encoding", {}))
    assert colour["scale"]["reverse"] is True
    assert "Brighter is better" in subtitle(spec)


def test_contour_without_a_model_has_the_runs_alone():
    grid = pictures.grid_of(OF, "temperature", "base", {})
    spec = valid(pictures.contour(OF, RUNS, grid, no_predictions(grid.configurations)))
    assert marks_of(spec, "rect") == []
    assert len(rows_of(spec)) == 3
    assert "There is no model of yield yet" in subtitle(spec)


def test_contour_of_the_predictions_of_another_grid_is_refused():
    grid = pictures.grid_of(OF, "temperature", "base", {})
    with pytest.raises(pictures.PictureError, match="reply has 2 predictions; it must have 51"):
        pictures.contour(OF, RUNS, grid, no_predictions(grid.configurations[:2]))


def test_probability_of_meeting_thresholds_is_that_of_a_normal_distribution():
    bounds = experiment({"rate": RATE}, BOUNDED | {"purity": {"goal": ">=", "bound": 90.0}}).responses
    assert probability_met(bounds, {}) is None
    both = {"impurity": Predicted(mean=4.0, sd=1.0), "purity": Predicted(mean=90.0, sd=3.0)}
    # One standard deviation below its bound: 0.841345; on its bound: a half.
    assert probability_met(bounds, both) == pytest.approx(0.841345 / 2, abs=1e-6)
    exact = {"impurity": Predicted(mean=5.0, sd=0.0), "purity": Predicted(mean=89.0, sd=0.0)}
    assert probability_met(bounds, exact) == 0.0
    assert probability_met(experiment({"rate": RATE}).responses, both) is None


def test_feasibility_has_the_probability_of_each_cell():
    of = experiment({"temperature": TEMPERATURE, "base": BASE}, BOUNDED)
    grid = pictures.grid_of(of, "temperature", "base", {})
    spec = valid(pictures.feasibility(of, RUNS, grid, predicted(of, grid.configurations)))
    (cells,) = [layer for layer in spec["layer"] if "layer" in layer]
    # The predicted impurity is the number of the cell, with a standard deviation of 1: in cell 5 it is the bound.
    assert columns_of(cells)["text"][3:8] == ["98%", "84%", "50%", "16%", "2%"]
    assert "1 breaks a threshold, 1 failed" in spec["description"]
    reply = predicted(of, grid.configurations)
    for runs, says in ((RUNS[:1], "none breaks a threshold, 0 failed"), ([RUNS[1]] * 2, "2 break a threshold, 0")):
        assert says in pictures.feasibility(of, runs, grid, reply)["description"]


def test_ternary_has_corners_runs_and_cells_where_they_belong():
    share = {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}
    total = {"ctype": "linear", "weights": {"a": 1.0, "b": 1.0, "c": 1.0}, "relation": "==", "bound": 1.0}
    of = experiment(dict.fromkeys("abc", share), constraints=[total])
    runs = [
        run(1, {"a": 1.0, "b": 0.0, "c": 0.0}, {"yield": 1.0}),
        run(2, {"a": 0.0, "b": 0.5, "c": 0.5}, {"yield": 2.0}),
    ]
    triangle = pictures.triangle_of(of, ["a", "b", "c"], {}, 4)
    spec = valid(pictures.ternary(of, runs, triangle, predicted(of, triangle.configurations)))
    places = {row["run"]: (row["x"], row["y"]) for row in rows_of(spec)}
    assert places == {1: (0.5, pytest.approx(3**0.5 / 2, abs=1e-4)), 2: (0.5, 0.0)}
    (cells,) = [layer for layer in spec["layer"] if "layer" in layer]
    assert len(cells["data"]["values"]) == 15
    names = [row["text"] for layer in marks_of(spec, "text") for row in layer["data"]["values"]]
    assert names[-3:] == ["a", "b", "c"]


@pytest.mark.parametrize("draw", [pictures.slices, pictures.crossval])
def test_picture_of_a_model_that_is_not_there_says_so(draw):
    spec = valid(draw(OF, RUNS, insights_of(OF, RUNS, slices={}, leave_one_out={})))
    assert "There is no model of yield yet: it needs more runs." in spec["description"]


LINE = experiment({"x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}})


def sliced(means, measured=(), sd=1.0, **more):
    """Draw a slice of eleven means along x, with runs that measured some values at x = 0.5."""
    points = [{"value": place / 10, "mean": mean, "sd": sd} for place, mean in enumerate(means)]
    runs = [run(number, {"x": 0.5}, {"yield": value}) for number, value in enumerate(measured, 1)]
    spec = valid(pictures.slices(LINE, runs, insights_of(LINE, runs, slices={"yield": {"x": points}}, **more)))
    layer = next(layer for layer in layers_of(spec) if "y" in layer.get("encoding", {}))
    return layer["encoding"]["y"]["scale"]["domain"]


def test_slice_that_ends_far_beyond_the_data_does_not_flatten_the_rest():
    low, high = sliced([*range(50, 60), -495.0], [15.0, 40.0, 60.0, 83.0])
    assert -10 < low < 15
    assert 83 < high < 90


def test_slice_says_what_its_triangles_are():
    runs = [run(number, {"x": 0.5}, {"yield": value}) for number, value in enumerate([*range(50, 60), -495.0], 1)]
    points = [{"value": 0.0, "mean": 50.0, "sd": 1.0}, {"value": 1.0, "mean": 60.0, "sd": 1.0}]
    spec = pictures.slices(LINE, runs, insights_of(LINE, runs, slices={"yield": {"x": points}}))
    assert "1 run beyond the edge (▼)" in subtitle(spec)


def test_slice_shows_the_slope_beyond_a_cluster_of_runs():
    low, high = sliced([100.0 - max(0, 5 - x) ** 2 for x in range(11)], [99.0, 99.5, 100.0])
    assert low < 75 < 100 < high


def test_slice_keeps_a_narrow_peak_at_the_best_run():
    low, high = sliced([9.0 if x == 5 else 0.1 for x in range(11)], [0.0, 0.05, 0.1, 0.15, 0.2, 9.0])
    assert low < 0.1 < 9 < high


def test_slice_keeps_the_best_predicted():
    best = {
        "covars": {"x": 0.5},
        "mean": 9.0,
        "sd": 1.0,
        "data_rev": 1,
        "predictions": {"yield": {"mean": 9.0, "sd": 1.0}},
    }
    assert sliced([9.0 if x == 5 else 0.1 + x / 100 for x in range(11)], best_predicted=best)[1] > 9
    assert sliced([9.0 if x == 5 else 0.1 + x / 100 for x in range(11)])[1] < 1


def test_band_far_wider_than_the_data_does_not_flatten_the_curve():
    low, high = sliced([0.4 + x / 20 for x in range(11)], [0.43, 0.6, 0.8, 1.03], sd=30.0)
    assert 0.3 < low < high < 1.2


def test_slices_of_many_covariates_are_those_that_matter_most():
    of = experiment({f"x{n}": RATE for n in range(12)})
    shares = {f"x{n}": n / 66 for n in range(12)}
    spec = valid(pictures.slices(of, [], insights_of(of, [], importance={"yield": shares})))
    assert len(spec["concat"]) == 8
    assert "4 covariates that matter less are not drawn" in subtitle(spec)
    first = spec["concat"][0]["layer"][-1]["encoding"]["x"]["title"]
    assert first == ["x11"]


def refused(values, reasons):
    return [SlicePoint(value=value, mean=0, sd=1, why_not=why) for value, why in zip(values, reasons, strict=True)]


def test_refusals_name_each_stretch_with_its_worst_reason():
    numbers = refused((-3, -2, 0, 1, 2, 4), [f"it is {x}" if abs(x) > 1 else None for x in (-3, -2, 0, 1, 2, 4)])
    assert list(_refusals(numbers)) == ["-3 to -2: it is -3", "2 to 4: it is 4"]
    assert list(_refusals(refused("abc", (None, "no", "no")))) == ["b, c: no"]


def test_crossval_without_the_runs_has_the_points():
    spec = valid(pictures.crossval(OF, None, insights_of(OF, RUNS)))
    assert [(row["mark"], row["observed"]) for row in rows_of(spec)] == [("measured", "1"), ("measured", "3")]


def test_crossval_is_not_flattened_by_one_bad_run():
    values = [*map(float, range(10)), -1000.0]
    runs = [run(number, {"x": 0.5}, {"yield": value}) for number, value in enumerate(values, 1)]
    spec = valid(pictures.crossval(LINE, runs, insights_of(LINE, runs)))
    (low, high) = marks_of(spec, "point")[0]["encoding"]["x"]["scale"]["domain"]
    assert -2 < low < high < 12
    assert [row["beyond"] for row in rows_of(spec) if "beyond" in row] == ["down"]


@pytest.mark.parametrize(
    ("reason", "rule"),
    [
        ("a + 2 b is 1.25, and must be <= 6466641817", "a + 2 b must be <= 6.47e9"),
        ("impurity is predicted to be 5.123, and must be <= 5.0001", "impurity must be <= 5"),
        ("base = 1.23456 is forbidden", "base = 1.23456 is forbidden"),
    ],
)
def test_reason_demands_with_three_digits_and_without_the_value_of_one_run(reason, rule):
    assert rule_of(reason) == rule


def test_full_contour_and_feasibility_stay_small():
    covars = {"a": RATE, "b": RATE}
    total = {"ctype": "linear", "weights": {"a": 1.0, "b": 1.0}, "relation": "<=", "bound": 0.1}
    of = experiment(covars, BOUNDED, constraints=[total])
    grid = pictures.grid_of(of, "a", "b", {})
    (constraint,) = of.constraints
    rows = [
        {name: {"mean": 7 * sin(sum(map(log10, each.values()))), "sd": 0.1 + each["a"]} for name in of.responses}
        for each in grid.configurations
    ]
    refusals = [None if constraint.holds(each) else constraint.violation(each) for each in grid.configurations]
    reply = PredictReply.model_validate({"data_rev": 1, "predictions": rows, "why_not": refusals})
    for draw in (pictures.contour, pictures.feasibility):
        assert len(json.dumps(valid(draw(of, [], grid, reply)))) < 50_000


def test_axes_tell_the_units():
    covars = {"temperature": {**TEMPERATURE, "unit": "°C"}, "rate": {**RATE, "unit": "1/h"}}
    of = experiment(covars)
    grid = pictures.grid_of(of, "temperature", "rate", {})
    runs = [run(1, {"temperature": 80, "rate": 1e-3}, {"yield": 1.0})]
    for spec in (pictures.contour(of, runs, grid, predicted(of, grid.configurations)), pictures.parallel(of, runs)):
        shown = json.dumps(spec, ensure_ascii=False).replace("\\n", " ")
        assert "temperature (°C)" in shown
        assert "rate (1/h)" in shown


def test_what_the_others_are_held_at_has_its_unit():
    covars = {"temperature": TEMPERATURE, "rate": RATE, "load": {**RATE, "unit": "mol%"}}
    of = experiment(covars)
    grid = pictures.grid_of(of, "temperature", "rate", {"temperature": 80, "rate": 1e-3, "load": 5e-3})
    assert "The others: load = 0.005 mol%" in subtitle(
        pictures.contour(of, [], grid, predicted(of, grid.configurations))
    )
