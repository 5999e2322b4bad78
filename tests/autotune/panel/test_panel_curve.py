import math
import re
from xml.etree import ElementTree as ET

import pytest
from fake_service import suggestion
from hypothesis import example, given
from hypothesis import strategies as st

from autotune.panel.curve import BOTTOM, HEIGHT, LEFT, MAX_DOTS, RIGHT, TOP, WIDTH, best_so_far, draw_curve
from autotune.panel.state import Change, Dot, PanelState
from autotune.views.pictures.chart import label, ticks
from autotune_pictures.parts.ranges import widened
from autotune_wire.responses import Objective, Target
from autotune_wire.suggestions import Suggestion

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def _state(*responses: float, direction="maximize", next_mean=None, next_sd=None) -> PanelState:
    waiting = {}
    if next_mean is not None:
        told = Suggestion.model_validate(suggestion(mean=next_mean, sd=next_sd))
        waiting[told.suggestion_uuid] = told
    dots = tuple(Dot(response, "model") for response in responses)
    return PanelState("n", direction, dots=dots, waiting=waiting)


def _drawn(state: PanelState) -> ET.Element:
    return ET.fromstring(draw_curve(state))


def _paths(svg: ET.Element, kind: str) -> list[str]:
    return [path.attrib["d"] for path in svg.iter("path") if path.get("class", "").partition(" ")[0] == kind]


def _dots(svg: ET.Element) -> list[tuple[float, float]]:
    """Places of the dots from left to right; a triangle stands 3.5 pixels above its place."""
    found = []
    for kind, above in (("at-model", 0.0), ("at-first", 0.0), ("at-broken", 3.5)):
        for path in _paths(svg, kind):
            found += [(float(x), float(y) + above) for x, y in re.findall(r"M(\S+) ([\d.]+)", path)]
    return sorted(found)


def _texts(svg: ET.Element) -> list[str]:
    return [text.text or "" for text in svg.iter("text")]


@pytest.mark.parametrize(("direction", "expected"), [("maximize", [3, 3, 5, 5]), ("minimize", [3, 1, 1, 1])])
def test_best_so_far_follows_the_direction(direction, expected):
    assert best_so_far([3, 1, 5, 2], Objective(goal=direction)) == expected


def test_best_so_far_of_a_target_is_what_is_nearest():
    assert best_so_far([3, 9, 6, 8], Target(goal="match", target=7)) == [3, 9, 6, 6]


def test_curve_of_a_target_draws_the_target_and_marks_the_nearest_run():
    dots = tuple(Dot(response, "model") for response in (3.0, 6.0, 9.0))
    svg = _drawn(PanelState("n", "minimize", {"pH": Target(goal="match", target=7)}, dots=dots))
    [top] = [circle for circle in svg.iter("circle") if circle.attrib["class"] == "at-top"]
    assert (float(top.attrib["cx"]), float(top.attrib["cy"])) == _dots(svg)[1]
    [mark] = _paths(svg, "at-mark")
    # The axis is from 3 to 9 and 0.36 more either way, of 208 pixels: 222 - 4.36 / 6.72 * 208.
    assert mark == "M58 87.0H546"


def test_curve_draws_a_dot_for_each_observation_from_left_to_right():
    dots = _dots(_drawn(_state(1, 3, 2)))
    assert [x for x, _ in dots] == sorted(x for x, _ in dots)
    assert dots[1][1] < dots[2][1] < dots[0][1]  # y grows downward


def test_curve_steps_where_the_best_changes():
    # Ten places of 48.8 pixels; the margins are 0.12 each, so a unit is 208 / 2.24 = 92.86 pixels: 222 - 0.12 * 92.86.
    [line] = [path for path in _drawn(_state(1, 3, 2)).iter("path") if path.attrib["class"] == "at-best"]
    assert line.attrib["d"] == "M82.4 210.9H131.2V25.1H180.0"


def test_curve_without_observations_has_axes_only():
    svg = _drawn(_state())
    assert _dots(svg) == []
    assert "observation" in _texts(svg)


def test_curve_of_one_observation_has_a_range():
    assert len(_dots(_drawn(_state(0.5)))) == 1


def test_curve_marks_the_best_observation():
    svg = _drawn(_state(3, 1, 2, direction="minimize"))
    [top] = [circle for circle in svg.iter("circle") if circle.attrib["class"] == "at-top"]
    assert (float(top.attrib["cx"]), float(top.attrib["cy"])) == _dots(svg)[1]


def test_curve_draws_the_prediction_after_the_last_observation():
    svg = _drawn(_state(1, 3, next_mean=2, next_sd=0.5))
    [group] = svg.iter("g")
    start = float(group[0].attrib["d"].partition("M")[2].split()[0])
    assert start > _dots(svg)[-1][0]


def test_curve_is_not_flattened_by_a_vague_prediction():
    (_, low), (_, high) = _dots(_drawn(_state(1, 2, next_mean=1.5, next_sd=1000.0)))
    assert low - high > (HEIGHT - TOP - BOTTOM) / 3


def test_curve_draws_failed_runs_as_crosses_on_the_axis():
    state = PanelState("n", "maximize", dots=(Dot(1.0, None), Dot(None, None, is_failed=True), Dot(2.0, None)))
    svg = _drawn(state)
    [cross] = _paths(svg, "at-cross")
    # The second of ten places of 48.8 pixels, with arms of 3.5 either way: 58 + 1.5 * 48.8 - 3.5, 222 - 3.5.
    assert cross == "M127.7 218.5l7 7m0 -7l-7 7"
    assert len(_dots(svg)) == 2


def test_curve_marks_runs_that_did_not_measure_the_objective_on_the_axis():
    svg = _drawn(PanelState("n", "maximize", dots=(Dot(None, None), Dot(2.0, None))))
    assert _paths(svg, "at-tail") == ["M82.4 217v5"]


def test_curve_lets_the_best_line_pass_over_runs_that_break_a_threshold():
    dots = (Dot(1.0, None), Dot(3.0, None, is_broken=True), Dot(2.0, None))
    svg = _drawn(PanelState("n", "maximize", dots=dots))
    (_, _), (_, broken), (x3, y3) = _dots(svg)
    [line] = [path.attrib["d"] for path in svg.iter("path") if path.attrib["class"] == "at-best"]
    assert line.endswith(f"H{x3:.1f}V{y3:.1f}H{x3:.1f}")
    assert f"V{broken:.1f}" not in line
    [top] = [circle for circle in svg.iter("circle") if circle.attrib["class"] == "at-top"]
    assert float(top.attrib["cy"]) == y3


def test_curve_leaves_the_place_of_an_excluded_run_empty():
    shown = _drawn(PanelState("n", "maximize", dots=(Dot(1.0, None), Dot(9.0, None, is_excluded=True), Dot(2.0, None))))
    (x1, _), (x3, y3) = _dots(shown)
    [line] = [path.attrib["d"] for path in shown.iter("path") if path.attrib["class"] == "at-best"]
    assert x3 - x1 == pytest.approx(2 * 48.8, abs=0.11)  # ten places of 48.8 pixels
    assert line.endswith(f"H{x3:.1f}V{y3:.1f}H{x3:.1f}")
    assert y3 == pytest.approx(25.1, abs=0.1)  # of the frame from 0.94 to 2.06: 222 - 208 * 1.06 / 1.12
    [top] = [circle for circle in shown.iter("circle") if circle.attrib["class"] == "at-top"]
    assert float(top.attrib["cy"]) == y3


@pytest.mark.parametrize("dot", [Dot(None, None, is_failed=True, is_excluded=True), Dot(1.0, None, is_excluded=True)])
def test_curve_of_excluded_runs_only_has_axes_only(dot):
    shown = _drawn(PanelState("n", "maximize", dots=(dot,)))
    assert (_dots(shown), list(shown.iter("path"))) == ([], [])


def test_curve_of_failures_only_has_no_line():
    svg = _drawn(PanelState("n", "maximize", dots=(Dot(None, None, is_failed=True),) * 3))
    [crosses] = svg.iter("path")
    assert crosses.attrib["class"] == "at-cross"
    assert crosses.attrib["d"].count("M") == 3


def test_curve_marks_where_the_space_changed():
    state = PanelState("n", "maximize", dots=(Dot(1.0, None),) * 4, changes=(Change(2, ("x: wider",)),))
    svg = _drawn(state)
    [mark] = [path for path in svg.iter("path") if path.attrib["class"] == "at-mark"]
    (_, _), (x2, _), (x3, _), _ = _dots(svg)
    assert float(mark.attrib["d"][1:].split()[0]) == pytest.approx((x2 + x3) / 2, abs=0.1)


def test_curve_names_a_response_that_has_a_name():
    named = PanelState("n", "maximize", {"yield": Objective(goal="maximize")})
    assert "yield" in _texts(_drawn(named))
    assert "Response" not in _texts(_drawn(PanelState("n", "maximize", {"Response": Objective(goal="maximize")})))


def test_curve_of_many_observations_stays_small_and_shows_the_last():
    svg = _drawn(_state(*range(20 * MAX_DOTS + 7)))
    dots = _dots(svg)
    assert len(dots) <= MAX_DOTS
    assert dots[-1] == pytest.approx((WIDTH - RIGHT, TOP), abs=13)  # less a margin and half a place
    assert len(ET.tostring(svg)) < 10_000


@given(st.lists(NUMBERS, min_size=1, max_size=8), NUMBERS, st.floats(min_value=0, max_value=1e300))
def test_curve_of_any_responses_stays_in_its_frame(responses, mean, sd):
    svg = _drawn(_state(*responses, next_mean=mean, next_sd=sd))
    assert all(LEFT <= x <= WIDTH - RIGHT and TOP <= y <= HEIGHT - BOTTOM for x, y in _dots(svg))
    assert not {"nan", "inf", "-inf"} & set(_texts(svg))


@given(NUMBERS, NUMBERS)
@example(0.0, 5e-324)
def test_ticks_of_any_range_lie_inside_and_are_few(one, other):
    low, high = widened(*sorted((max(-1e150, min(one, 1e150)), max(-1e150, min(other, 1e150)))))
    found = ticks(low, high, 5)
    slack = (high - low) * 1e-6
    assert 1 <= len(found) <= 12
    assert all(low - slack <= tick <= high + slack for tick in found)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]), (-3, 12, [0, 5, 10]), (0.91, 0.99, [0.92, 0.94, 0.96, 0.98])],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high, 5) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "step", "text"),
    [(0.92, 0.02, "0.92"), (5, 5, "5"), (1e7, 1e6, "1e+07"), (-1e-17, 0.2, "0"), (3e-7, 1e-7, "3e-07")],
)
def test_label_has_the_decimals_of_its_step(value, step, text):
    assert label(value, step) == text


def test_widened_widens_a_range_that_labels_cannot_tell_apart():
    assert widened(1.0, 1.0 + 1e-12) == pytest.approx((0.9, 1.1))


@pytest.mark.parametrize("value", [0.0, 5.0, -1e-300, 1e150])
def test_widened_gives_a_single_value_a_range(value):
    low, high = widened(value, value)
    assert low < value < high
    assert math.isfinite(high - low)
