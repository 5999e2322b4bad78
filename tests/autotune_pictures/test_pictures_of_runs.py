from datetime import timedelta

import pytest
from pictured import BOUNDED, COVARS, RATE, experiment, insights_of, layers_of, marks_of, rows_of, run, svg_of, valid

import autotune_pictures as pictures
from autotune_pictures.parts.frame import GREY, RED
from autotune_pictures.parts.texts import text_width

X = {"rate": 0.01}
TWO = {"yield": {"goal": "maximize", "reference": 1.0}, "cost": {"goal": "minimize", "reference": 9.0}}
ONE = {"rate": RATE}


def told(*values):
    return [run(n, X, {"yield": value}) for n, value in enumerate(values, 1)]


def stair_of(spec, step="step-after"):
    (line,) = marks_of(spec, "line")
    assert line["mark"]["interpolate"] == step
    return [(row["x"], row["y"]) for row in line["data"]["values"]]


def beyond_of(rows):
    return {row["run"]: row["beyond"] for row in rows if "beyond" in row}


def test_history_has_the_best_so_far_as_a_stair():
    spec = valid(pictures.history(experiment(ONE), told(1.0, 3.0, 2.0, 4.0, 0.5)))
    assert stair_of(spec) == [(1, 1.0), (2, 3.0), (4, 4.0), (5, 4.0)]
    assert [(row["x"], row["y"]) for row in rows_of(spec)] == [(1, 1.0), (2, 3.0), (3, 2.0), (5, 0.5), (4, 4.0)]
    assert spec["description"] == "History of coupling: 5 runs; the best yield is 4, of run 4."


def test_history_leaves_runs_that_do_not_count_out_of_the_best():
    runs = [
        run(1, X, {"yield": 2.0, "impurity": 1.0}),
        run(2, X, {"yield": 9.0, "impurity": 6.0}),
        run(3, X, {"yield": 8.0, "impurity": 1.0}, is_excluded=True),
        run(4, X, status="failed"),
    ]
    spec = valid(pictures.history(experiment(ONE, BOUNDED), runs))
    assert stair_of(spec) == [(1, 2.0), (4, 2.0)]
    assert "1 failed, 1 excluded" in spec["description"]
    assert rows_of(spec)[-1]["r0"] == "2"
    (failed,) = [row for row in rows_of(spec) if row["mark"] == "failed"]
    assert failed["y"] < 2.0


def test_history_of_an_outlier_draws_it_as_a_triangle_at_the_edge():
    spec = valid(pictures.history(experiment(ONE), told(1.0, 2.0, 3.0, 2.0, -400.0, 2.5)))
    assert beyond_of(rows_of(spec)) == {5: "down"}
    low, high = next(layer["encoding"]["y"]["scale"]["domain"] for layer in marks_of(spec, "point"))
    assert (low, high) == (pytest.approx(0.88), pytest.approx(3.12))
    assert spec["title"]["subtitle"] == ["1 run beyond the edge (▼)"]


def test_history_draws_the_threshold_of_its_response():
    runs = [run(n, X, {"yield": 1.0, "impurity": value}) for n, value in enumerate((4.0, 6.0), 1)]
    spec = valid(pictures.history(experiment(ONE, BOUNDED), runs, "impurity"))
    (line,) = marks_of(spec, "rule")
    assert line["data"]["values"] == [{"at": 5.0, "what": "≤ 5"}]


def test_history_of_an_unknown_response_is_refused():
    with pytest.raises(pictures.PictureError, match="response is 'colour'; it must be one of: 'yield', 'impurity'"):
        pictures.history(experiment(ONE, BOUNDED), [], "colour")


def test_history_draws_other_searches_as_grey_lines():
    beside = {"random search": [0.5, 1.0, 1.0, 1.5, 1.5, 1.5], "a 'grid'": (2.0,)}
    spec = valid(pictures.history(experiment(ONE), told(1.0, 3.0, 2.0), beside=beside))
    grey, best = marks_of(spec, "line")
    assert grey["mark"]["color"] == GREY
    assert [(row["which"], row["x"], row["y"]) for row in grey["data"]["values"]] == [
        (0, 1, 0.5), (0, 2, 1.0), (0, 4, 1.5), (0, 6, 1.5), (1, 1, 2.0), (1, 1, 2.0),
    ]  # fmt: skip
    assert best["encoding"]["x"]["scale"]["domain"] == [0.5, 6.5]
    low, high = best["encoding"]["y"]["scale"]["domain"]
    assert low < 0.5
    assert high > 3.0
    assert spec["description"].endswith("random search reaches 1.5 in 6 runs; a 'grid' reaches 2 in 1 run.")
    assert "a 'grid'" in svg_of(spec)


@pytest.mark.parametrize(
    ("beside", "message"),
    [
        ([1.0, 2.0], "beside is a list; it must be a dict"),
        ({"random": []}, r"beside\['random'\] must be a finite number for each run"),
        ({"random": [1.0, float("nan")]}, r"beside\['random'\] must be a finite number"),
        ({"random": ["high"]}, r"beside\['random'\] must be a finite number"),
        ({"random": 3.0}, r"beside\['random'\] must be a finite number"),
        ({name: [1.0] for name in "abcde"}, "beside has 5 searches; it can have 4 at most"),
    ],
)
def test_history_beside_something_else_is_refused(beside, message):
    with pytest.raises(pictures.PictureError, match=message):
        pictures.history(experiment(ONE), told(1.0), beside=beside)


def test_pareto_marks_the_front_and_draws_what_it_dominates():
    points = [(2.0, 2.0), (4.0, 4.0), (3.0, 5.0), (5.0, 8.0)]
    runs = [run(n, X, {"yield": y, "cost": c}) for n, (y, c) in enumerate(points, 1)]
    spec = valid(pictures.pareto(experiment(ONE, TWO), runs))
    rows = rows_of(spec, "runs of pair 0")
    assert {row["run"]: row["mark"] for row in rows if row["mark"] == "on the front"}.keys() == {1, 2, 4}
    assert stair_of(spec, "step-before") == [(2.0, 2.0), (4.0, 4.0), (5.0, 8.0)]
    # Above yield 1 and below cost 9: 1 x 7, then 2 x 5, then 1 x 1.
    assert spec["title"]["subtitle"] == ["3 runs on the front; hypervolume 18"]
    references = [layer["data"]["values"][0]["at"] for layer in marks_of(spec, "rule")]
    assert references == [1.0, 9.0]


def test_pareto_of_three_objectives_has_a_frame_for_each_pair_and_distances_of_a_target():
    goals = {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}, "pH": {"goal": "match", "target": 7.0}}
    runs = [run(n, X, {"yield": n, "cost": n, "pH": 7.0 + (-1) ** n * n}) for n in (1.0, 2.0)]
    runs = [run(int(each.responses["yield"]), X, each.responses) for each in runs]
    spec = valid(pictures.pareto(experiment(ONE, goals), runs))
    assert len(spec["concat"]) == 3
    assert sorted(row["y"] for row in rows_of(spec, "runs of pair 1")) == [1.0, 2.0]
    assert marks_of(spec, "line") == []


def test_hypervolume_rises_with_each_run_on_the_front_and_never_falls():
    points = [(2.0, 2.0), (4.0, 4.0), (3.0, 5.0), (5.0, 8.0)]
    runs = [run(n, X, {"yield": y, "cost": c}) for n, (y, c) in enumerate(points, 1)]
    spec = valid(pictures.hypervolume(experiment(ONE, TWO), [*runs, run(5, X, status="failed")]))
    assert stair_of(spec) == [(1, 7.0), (2, 17.0), (4, 18.0), (5, 18.0)]


@pytest.mark.parametrize("draw", [pictures.pareto, pictures.hypervolume])
def test_front_of_one_objective_is_refused(draw):
    with pytest.raises(pictures.PictureError, match="two objectives or more"):
        draw(experiment(ONE), told(1.0))


def test_parallel_has_a_share_for_each_covariate_and_the_response():
    runs = [
        run(1, {"temperature": 40, "rate": 1e-5, "base": "K2CO3"}, {"yield": 0.0}),
        run(2, {"temperature": 120, "rate": 1e-3, "base": "Et3N"}, {"yield": 10.0}),
        run(3, {"temperature": 80, "rate": 1e-1, "base": "K3PO4"}, status="failed"),
    ]
    spec = valid(pictures.parallel(experiment(COVARS), runs))
    rows = {row["run"]: row for row in rows_of(spec)}
    assert [rows[1][field] for field in ("a0", "a1")] == [0.0, 0.0]
    assert rows[1]["a2"] == pytest.approx(1 / 6, abs=1e-4)
    assert [rows[2][field] for field in ("a0", "a1")] == [1.0, 0.5]
    assert rows[2]["a3"] == pytest.approx(1 - 0.06 / 1.12, abs=1e-4)
    assert "a3" not in rows[3]
    assert "value" not in rows[3]
    colours = [layer["mark"].get("color") for layer in marks_of(spec, "line")]
    assert RED in colours


def test_parallel_puts_first_what_matters_most_and_says_what_it_leaves_out():
    of = experiment({f"x{n}": RATE for n in range(14)})
    runs = [run(1, {f"x{n}": 0.01 for n in range(14)}, {"yield": 1.0})]
    shares = {f"x{n}": n / 91 for n in range(14)}
    spec = valid(pictures.parallel(of, runs, None, insights_of(of, runs, importance={"yield": shares})))
    names = next(layer for layer in marks_of(spec, "text"))["data"]["values"]
    assert [row["text"] for row in names] == [*(f"x{n}" for n in range(13, 3, -1)), "yield"]
    assert spec["title"]["subtitle"] == ["10 of 14 covariates drawn"]


def test_timeline_has_a_lane_for_each_teller():
    of = experiment(ONE)
    runs = told(1.0, 2.0, 3.0)
    anna = runs[0].observation_uuid
    runs = [each.model_copy(update={"told_by": anna}) for each in runs[:2]] + runs[2:]
    spec = valid(pictures.timeline(of, runs, {anna: "anna@lab.example"}))
    rows = rows_of(spec)
    assert {row["run"]: (row["by"], round(row["y"])) for row in rows} == {
        1: ("anna@lab.example", 0),
        2: ("anna@lab.example", 0),
        3: ("not known", 1),
    }
    first, second = (next(row["x"] for row in rows if row["run"] == number) for number in (1, 2))
    assert second - first == 3_600_000
    assert spec["title"]["subtitle"] == ["3 runs, 2026-01-05 10:00 to 2026-01-05 12:00 UTC; longest pause 60 min"]


@pytest.mark.parametrize(
    ("seconds", "note"),
    [
        ([0], "1 run, 2026-01-05 10:00 UTC"),
        ([0, 0.2], "2 runs, 2026-01-05 10:00 UTC, all at once"),
        ([0, 1, 12], "3 runs, 2026-01-05 10:00 UTC, within 12 s"),
        ([0, 30, 150], "3 runs, 2026-01-05 10:00 to 2026-01-05 10:02 UTC; longest pause 2 min"),
    ],
)
def test_timeline_says_how_long_it_took(seconds, note):
    began = told(1.0)[0].time_created.replace(minute=0, second=0)
    runs = [
        each.model_copy(update={"time_created": began + timedelta(seconds=after)})
        for each, after in zip(told(*map(float, seconds)), seconds, strict=True)
    ]
    assert pictures.timeline(experiment(ONE), runs)["title"]["subtitle"] == [note]


@pytest.mark.parametrize("text", ["K2CO3", "WWW", "dioxane"])
def test_width_of_a_text_holds_its_letters(text):
    # In DejaVu Sans of 11 pixels, by its table of widths: W 10.9, K 7.2, C 7.7, O 8.7, a digit 7.0, a letter about 6.5.
    widest = {"K2CO3": 37.6, "WWW": 25.8, "dioxane": 44.0}
    assert text_width(text, 11) >= widest[text] * 0.95


def test_compare_has_the_best_so_far_of_both():
    other = experiment(ONE, {"Y": {"goal": "maximize", "reference": 0.5}}, name="later")
    runs = [run(n, X, {"Y": value}) for n, value in enumerate((2.0, 5.0), 1)]
    spec = valid(pictures.compare(experiment(ONE), told(1.0, 3.0, 2.0), other, runs))
    (line,) = marks_of(spec, "line")
    assert [(row["which"], row["x"], row["y"]) for row in line["data"]["values"]] == [
        (0, 1, 1.0), (0, 2, 3.0), (0, 3, 3.0), (1, 1, 2.0), (1, 2, 5.0), (1, 2, 5.0),
    ]  # fmt: skip
    assert spec["description"] == "Best so far. coupling: 3 runs, best 3; later: 2 runs, best 5."


def test_compare_tells_experiments_of_one_name_apart_by_when_they_were_created():
    first = experiment(ONE)
    second = first.model_copy(update={"time_created": first.time_created + timedelta(seconds=1)})
    spec = valid(pictures.compare(first, told(1.0), second, told(2.0)))
    assert spec["title"]["text"] == ["Two experiments named coupling"]
    starts = [each.time_created.strftime("%Y-%m-%d %H:%M:%S") for each in (first, second)]
    one, other = (f"{start} UTC, coupling: 1 run, best {best}" for start, best in zip(starts, (1, 2), strict=True))
    assert spec["description"] == f"Best so far. {one}; {other}."


def test_compare_of_different_goals_is_refused():
    other = experiment(ONE, {"cost": {"goal": "minimize"}})
    with pytest.raises(pictures.PictureError, match=r"cost \(minimize\); its goal must be .* yield \(maximize\)"):
        pictures.compare(experiment(ONE), [], other, [])


def test_picture_without_runs_says_so():
    assert "No run has been told yet." in valid(pictures.history(experiment(ONE), []))["description"]
    assert layers_of(pictures.history(experiment(ONE), [])) == []
