import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictured import BASE, RATE, TEMPERATURE, experiment

from autotune_pictures.parts.axes import covariate_axis
from autotune_pictures.parts.grids import N_STEPS, steps_of
from autotune_pictures.parts.ranges import Span, span_of
from autotune_pictures.parts.texts import label_expression, lines_of, number_text, spoken

SPACE = experiment({"t": TEMPERATURE, "rate": RATE, "base": BASE}).covars


def axis(name, values=()):
    return covariate_axis(name, SPACE[name], values)


def test_outlier_does_not_widen_the_range():
    assert span_of([1.0, 2.0, 3.0, 2.0, -400.0]) == Span(1 - 0.06 * 2, 3 + 0.06 * 2)


def test_range_has_the_best_and_a_near_threshold_but_no_far_one():
    assert span_of([0.0, 10.0], [20.0]).high == pytest.approx(20 + 0.06 * 20)
    assert span_of([0.0, 10.0], [], [19.0]).high == pytest.approx(19 + 0.06 * 19)
    assert span_of([0.0, 10.0], [], [21.0]).high == pytest.approx(10.6)


def test_range_of_one_value_and_of_none_has_a_width():
    assert span_of([5.0]).low < 5.0 < span_of([5.0]).high
    assert span_of([]).low < span_of([]).high


def test_logarithmic_axis_has_equal_ratios_at_equal_distances_and_powers_of_ten_as_ticks():
    rate = axis("rate")
    assert rate.share(1e-3) == pytest.approx(0.5)
    assert rate.at(0.25) == pytest.approx(1e-4)
    encoding = rate.encoding("x", 240)
    assert encoding["scale"]["type"] == "log"
    assert encoding["axis"]["values"] == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2, 1e-1])


def test_axis_has_room_for_measured_values_beside_the_range_but_not_for_far_ones():
    assert (axis("t", [30, 125]).low, axis("t", [30, 125]).high) == (30, 125)
    assert (axis("t", [-500]).low, axis("t", [5000]).high) == (40, 120)
    assert axis("t").side(121) == 1
    assert axis("t").side(40) == 0


def test_option_has_a_place_and_an_unknown_one_has_none():
    assert [axis("base").place(option) for option in ("K2CO3", "Et3N", "gone")] == [0.0, 2.0, None]


def test_steps_of_a_grid_are_values_of_the_covariate_and_fill_the_axis():
    steps = steps_of(axis("t"))
    assert [step.value for step in steps] == list(range(40, 121, 5))
    assert (steps[0].low, steps[0].high, steps[-1].high) == (40, pytest.approx(42.5), 120)
    assert len(steps_of(axis("rate"))) == N_STEPS
    assert steps_of(axis("rate"))[15].value == pytest.approx(1e-3)


@given(st.integers(-1000, 1000), st.integers(0, 5000))
def test_steps_of_whole_numbers_rise_and_stay_inside(low, width):
    covariate = experiment({"n": {"vtype": "int", "guess": low, "min": low, "max": low + width}}).covars["n"]
    values = [step.value for step in steps_of(covariate_axis("n", covariate))]
    assert values == sorted(set(values))
    assert len(values) <= N_STEPS
    assert (values[0], values[-1]) == (low, low + width)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (81.2345, "81.2"),
        (1013.25, "1013"),
        (-0.00123456, "-0.00123"),
        (0.1, "0.1"),
        (123456.7, "123457"),
        (1234567.0, "1.23e6"),
        (1e-5, "1e-5"),
        (-2.5e300, "-2.5e300"),
        (99.96, "100"),
    ],
)
def test_number_has_three_significant_digits_and_all_before_the_point(value, text):
    assert number_text(value) == text


def test_long_name_is_wrapped_and_cut():
    assert lines_of("one two three", 7) == ["one two", "three"]
    assert len("".join(lines_of("x" * 200, 20))) <= 72


def test_title_has_nothing_that_ends_an_expression():
    assert spoken('it\'s "so" \\ \n x') == "it's ”so” / x"


def test_label_expression_is_json_of_every_text():
    assert label_expression(['a"b', "c"], 10) == '({"0": ["a\\"b"], "1": ["c"]})[datum.value]'
