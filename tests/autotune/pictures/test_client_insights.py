from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from fake_service import SPACE, FakeService, insights, problem
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display
from IPython.utils.capture import capture_output
from pydantic import TypeAdapter
from tags import Tags

from autotune.errors import UnavailableError
from autotune.pictures.insights import Insights
from autotune.pictures.picture import VEGA_LITE
from autotune.views.fronts import Front, FrontRun
from autotune.views.pictures.chart import Axis, axis_between, draw_axes
from autotune.views.pictures.front import draw_front
from autotune_pictures.crossval import explained, quality_text
from autotune_pictures.parts.ranges import clamped, usual_range
from autotune_wire.insights import LeftOut
from autotune_wire.responses import Objective
from autotune_wire.space import Covariate

EVIL = "<img src=x onerror=alert(1)>"
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TWO = {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}}
COVARIATE = TypeAdapter(Covariate)


def _insights(space=SPACE, goals=None, **changes) -> Insights:
    goals = goals or {"Response": {"goal": "maximize"}}
    seen = FakeService().add({"name": "brownies", "covars": space, "responses": goals})
    return Insights.model_validate({**insights(**changes), "seen": seen})


def _left_out(observed: float, mean: float, sd: float = 0.1) -> LeftOut:
    return LeftOut(observation_uuid=uuid4(), observed=observed, mean=mean, sd=sd)


def _front(*points: tuple[float, float], goals=("maximize", "minimize"), reference=None) -> ET.Element:
    objectives = {name: Objective(goal=goal) for name, goal in zip(("yield", "cost"), goals, strict=True)}
    reached = [FrontRun({"yield": one, "cost": other}, {"x": 0.5}) for one, other in points]
    return ET.fromstring(draw_front(Front(reached), objectives, reference))


def _places(svg: ET.Element) -> list[tuple[float, float]]:
    return [(float(circle.attrib["cx"]), float(circle.attrib["cy"])) for circle in svg.iter("circle")]


def _path(svg: ET.Element, kind: str) -> str:
    [found] = [path.attrib["d"] for path in svg.iter("path") if path.attrib["class"] == kind]
    return found


def test_insights_are_fetched_with_what_they_are_about(experiment):
    learnt = experiment.insights()
    assert (learnt.name, list(learnt.covars), learnt.primary, learnt.n_observations) == (
        "brownies",
        ["x"],
        "Response",
        3,
    )


def test_insights_that_there_are_too_few_data_for_are_not_asked_again(experiment, service):
    service.trouble(f"GET /experiment/{experiment.exp_uuid}/insights", problem(503, "engine_failed", "too few", 1))
    with pytest.raises(UnavailableError, match="too few"):
        experiment.insights()
    assert service.waits == []


def test_insights_as_text_say_what_matters():
    # Observed 1, 2, 3 are predicted 0.1 too high: 1 - 3 * 0.01 / 2 = 0.985.
    assert repr(_insights()).splitlines() == [
        "Insights('brownies', 3 observations)",
        "  Response: matters most: x 100%; R² 0.98, 3 of 3 within 2 sd",
        "  best so far: 3 at x=0.4",
        "  best predicted: 3.50 ± 0.25 at x=0.6",
    ]


def test_insights_of_two_objectives_tell_the_front():
    front = [{"observation_uuid": str(uuid4()), "covars": {"x": 0.1}, "responses": {"yield": 1.0, "cost": 2.0}}]
    learnt = _insights(goals=TWO, pareto=front, hypervolume=2.5, feasible_share=0.25)
    assert "Pareto front of 1, hypervolume 2.5" in repr(learnt)
    assert "25% of the space is predicted to work and to meet every threshold" in repr(learnt)
    assert (
        "1 run on the front: no other run is as good in every objective and better in one; hypervolume 2.5"
        in learnt._repr_html_()
    )


def test_insights_have_a_picture_of_each_kind():
    titles = [picture.spec["title"]["text"][0] for picture in _insights().pictures()]
    assert titles == [
        "How much each covariate of brownies matters",
        "response along one covariate at a time: brownies",
        "Each run of brownies predicted from the other runs",
    ]


def test_insights_in_a_notebook_are_a_text_and_the_pictures(capture_display):
    shown = capture_display(_insights())
    assert [VEGA_LITE in data for data in shown] == [False, True, True, True]
    assert "best observed" in shown[0]["text/html"]
    assert shown[0]["text/plain"].startswith("Insights('brownies'")


@pytest.fixture
def capture_display():
    def shown(given):
        InteractiveShell.instance()
        with capture_output() as captured:
            display(given)
        return [output.data for output in captured.outputs]

    yield shown
    InteractiveShell.clear_instance()


def test_insights_before_any_model_say_so():
    none = {"leave_one_out": {}, "importance": {}, "slices": {}, "best_observed": None, "best_predicted": None}
    learnt = _insights(**none)
    assert "Too few observations yet to model Response." in learnt._repr_html_()
    assert learnt.pictures() == []
    assert "Response: too few observations" in repr(learnt)


def test_insights_run_and_fetch_nothing_and_close_every_tag():
    html = _insights()._repr_html_()
    parsed = Tags(html)
    assert not {"script", "img", "link", "iframe", "image", "use"} & set(parsed.tags)
    assert ("url(" in html, "http" in html, parsed.open) == (False, False, [])


def test_insights_escape_what_users_wrote():
    space = {EVIL: {"vtype": "cat", "guess": EVIL, "options": [EVIL, "b"]}}
    goals = {EVIL * 2: {"goal": "maximize"}, EVIL * 3: {"goal": "minimize"}}
    best = {"observation_uuid": str(uuid4()), "covars": {EVIL: EVIL}, "response": 1.0}
    front = [{**best, "responses": dict.fromkeys(goals, 1.0)}]
    slices = {name: {EVIL: [{"value": EVIL, "mean": 1.0, "sd": 0.1}]} for name in goals}
    importance = {name: {EVIL: 1.0} for name in goals}
    learnt = _insights(space, goals, slices=slices, importance=importance, pareto=front, best_observed=best)
    assert "img" not in Tags(learnt._repr_html_()).tags


def test_leave_one_out_text_counts_the_observations_within_two_deviations():
    # The mean of 1, 2, 3 is 2, so their variation is 2; the errors are 0, 0 and 1: 1 - 1 / 2.
    points = [_left_out(1, 1), _left_out(2, 2), _left_out(3, 2)]
    assert quality_text(points) == "R² 0.50, 2 of 3 within 2 sd"


@pytest.mark.parametrize("points", [[], [_left_out(1, 2)], [_left_out(1, 2), _left_out(1, 3)]])
def test_nothing_is_explained_where_nothing_varies(points):
    assert explained(points) is None


@pytest.mark.parametrize(
    ("goals", "is_up_first"), [(("maximize", "minimize"), True), (("minimize", "minimize"), False)]
)
def test_front_line_parts_what_is_reached_from_what_is_not(goals, is_up_first):
    line = _path(_front((0.2, 1.0), (0.8, 3.0), goals=goals), "at-best")
    assert (line.index("V") < line.index("H")) == is_up_first


def test_front_draws_its_points_and_the_reference():
    svg = _front((0.2, 1.0), (0.8, 3.0), reference={"yield": 0.0, "cost": 5.0})
    assert len(_places(svg)) == 2
    assert _path(svg, "at-mark")
    assert {"yield (maximize)", "cost (minimize)"} <= {text.text for text in svg.iter("text")}


def test_front_of_one_point_is_drawn():
    assert len(_places(_front((0.5, 0.5)))) == 1


def test_axis_keeps_what_lies_outside_at_its_edge():
    axis = Axis(0.0, 1.0, 10.0, 20.0)
    assert [axis.place(value) for value in (-1.0, 0.5, 2.0)] == [10.0, 15.0, 20.0]


@given(NUMBERS, NUMBERS)
def test_axis_of_any_values_has_finite_places(one, other):
    axis = axis_between(min(clamped(one), clamped(other)), max(clamped(one), clamped(other)), 0.0, 100.0)
    assert all(0 <= axis.place(value) <= 100 for value in (one, other))
    assert "nan" not in draw_axes(axis, axis)


@pytest.mark.parametrize(
    ("values", "kept", "expected"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, -1000], [], (1, 9)),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 60], [60], (1, 60)),  # the best one stays, however far out it lies
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 20], [], (1, 20)),  # 1 to 8 are eight of ten, and 8 + 2 * 7 is beyond 20
        ([0, 0, 0, 0, 5], [], (0, 5)),
        ([1, 2, 3, 1000], [], (1, 1000)),
    ],
)
def test_usual_range_leaves_out_the_few_values_that_lie_far_out(values, kept, expected):
    assert usual_range(values, kept) == expected


@given(st.lists(NUMBERS, min_size=1, max_size=30))
def test_usual_range_holds_four_fifths_of_any_values(values):
    low, high = usual_range(values)
    inside = [value for value in values if low <= max(-1e150, min(value, 1e150)) <= high]
    assert len(inside) >= 0.8 * len(values)


def test_insights_open_with_the_verdict_and_what_to_do():
    health = [{"kind": "border", "finding": "the best run has x = 1", "advice": "widen the range"}]
    learnt = _insights(verdict="The best is 3 at x = 0.4.", health=health, not_varied=["base"], n_used=2)
    assert repr(learnt).splitlines()[:4] == [
        "Insights('brownies', 3 observations)",
        "  The best is 3 at x = 0.4.",
        "  ! the best run has x = 1 → widen the range",
        "  the models behind these insights use 2 representatives of the observations",
    ]
    assert "  not varied yet: base" in repr(learnt).splitlines()
    html = learnt._repr_html_()
    assert html.index("The best is 3 at x = 0.4.") < html.index("widen the range") < html.index("best observed")
    assert "use 2 representatives" in html


def test_insights_show_each_response_of_the_bests_beside_its_bound():
    goals = {"yield": {"goal": "maximize"}, "impurity": {"goal": "<=", "bound": 5}}
    observed = {**insights()["best_observed"], "responses": {"yield": 3.0, "impurity": 4.0}}
    predictions = {"yield": {"mean": 3.5, "sd": 0.25}, "impurity": {"mean": 5.5, "sd": 1.0}}
    learnt = _insights(
        goals=goals, best_observed=observed,
        best_predicted={**insights()["best_predicted"], "predictions": predictions}, noise_sds={"yield": 0.6},
    )  # fmt: skip
    assert "  best so far: yield 3, impurity 4 (<= 5: met) at x=0.4" in repr(learnt).splitlines()
    assert "<td>impurity &lt;= 5</td><td>4 (met)</td><td>5.5 ± 1.0 (missed)</td>" in learnt._repr_html_()
    # The square root of 0.25 ** 2 + 0.6 ** 2 is 0.65.
    assert "its noise included: 3.50 ± 0.65" in learnt._repr_html_()


def test_insights_write_the_largest_number_where_the_spread_of_a_next_measurement_is_larger():
    best = {**insights()["best_predicted"], "mean": 1.5e308, "sd": 1.7e308}
    shown = _insights(best_predicted=best, noise_sds={"Response": 1.7e308})._repr_html_()
    assert "its noise included: 1.5e+308 ± 1.8e+308" in shown


def test_insights_show_the_best_in_each_context():
    best = {"context": {"oven": "B"}, "covars": {"oven": "B", "x": 0.25}, "mean": 2.0, "sd": 0.5}
    learnt = _insights(best_by_context=[best])
    assert "    oven=B: response 2.00 ± 0.50 at x=0.25" in repr(learnt).splitlines()
    assert "<td>B</td><td>0.25</td><td>2.00 ± 0.50</td>" in learnt._repr_html_()


def test_insights_draw_the_dominated_runs_beside_the_front():
    uuids = [str(uuid4()) for _ in range(2)]
    left_out = {
        name: [
            {"observation_uuid": uuid, "observed": value, "mean": 0.0, "sd": 1.0}
            for uuid, value in zip(uuids, values, strict=True)
        ]
        for name, values in {"yield": (1.0, 2.0), "cost": (5.0, 3.0)}.items()
    }
    front = [{"observation_uuid": uuids[1], "covars": {"x": 0.1}, "responses": {"yield": 2.0, "cost": 3.0}}]
    html = _insights(goals=TWO, pareto=front, leave_one_out=left_out)._repr_html_()
    assert html.count('<circle class="at-dot at-pale" r="3.0"') == 1
    assert "yield 1, cost 5</title>" in html
