"""Runs whose values the space does not allow: what is stored, what is marked, what is said, what is refused."""

import pytest

from autotune_service.domain.configuration import (
    checked_configuration,
    checked_fixed,
    checked_run,
    is_feasible,
    is_same,
)
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.outside import modelled_in, notes_on, outside
from autotune_wire.constraints import LinearConstraint
from generated import space_of

SPACE = space_of(
    {
        "t": {"vtype": "cont", "guess": 60.0, "min": 20.0, "max": 100.0, "step": 5.0},
        "humidity": {"vtype": "cont", "guess": 40.0, "min": 20.0, "max": 60.0, "role": "context"},
        "n": {"vtype": "int", "guess": 10, "min": 0, "max": 100, "step": 10},
        "rate": {"vtype": "cont", "guess": 0.01, "min": 1e-4, "max": 1.0, "log": True},
        "base": {"vtype": "cat", "guess": "a", "options": ["a", "b"]},
        "length": {"vtype": "cont", "guess": 5.0, "min": 5.0, "max": 5.0},
        "extra": {
            "vtype": "cont",
            "guess": 0.5,
            "min": 0.0,
            "max": 1.0,
            "active_if": {"covariate": "n", "values": [20, 30]},
        },
    }
)
RUN = {"t": 60.0, "humidity": 40.0, "n": 10, "rate": 0.01, "base": "a", "length": 5.0}


def problem_of(check, *arguments, **options):
    with pytest.raises(InvalidError) as caught:
        check(*arguments, **options)
    (problem,) = caught.value.errors
    return problem.field, problem.message


@pytest.mark.parametrize(
    ("name", "given", "stored"),
    [
        ("t", 62.4, "62.4"),
        ("t", 100.6, "100.6"),
        ("t", 62, "62.0"),
        ("t", 65.00000000001, "65.0"),
        ("t", -1.7e308, "-1.7e+308"),
        ("humidity", 71, "71.0"),
        ("humidity", 60.00000000001, "60.0"),
        ("n", 12, "12"),
        ("n", 12.0, "12"),
        ("n", -3, "-3"),
        ("n", 2.0**53, "9007199254740992"),
        ("rate", 20.0, "20.0"),
        ("rate", 0, "0.0"),
        ("rate", -0.5, "-0.5"),
        ("length", 7, "7.0"),
        ("length", 5.000000001, "5.0"),
    ],
)
def test_number_of_a_run_is_kept_as_measured_unless_rounding_moved_it(name, given, stored):
    assert repr(checked_run(SPACE, RUN | {name: given})[name]) == stored


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("t", "hot", "must be a number"),
        ("t", float("inf"), "must be a number"),
        ("t", float("nan"), "must be a number"),
        ("n", 12.5, "must be a whole number"),
        ("n", "12", "must be a whole number"),
        ("n", 2.0**54, "must be a whole number"),
        ("n", float("inf"), "must be a whole number"),
        ("base", "c", "must be one of a, b"),
        ("base", 1, "must be a text, one of a, b"),
        ("color", "red", "is not a covariate of this experiment"),
        ("extra", 0.5, "is not active in this configuration"),
    ],
)
def test_what_no_run_can_have_is_refused_by_its_name(name, given, message):
    field, said = problem_of(checked_run, SPACE, RUN | {name: given})
    assert field == f"covars.{name}"
    assert said.startswith(message)


def test_whole_number_off_the_list_of_a_condition_makes_its_covariate_inactive():
    assert checked_run(SPACE, RUN | {"n": 25}) == RUN | {"n": 25}
    assert problem_of(checked_run, SPACE, RUN | {"n": 20})[0] == "covars.extra"


def test_option_that_an_earlier_space_had_is_a_value_and_an_unknown_one_is_none():
    earlier = space_of({"base": {"vtype": "cat", "guess": "a", "options": ["a", "c"]}})
    assert checked_run(SPACE, RUN | {"base": "c"}, earlier=[earlier])["base"] == "c"
    assert problem_of(checked_run, SPACE, RUN | {"base": "d"}, earlier=[earlier])[0] == "covars.base"


def test_what_the_model_is_asked_about_needs_a_place_on_a_logarithmic_scale():
    assert checked_run(SPACE, RUN | {"rate": 3.0, "t": 62.4}, is_modelled=True)["rate"] == 3.0
    for rate in (0.0, -1.0):
        field, message = problem_of(checked_run, SPACE, RUN | {"rate": rate}, is_modelled=True)
        assert (field, message) == ("covars.rate", "must be more than 0, as its scale is logarithmic")


def test_configuration_to_suggest_may_have_a_context_outside_and_nothing_else():
    assert checked_configuration(SPACE, RUN | {"humidity": 71})["humidity"] == 71.0
    for name, value in (("t", 62.4), ("n", 12), ("length", 7.0), ("rate", 2.0)):
        assert problem_of(checked_configuration, SPACE, RUN | {name: value})[0] == f"covars.{name}"


def test_ask_fixes_a_context_as_it_is_and_a_design_covariate_as_the_space_allows():
    assert checked_fixed(SPACE, {"humidity": 71, "t": 65}) == {"t": 65.0, "humidity": 71.0}
    assert problem_of(checked_fixed, SPACE, {"humidity": 71, "t": 62.4})[0] == "fixed.t"
    assert problem_of(checked_fixed, SPACE, {"humidity": "wet"}) == ("fixed.humidity", "must be a number")


def test_context_on_a_logarithmic_scale_must_have_a_place_there():
    space = SPACE | space_of({"flow": SPACE["rate"].model_dump() | {"role": "context"}})
    assert checked_fixed(space, {"humidity": 40, "flow": 50})["flow"] == 50.0
    assert problem_of(checked_fixed, space, {"humidity": 40, "flow": 0})[0] == "fixed.flow"


def test_feasible_is_what_may_be_suggested():
    dry = LinearConstraint(ctype="linear", weights={"humidity": 1.0}, relation="<=", bound=80)
    assert is_feasible(SPACE, [dry], RUN | {"humidity": 71.0})
    assert not is_feasible(SPACE, [dry], RUN | {"humidity": 81.0})
    assert not is_feasible(SPACE, [dry], RUN | {"t": 62.4})


def test_run_between_two_steps_is_another_than_that_at_the_step():
    assert not is_same(SPACE, RUN, RUN | {"t": 62.4})
    assert is_same(SPACE, RUN | {"t": 62.4}, RUN | {"t": 62.4})
    assert is_same(SPACE, RUN | {"rate": -1.0}, RUN | {"rate": -1.0})
    assert not is_same(SPACE, RUN | {"rate": -1.0}, RUN | {"rate": -1.1})
    assert is_same(SPACE, RUN, RUN | {"length": 5.0000001})
    assert not is_same(SPACE, RUN, RUN | {"length": 5.1})


def test_outside_names_what_the_space_does_not_allow_in_its_order():
    assert outside(SPACE, RUN) == []
    wild = {"base": "gone", "length": 4.0, "n": 12, "t": 100.6, "humidity": 71.0, "rate": 0.0, "unknown": 1}
    assert outside(SPACE, wild) == ["t", "humidity", "n", "rate", "base", "length"]


def test_notes_say_in_words_what_is_outside():
    wild = {"base": "gone", "length": 4.0, "n": 12, "t": 62.4, "humidity": 71.0, "rate": 0.0}
    assert notes_on(SPACE, [], [wild, wild, RUN, RUN | {"t": 100.6, "rate": 2.0}]) == [
        "t = 62.4 is off its steps of 5 from 20; stored as measured",
        "humidity = 71 lies outside its range, 20 to 60; stored as measured",
        "n = 12 is off its steps of 10 from 0; stored as measured",
        "rate = 0 has no place on its logarithmic scale; stored as measured, and left out of the model",
        "base = gone is no longer an option; stored as measured",
        "length = 4 is not 5, its only value; stored as measured",
        "t = 100.6 lies outside its range, 20 to 100; stored as measured",
        "rate = 2 lies outside its range, 0.0001 to 1; stored as measured",
    ]


def test_notes_on_very_many_runs_are_few():
    notes = notes_on(SPACE, [], [RUN | {"n": number} for number in range(101, 201)])
    assert (len(notes), notes[-1]) == (21, "and 80 more values outside the space")


def test_model_uses_every_run_that_has_a_place():
    is_modelled = modelled_in(SPACE)
    assert is_modelled(RUN | {"t": 62.4, "humidity": 71.0, "rate": 50.0})
    assert not is_modelled(RUN | {"rate": 0.0})
    assert not is_modelled(RUN | {"rate": -2.0})
    without = {name: value for name, value in RUN.items() if name != "rate"}
    assert is_modelled(without)  # not active there
