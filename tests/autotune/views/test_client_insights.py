from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from fake_service import SPACE, insights, problem
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tags import Tags

from autotune.errors import UnavailableError
from autotune.views.fronts import MAX_ROWS as MAX_FRONT
from autotune.views.fronts import Front, FrontRun
from autotune.views.insights import Insights
from autotune.views.insights_html import MAX_REFUSALS, MAX_SLICES
from autotune.views.pictures.bars import MAX_ROWS, draw_importance
from autotune.views.pictures.chart import Axis, axis_of, draw_axes
from autotune.views.pictures.front import draw_front
from autotune.views.pictures.leave_one_out import MAX_DOTS, draw_leave_one_out, explained, leave_one_out_text
from autotune.views.pictures.slices import draw_slice, refusals, response_axis
from autotune_pictures.parts.ranges import usual_range
from autotune_wire.insights import LeftOut, SlicePoint
from autotune_wire.responses import Objective
from autotune_wire.space import Covariate

EVIL = "<img src=x onerror=alert(1)>"
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TWO = {"yield": {"goal": "maximize"}, "cost": {"goal": "minimize"}}
COVARIATE = TypeAdapter(Covariate)


def _insights(space=SPACE, goals=None, **changes) -> Insights:
    goals = goals or {"Response": {"goal": "maximize"}}
    return Insights.model_validate({**insights(**changes), "name": "brownies", "covars": space, "goals": goals})


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


def test_insights_draw_a_picture_of_each_kind():
    html = _insights()._repr_html_()
    for label in ("How much each covariate matters", "Observed against predicted", "The response along x"):
        assert label in html


def test_insights_before_any_model_say_so():
    none = {"leave_one_out": {}, "importance": {}, "slices": {}, "best_observed": None, "best_predicted": None}
    learnt = _insights(**none)
    assert "Too few observations" in learnt._repr_html_()
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


def test_insights_of_many_covariates_stay_small():
    space = {f"x{i}": SPACE["x"] for i in range(40)}
    points = insights()["slices"]["Response"]["x"]
    front = [{"observation_uuid": str(uuid4()), "covars": {}, "responses": {"yield": 1.0, "cost": 2.0}}] * 100
    learnt = _insights(
        space, TWO,
        slices={"yield": dict.fromkeys(space, points)},
        importance={"yield": dict.fromkeys(space, 1 / 40)},
        pareto=front,
    )  # fmt: skip
    html = learnt._repr_html_()
    assert html.count("The response along") == MAX_SLICES
    assert f"{40 - MAX_SLICES} that matter less are not drawn" in html
    assert f"and {100 - MAX_FRONT} more" in html


def test_slices_mark_the_configuration_that_they_go_through():
    html = _insights()._repr_html_()  # the best predicted one has 0.6, the best observed one 0.4
    assert 'class="at-mark" d="M150.8 ' in html  # 50 + 0.6 * 168
    assert "dashed line or orange dot: this configuration" in html


def test_slices_begin_with_what_matters_most():
    space = dict.fromkeys("abc", SPACE["x"])
    points = insights()["slices"]["Response"]["x"]
    learnt = _insights(
        space, slices={"Response": dict.fromkeys("abc", points)},
        importance={"Response": {"a": 0.1, "b": 0.2, "c": 0.7}},
    )  # fmt: skip
    html = learnt._repr_html_()
    assert html.index("along c") < html.index("along b") < html.index("along a")


def test_importance_has_the_longest_bar_first():
    bars = list(ET.fromstring(draw_importance({"a": 0.25, "b": 0.75})).iter("rect"))
    lengths = [float(bar.attrib["width"]) for bar in bars]
    assert (lengths[0], lengths[0] / lengths[1]) == (204.0, pytest.approx(3))


def test_importance_of_many_covariates_sums_up_the_small_ones():
    shares = {f"x{i}": (i + 1) / 210 for i in range(20)}
    texts = [text.text for text in ET.fromstring(draw_importance(shares)).iter("text")]
    # The eleven longest are 20 to 10 of 210; the other nine, 9 to 1, are 45 of 210.
    assert (len(texts), texts[-2:]) == (2 * MAX_ROWS, ["9 others", "21%"])


def test_leave_one_out_observations_lie_on_the_diagonal_where_the_model_is_right():
    svg = ET.fromstring(draw_leave_one_out([_left_out(value, value) for value in (1.0, 2.0, 4.0)]))
    (x1, y1), (x2, y2), (x3, y3) = _places(svg)
    assert (x2 - x1) / (x3 - x1) == pytest.approx(1 / 3, abs=0.001)  # one decimal of a pixel
    assert (y2 - y1) / (y3 - y1) == pytest.approx(1 / 3, abs=0.001)


def test_leave_one_out_many_observations_stay_small():
    assert draw_leave_one_out([_left_out(n, n) for n in range(5000)]).count("<circle") <= MAX_DOTS


def test_leave_one_out_text_counts_the_observations_within_two_deviations():
    # The mean of 1, 2, 3 is 2, so their variation is 2; the errors are 0, 0 and 1: 1 - 1 / 2.
    points = [_left_out(1, 1), _left_out(2, 2), _left_out(3, 2)]
    assert leave_one_out_text(points) == "R² 0.50, 2 of 3 within 2 sd"


@pytest.mark.parametrize("points", [[], [_left_out(1, 2)], [_left_out(1, 2), _left_out(1, 3)]])
def test_nothing_is_explained_where_nothing_varies(points):
    assert explained(points) is None


@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.floats(0, 1e308)), min_size=1, max_size=6))
def test_leave_one_out_of_any_numbers_stays_in_its_frame(points):
    drawn = draw_leave_one_out([_left_out(*point) for point in points])
    assert all(58 <= x <= 368 and 22 <= y <= 260 for x, y in _places(ET.fromstring(drawn)))
    assert "nan" not in drawn + leave_one_out_text([_left_out(*point) for point in points])


def test_slice_of_a_number_is_a_line_with_a_band_and_the_best_point():
    points = [SlicePoint(value=x, mean=x, sd=0.5) for x in (0.0, 0.5, 1.0)]
    y = response_axis([points])
    svg = ET.fromstring(draw_slice("x", COVARIATE.validate_python(SPACE["x"]), points, y, 0.5))
    assert _path(svg, "at-mean").startswith("M50.0 ")
    assert _path(svg, "at-band").count("L") == 5
    assert _path(svg, "at-mark").startswith("M134.0 ")  # half way from 50 to 218


def test_slice_along_a_logarithm_gives_equal_ratios_equal_room():
    points = [SlicePoint(value=x, mean=0.0, sd=0.5) for x in (0.01, 0.1, 1.0)]
    covariate = COVARIATE.validate_python({**SPACE["x"], "min": 0.01, "max": 1.0, "log": True})
    svg = ET.fromstring(draw_slice("x", covariate, points, response_axis([points]), None))
    assert [one.split()[0] for one in _path(svg, "at-mean")[1:].split("L")] == ["50.0", "134.0", "218.0"]
    assert {"0.01", "0.1", "1"} <= {text.text for text in svg.iter("text")}


def test_slice_of_a_choice_is_a_dot_for_each_option_and_marks_the_best():
    points = [SlicePoint(value=name, mean=1.0, sd=0.5) for name in ("red", "green")]
    covariate = COVARIATE.validate_python({"vtype": "cat", "guess": "red", "options": ["red", "green"]})
    svg = ET.fromstring(draw_slice("color", covariate, points, response_axis([points]), "green"))
    assert [circle.attrib["class"] for circle in svg.iter("circle")] == ["at-dot at-model", "at-dot at-top"]


@pytest.mark.parametrize("covariate", [SPACE["x"], {"vtype": "cat", "guess": "a", "options": ["a", "b"]}])
def test_slice_without_points_is_an_empty_frame(covariate):
    svg = ET.fromstring(draw_slice("x", COVARIATE.validate_python(covariate), [], response_axis([]), None))
    assert list(svg.iter("circle")) == []


def test_slices_of_one_response_share_their_axis():
    steep = [SlicePoint(value=0.0, mean=10.0, sd=1.0)]
    flat = [SlicePoint(value=0.0, mean=0.0, sd=0.5)]
    axis = response_axis([flat, steep])
    assert axis.low < -0.5 < 11 < axis.high


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


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(1e-5, 1.0, ["1e-05", "0.001", "0.1"]), (1.0, 10.0, ["1", "2", "5", "10"]), (2.0, 5.0, ["2", "3", "4", "5"])],
)
def test_axis_of_a_logarithm_has_round_labels(low, high, expected):
    assert [shown for _, shown in Axis(low, high, 0, 100, is_log=True).ticks(3)] == expected


@given(NUMBERS, NUMBERS)
def test_axis_of_any_values_has_finite_places(one, other):
    axis = axis_of([one, other], 0.0, 100.0)
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


def test_leave_one_out_is_not_flattened_by_one_bad_run():
    points = [_left_out(value, value) for value in range(10)]
    svg = ET.fromstring(draw_leave_one_out([*points, _left_out(-1000, 4)]))
    places = [x for x, _ in _places(svg)]
    assert max(places) - min(places) > 250
    [beyond] = [path for path in svg.iter("path") if path.attrib["class"] == "at-dot at-model"]
    assert beyond.attrib["d"].startswith("M58.0 ")  # at the left edge
    assert beyond[0].text == "observed -1000, predicted 4.00 ± 0.10"
    assert "1 beyond the edge (triangles)" in [text.text for text in svg.iter("text")]


def test_leave_one_out_keeps_the_best_run_in_the_frame():
    points = [*(_left_out(value, value) for value in range(10)), _left_out(500, 9)]
    assert len(_places(ET.fromstring(draw_leave_one_out(points, [500])))) == 11


def test_slices_that_end_far_beyond_the_data_are_cut_off_with_a_triangle():
    points = [SlicePoint(value=x / 10, mean=50.0 + x if x < 10 else -495.0, sd=1.0) for x in range(11)]
    y = response_axis([points], [15.0, 40.0, 60.0, 83.0])
    assert -10 < y.low < 15  # 83 - 15 is 68: at most a quarter of it below 15, and the margin
    svg = ET.fromstring(draw_slice("x", COVARIATE.validate_python(SPACE["x"]), points, y, None))
    [triangle] = [path for path in svg.iter("path") if path.attrib["class"] == "at-dot at-model"]
    assert triangle.attrib["d"].startswith("M218.0 148.0")  # the right end of the lower edge
    assert triangle[0].text == "1: -495.0 ± 1.0"


def test_slices_show_the_slope_beyond_a_cluster_of_runs():
    """The runs are at the best place, and half of the curve lies far below them."""
    points = [SlicePoint(value=x / 10, mean=100.0 - max(0, 5 - x) ** 2, sd=1.0) for x in range(11)]
    axis = response_axis([points], [99.0, 99.5, 100.0])
    assert axis.low < 75 < 100 < axis.high


def test_slices_keep_a_narrow_peak_at_the_best_run():
    points = [SlicePoint(value=x / 10, mean=9.0 if x == 5 else 0.1, sd=0.0) for x in range(11)]
    axis = response_axis([points], [0.0, 0.05, 0.1, 0.15, 0.2, 9.0], [9.0])
    assert axis.low < 0.1 < 9 < axis.high


def test_bands_far_wider_than_the_data_do_not_flatten_the_curves():
    points = [SlicePoint(value=x / 10, mean=0.4 + x / 20, sd=3.0) for x in range(11)]
    axis = response_axis([points], [0.43, 0.6, 0.8, 1.03])
    assert (axis.low, axis.high) == pytest.approx((0.28 - 0.9 * 0.06, 1.18 + 0.9 * 0.06))  # 0.6 / 4 beyond the data


def test_slices_flat_beside_the_data_keep_their_own_range():
    points = [SlicePoint(value=x, mean=50.0 + x, sd=0.5) for x in (0.0, 1.0)]
    axis = response_axis([points], [0.0, 100.0])
    assert 49 < axis.low < axis.high < 52


def test_slice_is_dashed_where_a_run_would_not_be_suggested():
    points = [
        SlicePoint(value=x, mean=x, sd=0.1, why_not="a + x is 2" if x > 0.6 else None) for x in (0.0, 0.5, 0.75, 1)
    ]
    svg = ET.fromstring(draw_slice("x", COVARIATE.validate_python(SPACE["x"]), points, response_axis([points]), None))
    solid, dashed = [path for path in svg.iter("path") if path.attrib["class"].startswith("at-mean")]
    assert [place.split()[0] for place in solid.attrib["d"][1:].split("L")] == ["50.0", "134.0"]
    # The dashes begin where the line ends.
    assert [place.split()[0] for place in dashed.attrib["d"][1:].split("L")] == ["134.0", "176.0", "218.0"]
    assert dashed.attrib["class"] == "at-mean at-refused"
    assert dashed[0].text == "1: 1.00 ± 0.10; would not be suggested: a + x is 2"


def test_slice_of_a_choice_has_a_hollow_dot_where_a_run_would_not_be_suggested():
    covariate = COVARIATE.validate_python({"vtype": "cat", "guess": "red", "options": ["red", "green"]})
    points = [SlicePoint(value="red", mean=1, sd=1), SlicePoint(value="green", mean=1, sd=1, why_not="never green")]
    svg = ET.fromstring(draw_slice("color", covariate, points, response_axis([points]), None))
    assert [circle.attrib["class"] for circle in svg.iter("circle")] == ["at-dot at-model", "at-dot at-first"]


def test_refusals_name_each_stretch_with_its_worst_reason():
    points = [
        SlicePoint(value=x, mean=0, sd=1, why_not=f"it is {x}" if abs(x) > 1 else None) for x in (-3, -2, 0, 1, 2, 4)
    ]
    assert refusals(COVARIATE.validate_python(SPACE["x"]), points) == ["-3 to -2: it is -3", "2 to 4: it is 4"]
    options = [
        SlicePoint(value=name, mean=0, sd=1, why_not=why) for name, why in (("a", None), ("b", "no"), ("c", "no"))
    ]
    covariate = COVARIATE.validate_python({"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]})
    assert refusals(covariate, options) == ["b, c: no"]


def test_band_of_a_next_measurement_has_the_noise_in_it():
    points = [SlicePoint(value=x, mean=0.0, sd=3.0) for x in (0.0, 1.0)]
    y = response_axis([points], noise_sd=4.0)
    svg = ET.fromstring(draw_slice("x", COVARIATE.validate_python(SPACE["x"]), points, y, None, 4.0))

    def height(kind: str) -> float:
        ends = [float(place.split()[1]) for place in _path(svg, kind)[1:-1].split("L")]
        return max(ends) - min(ends)

    # Variances add up: the square root of 9 + 16 is 5.
    assert height("at-noise") / height("at-band") == pytest.approx(5 / 3, abs=0.01)


def test_importance_of_what_never_varied_is_not_known_yet():
    svg = ET.fromstring(draw_importance({"a": 0.25, "base": 0.75}, ["base", "salt"]))
    assert len(list(svg.iter("rect"))) == 1
    assert [title.text for title in svg.iter("title")] == ["a: 25.0%", "base: not varied yet", "salt: not varied yet"]


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


def test_insights_show_the_best_in_each_context():
    best = {"context": {"oven": "B"}, "covars": {"oven": "B", "x": 0.25}, "mean": 2.0, "sd": 0.5}
    learnt = _insights(best_by_context=[best])
    assert "    oven=B: response 2.00 ± 0.50 at x=0.25" in repr(learnt).splitlines()
    assert "<td>B</td><td>0.25</td><td>2.00 ± 0.50</td>" in learnt._repr_html_()


def test_insights_list_why_parts_of_the_curves_would_not_be_suggested():
    points = [{"value": x / 20, "mean": 0.0, "sd": 1.0, "why_not": f"reason {x}" if x % 2 else None} for x in range(20)]
    html = _insights(slices={"Response": {"x": points}})._repr_html_()
    assert "x 0.05: reason 1" in html
    assert f"and {10 - MAX_REFUSALS} more reasons" in html


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
