import json

import pytest
from fake_service import SPACE, problem

from autotune.errors import InvalidInputError, NotFoundError
from autotune.pictures.picture import Picture

TWO = {**SPACE, "y": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}}
FRONT = {"yield": "maximize", "cost": "minimize"}


@pytest.fixture
def two(client):
    experiment = client.new("two", TWO)
    experiment.tell({"x": 0.25, "y": 0.5}, 3.0)
    experiment.fail({"x": 0.75, "y": 0.5})
    return experiment


def rows_of(picture):
    return picture.spec["datasets"]["runs"]


def asked(service):
    return [
        json.loads(body)["configurations"]
        for call, body in zip(service.calls, service.bodies, strict=True)
        if "predict" in call[1]
    ][-1]


def test_history_has_the_runs_of_all_pages(two, service):
    service.page = 1
    assert [(row["run"], row["mark"]) for row in rows_of(two.plot.history())] == [(2, "failed"), (1, "best")]


@pytest.mark.parametrize("name", ["slice", "importance", "parallel", "crossval", "timeline"])
def test_each_picture_is_drawn(two, name):
    assert isinstance(getattr(two.plot, name)(), Picture)


def test_history_draws_another_search_beside_the_runs(two):
    assert "random search reaches 2.5 in 2 runs" in two.plot.history(beside={"random search": [1, 2.5]}).description


def test_contour_asks_for_a_grid_around_the_best_predicted(two, service):
    found = next(iter(service.experiments.values()))
    found["best_predicted"] = {"covars": {"x": 0.6, "y": 0.1}, "mean": 1.0, "sd": 0.1, "data_rev": 1}
    picture = two.plot.contour()
    assert len(asked(service)) == 31 * 31
    assert "yield" not in picture.description
    assert picture.description.startswith(
        "response over x and y: two, with 2 runs; predicted from 0 at x 0, y 0 to 1 at"
    )
    assert "White diamond: the best predicted" in picture.spec["title"]["subtitle"]


def test_contour_takes_covariates_and_a_configuration(client, service):
    experiment = client.new("three", {**TWO, "z": TWO["y"]})
    picture = experiment.plot.contour("z", "x", at={"y": 0.75})
    assert {each["y"] for each in asked(service)} == {0.75}
    assert "The others: y = 0.75" in picture.spec["title"]["subtitle"]


def test_contour_shows_the_covariate_that_matters_most_beside_the_one_that_is_named(client, service):
    experiment = client.new("three", {**TWO, "z": TWO["y"]})
    service.learnt["importance"] = {"Response": {"x": 0.1, "y": 0.2, "z": 0.7}}
    assert "over z and x" in experiment.plot.contour(y="x").description
    assert "over z and y" in experiment.plot.contour().description


def test_feasibility_is_drawn(two):
    assert "No response has a threshold" in " ".join(two.plot.feasibility().spec["title"]["subtitle"])


def test_ternary_takes_the_first_three_shares(client, service):
    share = {"vtype": "cont", "guess": 0.25, "min": 0.0, "max": 1.0}
    experiment = client.new("mix", dict.fromkeys("xabc", share), constraints=["x + a + b + c == 1"])
    picture = experiment.plot.ternary()
    assert all(sum(each.values()) == pytest.approx(1) for each in asked(service))
    assert "response over x, a, b" in picture.description
    assert "response over c, b, a" in experiment.plot.ternary(["c", "b", "a"]).description


def test_front_is_drawn(client):
    experiment = client.new("front", SPACE, responses=FRONT)
    experiment.tell({"x": 0.5}, {"yield": 1.0, "cost": 2.0})
    assert "1 run of 1 on the front" in experiment.plot.pareto().description
    assert "hypervolume" in experiment.plot.hypervolume().description.lower()


def test_compare_draws_both(two, client):
    other = client.new("other", SPACE)
    assert "two: 2 runs, best 3; other: 0 runs" in two.plot.compare(other).description


def test_timeline_names_who_told(two, service):
    service.tellers = {"00000000-0000-0000-0000-000000000007": "anna@lab.example"}
    for run in service.runs:
        run["told_by"] = "00000000-0000-0000-0000-000000000007"
    assert {row["by"] for row in rows_of(two.plot.timeline())} == {"anna@lab.example"}


def test_run_of_a_former_space_has_the_backfill_value(two, service):
    found = next(iter(service.experiments.values()))
    found["space_revision"] = 1
    found["covars"] = found["covars"] | {"z": TWO["y"]}
    revision = {"revision": 1, "covars": found["covars"], "constraints": [], "backfill": {"z": 0.125}}
    service.spaces = [revision | {"seq": 3, "time_created": found["time_created"]}]
    assert [row["c2"] for row in rows_of(two.plot.history())] == ["0.125", "0.125"]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("history", {"response": "colour"}, "response is 'colour'; it must be one of: 'Response'"),
        ("history", {"beside": {"random": []}}, r"beside\['random'\] must be a finite number"),
        ("contour", {"x": "q"}, "x is 'q'; it must be one of: 'x', 'y'"),
        ("contour", {"at": {"q": 1}}, "at has 'q'"),
        ("ternary", {}, "ternary needs a mixture"),
        ("pareto", {}, "two objectives or more"),
        ("compare", {"other": "brownies"}, "other is of type str; it must be an experiment"),
    ],
)
def test_wrong_argument_is_named(two, name, arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        getattr(two.plot, name)(**arguments)


def test_contour_of_one_covariate_is_refused(experiment):
    with pytest.raises(InvalidInputError, match="two covariates; the experiment has one: draw slice"):
        experiment.plot.contour()


def test_error_of_the_service_is_said(two, service):
    service.trouble("GET /experiment/", problem(404, "not_found", "it was deleted"))
    with pytest.raises(NotFoundError, match="it was deleted"):
        two.plot.history()


def test_plots_name_themselves(experiment):
    assert "contour(), crossval()" in repr(experiment.plot)
