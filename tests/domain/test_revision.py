import copy

import pytest
from pydantic import TypeAdapter

from autotune_service.domain.errors import InvalidError
from autotune_service.domain.revision import retired_values, revised
from autotune_wire.constraints import Constraint
from autotune_wire.experiments import SpaceEdit
from autotune_wire.space import Space, backfilled

OLD = {
    "rate": {"vtype": "cont", "guess": 0.01, "min": 0.001, "max": 1.0, "log": True},
    "layers": {"vtype": "int", "guess": 2, "min": 1, "max": 5},
    "color": {"vtype": "cat", "guess": "red", "options": ["red", "green", "blue"]},
    "depth": {"vtype": "int", "guess": 1, "min": 1, "max": 3, "active_if": {"covariate": "color", "values": ["red"]}},
}
NEW_ONE = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}


def a_space(covars):
    return TypeAdapter(Space).validate_python(covars)


def changed(**changes):
    covars = copy.deepcopy(OLD)
    for name, fields in changes.items():
        covars[name] = covars.get(name, {}) | fields
    return covars


def revise(covars, *, old=OLD, backfill=None, constraints=None, before=(), responses=()):
    body = {"covars": covars, "backfill": backfill or {}, "constraints": constraints}
    kept = TypeAdapter(list[Constraint]).validate_python(list(before))
    return revised(a_space(old), SpaceEdit.model_validate(body), constraints=kept, responses=responses)


def fields_refused(covars, **options):
    with pytest.raises(InvalidError) as caught:
        revise(covars, **options)
    return [problem.field for problem in caught.value.errors]


def test_revised_space_that_is_the_same_has_no_changes():
    assert revise(OLD) == []


def test_revised_tells_each_change():
    covars = changed(
        rate={"max": 0.5},
        layers={"guess": 3, "step": 2},
        color={"guess": "pink", "options": ["green", "red", "pink"]},
        depth={"active_if": {"covariate": "color", "values": ["red", "pink"]}},
        extra=NEW_ONE,
    )
    limit = {"ctype": "linear", "weights": {"layers": 1}, "relation": "<=", "bound": 4}
    assert revise(covars, backfill={"extra": 0.25}, constraints=[limit]) == [
        "rate: a number from 0.001 to 0.5; it was a number from 0.001 to 1.0",
        "layers: a whole number from 1 to 5 in steps of 2; it was a whole number from 1 to 5",
        "layers: guess 2 is now 3",
        "color: options added: pink",
        "color: options dropped: blue",
        "color: options in another order: green, red, pink",
        "color: guess red is now pink",
        "depth: is active where color is red, pink",
        "extra: new, a number from 0.0 to 1.0; the runs so far count as 0.25",
        "constraints: 1 instead of 0",
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"layers": {"vtype": "cont"}}, "covars.layers.vtype"),
        ({"layers": {"role": "context"}}, "covars.layers.role"),
        ({"rate": {"log": False}}, "covars.rate.log"),
        ({"color": {"ordered": True}}, "covars.color.ordered"),
        ({"depth": {"active_if": None}}, "covars.depth.active_if"),
        ({"layers": {"active_if": {"covariate": "color", "values": ["red"]}}}, "covars.layers.active_if"),
        ({"depth": {"active_if": {"covariate": "layers", "values": [1]}}}, "covars.depth.active_if"),
        ({"depth": {"active_if": {"covariate": "color", "values": ["blue"]}}}, "covars.depth.active_if"),
        ({"depth": {"active_if": {"covariate": "color", "values": ["red", "blue"]}}}, "covars.depth.active_if"),
    ],
)
def test_revised_refuses_what_would_change_the_meaning_of_runs(changes, field):
    assert fields_refused(changed(**changes)) == [field]


def test_revised_lets_a_condition_follow_the_options_of_its_covariate():
    old = changed(depth={"active_if": {"covariate": "color", "values": ["red", "blue"]}})
    covars = changed(color={"guess": "red", "options": ["red", "green"]})
    assert revise(covars, old=old) == ["color: options dropped: blue", "depth: is active where color is red"]


def test_revised_refuses_to_remove_a_covariate():
    assert fields_refused({name: OLD[name] for name in ("rate", "color", "depth")}) == ["covars.layers"]


@pytest.mark.parametrize(
    ("backfill", "fields"),
    [
        ({}, ["backfill.extra"]),
        ({"extra": 1.5}, ["backfill.extra"]),
        ({"extra": "much"}, ["backfill.extra"]),
        ({"extra": 0.5, "rate": 0.1}, ["backfill.rate"]),
    ],
)
def test_revised_needs_a_value_for_each_new_covariate_and_no_other(backfill, fields):
    assert fields_refused(changed(extra=NEW_ONE), backfill=backfill) == fields


def test_revised_refuses_a_covariate_with_the_name_of_a_response():
    assert fields_refused(changed(loss=NEW_ONE), backfill={"loss": 0.5}, responses=["loss"]) == ["covars.loss"]


def test_revised_refuses_a_space_that_kept_constraints_do_not_fit():
    forbidden = {"ctype": "forbidden", "combination": {"color": ["blue"], "layers": [1]}}
    covars = changed(color={"options": ["red", "green"]})
    assert fields_refused(covars, before=[forbidden]) == ["constraints.0.combination.color"]
    changes = revise(covars, before=[forbidden], constraints=[])
    assert changes == ["color: options dropped: blue", "constraints: 0 instead of 1"]


def test_backfilled_gives_old_runs_the_values_of_new_covariates():
    space = a_space(changed(extra=NEW_ONE, more=NEW_ONE | {"active_if": {"covariate": "color", "values": ["green"]}}))
    backfill = {"extra": 0.25, "more": 0.75}
    red = {"rate": 0.1, "layers": 2, "color": "red", "depth": 1}
    green = {"rate": 0.1, "layers": 2, "color": "green"}
    assert backfilled(space, red, backfill) == red | {"extra": 0.25}
    assert backfilled(space, green, backfill) == green | {"extra": 0.25, "more": 0.75}
    assert backfilled(space, red | {"extra": 0.5}, backfill)["extra"] == 0.5


def test_retired_options_are_those_of_former_spaces():
    first = a_space(OLD)
    second = a_space(changed(color={"options": ["red", "pink"]}))
    third = a_space(changed(color={"options": ["red", "blue"]}))
    assert retired_values(third, [first, second, first]) == {"color": ["green", "pink"]}
    assert retired_values(first, []) == {}


def test_revised_holds_a_number_at_one_value_and_widens_it_again():
    held = changed(layers={"min": 3, "max": 3, "guess": 3}, rate={"min": 0.1, "max": 0.1, "guess": 0.1})
    assert revise(held) == [
        "rate: 0.1, its only value; it was a number from 0.001 to 1.0",
        "rate: guess 0.01 is now 0.1",
        "layers: 3, its only value; it was a whole number from 1 to 5",
        "layers: guess 2 is now 3",
    ]
    assert revise(OLD, old=held) == [
        "rate: a number from 0.001 to 1.0; it was 0.1, its only value",
        "rate: guess 0.1 is now 0.01",
        "layers: a whole number from 1 to 5; it was 3, its only value",
        "layers: guess 3 is now 2",
    ]


def test_retired_values_of_a_number_that_is_held_are_the_ends_of_its_former_ranges():
    held = changed(layers={"min": 3, "max": 3, "guess": 3}, rate={"min": 0.1, "max": 0.1, "guess": 0.1})
    wider = changed(layers={"max": 9}, rate={"max": 0.5})
    found = retired_values(a_space(held), [a_space(OLD), a_space(wider), a_space(held)])
    assert found == {"layers": [1, 5, 9], "rate": [0.001, 1.0, 0.5]}
    assert retired_values(a_space(OLD), [a_space(wider), a_space(held)]) == {}


def test_unit_may_be_added_and_changed():
    with_unit = changed(rate={"unit": "1/s"})
    assert revise(with_unit) == ["rate: unit none is now 1/s"]
    assert revise(changed(rate={"unit": "1/min"}), old=with_unit) == ["rate: unit 1/s is now 1/min"]


COLORS = {
    "red": {"hue": 0.0, "dark": 0.5}, "green": {"hue": 120.0, "dark": 0.4}, "blue": {"hue": 240.0, "dark": 0.7},
}  # fmt: skip


def test_descriptors_may_be_added_corrected_and_dropped():
    with_descriptors = changed(color={"descriptors": COLORS})
    corrected = changed(color={"descriptors": COLORS | {"blue": {"hue": 235.0, "dark": 0.7}}})
    others = changed(color={"descriptors": {color: {"hue": own["hue"], "warm": 1.0} for color, own in COLORS.items()}})
    assert revise(with_descriptors) == ["color: options have descriptors: hue, dark"]
    assert revise(corrected, old=with_descriptors) == ["color: other descriptors of blue"]
    assert revise(others, old=with_descriptors) == [
        "color: descriptors added: warm",
        "color: descriptors dropped: dark",
    ]
    assert revise(OLD, old=with_descriptors) == ["color: options have no descriptors any more"]


def test_option_that_is_dropped_keeps_its_descriptors():
    with_descriptors = changed(color={"descriptors": COLORS})
    without_blue = changed(color={"options": ["red", "green"], "descriptors": COLORS})
    assert revise(without_blue, old=with_descriptors) == ["color: options dropped: blue"]
