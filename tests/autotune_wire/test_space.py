import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from autotune_wire.problems import field_problems
from autotune_wire.space import Covariate, Space, is_active, space_problems, units_of

COVARIATE = TypeAdapter(Covariate)


def an_int(**changes):
    return {"vtype": "int", "guess": 4, "min": 2, "max": 10, **changes}


def a_cont(**changes):
    return {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0, **changes}


def a_cat(**changes):
    return {"vtype": "cat", "guess": "red", "options": ["red", "blue"], **changes}


def a_space(**covariates):
    return TypeAdapter(Space).validate_python(covariates)


def problems_of(covariate):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(dict[str, Covariate]).validate_python({"x": covariate})
    return [(problem.field.split(".", 2)[2], problem.value) for problem in field_problems(caught.value)]


@pytest.mark.parametrize(
    ("covariate", "field", "value"),
    [
        (an_int(min=0, log=True), "min", 0),
        (a_cont(log=True), "min", 0.0),
        (an_int(log=True, step=2), "step", 2),
        (a_cont(min=0.1, log=True, step=0.1), "step", 0.1),
        (an_int(step=9), "step", 9),
        (an_int(step=0), "step", 0),
        (an_int(step=1.5), "step", 1.5),
        (an_int(step=3), "guess", 4),
        (an_int(step=True), "step", True),
        (an_int(log=1), "log", 1),
        (an_int(min=True), "min", True),
        (a_cont(step=1.5), "step", 1.5),
        (a_cont(step=0.0), "step", 0.0),
        (a_cont(step=1e-6), "step", 1e-6),
        (a_cont(step=0.3), "guess", 0.5),
        (a_cont(guess=True), "guess", True),
        (a_cat(options=[]), "options", "a list of 0"),
        (a_cat(guess=1, options=[1, 2]), "options", "1, 2"),
        (a_cat(guess=1, options=[1, "a"], ordered=True), "options", "1, a"),
        (a_cat(guess=8, options=[8, 8.0], ordered=True), "options", "a list of 2"),
        (a_cat(guess="8", options=[8, 16], ordered=True), "guess", "8"),
        (a_cat(guess=1, options=[0, 1, True], ordered=True), "options.2", True),
        (a_cat(options=["red", "x" * 201]), "options.1", "x" * 200 + "..."),
        (a_cat(guess=1.0, options=[1.0, float("nan")], ordered=True), "options.1", "nan"),
        (a_cat(ordered="yes"), "ordered", "yes"),
        (a_cat(role="boss"), "role", "boss"),
        (an_int(active_if={"covariate": "x", "values": []}), "active_if.values", "a list of 0"),
        (an_int(active_if={"covariate": "x", "values": [None]}), "active_if.values.0", None),
    ],
)
def test_covariate_names_the_wrong_field_and_its_value(covariate, field, value):
    assert [(path, repr(given)) for path, given in problems_of(covariate)] == [(field, repr(value))]


@pytest.mark.parametrize(
    "covariate",
    [
        an_int(min=4, max=4),
        an_int(min=4, max=4, step=3),
        an_int(min=4, max=4, log=True),
        a_cont(guess=4.0, min=4.0, max=4.0),
        a_cont(guess=4.0, min=4.0, max=4.0, step=0.3),
        a_cont(guess=4.0, min=4.0, max=4.0, log=True),
    ],
)
def test_number_whose_bounds_are_equal_has_one_value(covariate):
    constant = COVARIATE.validate_python(covariate)
    assert (constant.n_values, constant.value_at(0), constant.guess) == (1, 4, 4)
    assert [constant.index_near(value) for value in (-1e300, 4.0, 1e300)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("covariate", "field"),
    [
        (a_cont(guess=5.0, min=4.0, max=4.0), "guess"),
        (a_cont(guess=4.0, min=4.0, max=3.0), "min"),
        (an_int(min=5, max=4), "min"),
        (a_cont(guess=0.0, min=0.0, max=0.0, log=True), "min"),
    ],
)
def test_bounds_that_no_value_can_meet_are_refused(covariate, field):
    assert [path for path, _ in problems_of(covariate)] == [field]


@pytest.mark.parametrize(("value", "index"), [(-1.7e308, 0), (1.7e308, 10), (0.34, 3), (0.36, 4)])
def test_index_near_of_a_number_far_away_is_that_of_the_bound(value, index):
    assert COVARIATE.validate_python(a_cont(step=0.1)).index_near(value) == index


def test_options_keep_the_type_in_which_they_were_given():
    covariate = COVARIATE.validate_python(a_cat(guess=8.0, options=[8, 8.5, 16.0], ordered=True))
    assert [repr(option) for option in covariate.options] == ["8", "8.5", "16.0"]
    assert repr(covariate.guess) == "8"
    assert COVARIATE.validate_python(a_cat(guess="8", options=["8", "08"])).options == ["8", "08"]


def test_options_that_are_texts_may_be_ordered():
    assert COVARIATE.validate_python(a_cat(ordered=True)).ordered


def test_option_of_text_is_not_that_of_a_number():
    covariate = COVARIATE.validate_python(a_cat(guess=8, options=[8, 16], ordered=True))
    assert covariate.is_value(16.0)
    assert not covariate.is_value("16")
    assert repr(covariate.option_of(16.0)) == "16"


def test_int_grid_ends_below_a_max_that_no_step_reaches():
    covariate = COVARIATE.validate_python(an_int(guess=5, step=3))
    assert [covariate.value_at(index) for index in range(covariate.n_values)] == [2, 5, 8]
    assert covariate.index_near(10) == 2
    assert [value for value in range(-1, 15) if covariate.is_value(value)] == [2, 5, 8]
    assert not covariate.is_value(5.5)


def test_int_without_a_step_keeps_the_last_digit_of_large_numbers():
    covariate = COVARIATE.validate_python(an_int(guess=0, min=-(2**53), max=2**53))
    assert covariate.value_at(covariate.index_near(2**53 - 1)) == 2**53 - 1


def test_cont_grid_is_written_as_its_decimals():
    covariate = COVARIATE.validate_python(a_cont(step=0.1))
    assert [covariate.value_at(index) for index in range(covariate.n_values)] == [
        *(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    ]


def test_cont_grid_reaches_the_max_that_a_rounded_step_misses():
    covariate = COVARIATE.validate_python(a_cont(guess=0.0, max=2.0, step=0.6666666666666667))
    assert covariate.n_values == 4
    assert covariate.value_at(3) == 2.0


def test_guess_next_to_a_grid_value_becomes_that_value():
    assert COVARIATE.validate_python(a_cont(guess=0.1 + 0.2, step=0.1)).guess == 0.3


@given(st.integers(-1000, 1000), st.integers(1, 50), st.integers(1, 200), st.integers(0, 10**6))
def test_index_near_finds_every_value_of_a_cont_grid(low, step, n_steps, where):
    # Bounds and steps in hundredths, as a person writes them.
    low, step = low / 100, step / 100
    index = where % (n_steps + 1)
    covariate = COVARIATE.validate_python(
        {"vtype": "cont", "guess": low, "min": low, "max": low + n_steps * step, "step": step}
    )
    assert covariate.n_values == n_steps + 1
    assert covariate.index_near(covariate.value_at(index)) == index
    assert covariate.value_at(index) == pytest.approx(low + index * step, abs=1e-9)


BASE = {"optimizer": a_cat(guess="sgd", options=["sgd", "adam"]), "layers": an_int()}


@pytest.mark.parametrize(
    ("covariates", "fields"),
    [
        ({"x": a_cont(active_if={"covariate": "optimizer", "values": ["sgd"]})}, []),
        ({"x": a_cont(active_if={"covariate": "layers", "values": [2, 3.0]})}, []),
        ({"x": a_cont(active_if={"covariate": "layers", "values": [11]})}, ["covars.x.active_if.values"]),
        ({"x": a_cont(active_if={"covariate": "optimizer", "values": ["rms"]})}, ["covars.x.active_if.values"]),
        ({"x": a_cont(active_if={"covariate": "y", "values": [1]})}, ["covars.x.active_if.covariate"]),
        ({"x": a_cat(active_if={"covariate": "x", "values": ["red"]})}, ["covars.x.active_if.covariate"]),
        ({"x": an_int(active_if={"covariate": "w", "values": [1]}), "w": a_cont()}, ["covars.x.active_if.covariate"]),
        (
            {
                "x": a_cat(active_if={"covariate": "layers", "values": [2]}),
                "y": a_cont(active_if={"covariate": "x", "values": ["red"]}),
            },
            ["covars.y.active_if.covariate"],
        ),
        ({"x": a_cat(role="context"), "y": a_cont(role="context")}, []),
        ({"x": an_int(role="fidelity")}, []),
        ({"x": a_cat(role="fidelity")}, ["covars.x.role"]),
        ({"x": an_int(role="fidelity", log=True)}, ["covars.x.role"]),
        ({"x": an_int(role="fidelity"), "y": a_cont(role="fidelity")}, ["covars.y.role"]),
        (
            {"x": a_cont(role="context", active_if={"covariate": "optimizer", "values": ["sgd"]})},
            ["covars.x.active_if"],
        ),
    ],
)
def test_space_problems_names_what_does_not_go_together(covariates, fields):
    assert [problem.field for problem in space_problems(a_space(**BASE, **covariates))] == fields


def test_space_needs_something_to_choose():
    assert [p.field for p in space_problems(a_space(x=an_int(role="context"), y=a_cont(role="fidelity")))] == ["covars"]


def test_is_active_follows_the_value_of_the_parent():
    space = a_space(**BASE, x=a_cont(active_if={"covariate": "layers", "values": [2, 3]}))
    assert is_active(space, "x", {"layers": 3.0})
    assert not is_active(space, "x", {"layers": 4})
    assert not is_active(space, "x", {})
    assert is_active(space, "layers", {})


def test_unit_is_kept_and_left_out_where_there_is_none():
    space = a_space(x=an_int(unit="°C"), y=an_int())
    assert units_of(space) == {"x": "°C"}
    assert ["unit" in COVARIATE.dump_python(covariate) for covariate in space.values()] == [True, False]


@pytest.mark.parametrize("unit", ["", " ", "u" * 31, "\x00", 5])
def test_unit_that_cannot_be_shown_is_refused(unit):
    assert problems_of(a_cat(unit=unit))[0][0] == "unit"


SOLVENTS = {"DMAc": {"polarity": 37.8, "bp": 165}, "BuCN": {"polarity": 24.8, "bp": 117.6}}


def a_solvent(**more):
    return a_cat(**{"options": [*SOLVENTS], "guess": "DMAc", "descriptors": SOLVENTS} | more)


def test_descriptors_are_kept_in_one_order_and_left_out_where_there_are_none():
    turned = SOLVENTS | {"BuCN": {"bp": 117.6, "polarity": 24.8}}
    space = a_space(x=a_solvent(descriptors=turned), y=a_cat())
    dumped = [COVARIATE.dump_python(covariate) for covariate in space.values()]
    assert ["descriptors" in one for one in dumped] == [True, False]
    assert dumped[0]["descriptors"] == SOLVENTS
    assert [*dumped[0]["descriptors"]["BuCN"]] == ["polarity", "bp"]


def test_descriptors_of_options_that_were_dropped_may_stay():
    space = a_space(x=a_solvent(descriptors=SOLVENTS | {"water": {"polarity": 78.4, "bp": 100}}))
    assert [*space["x"].descriptors] == ["DMAc", "BuCN", "water"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"descriptors": {"DMAc": SOLVENTS["DMAc"]}}, "every option must have descriptors; those without: BuCN"),
        ({"descriptors": {}}, "every option must have descriptors; those without: DMAc, BuCN"),
        ({"descriptors": {"DMAc": {}, "BuCN": {}}}, "every option must have 1 to 50 descriptors, not 0"),
        (
            {"descriptors": {option: {f"d{k}": k for k in range(51)} for option in SOLVENTS}},
            "every option must have 1 to 50 descriptors, not 51",
        ),
        (
            {"descriptors": SOLVENTS | {"BuCN": {"polarity": 24.8, "mass": 83}}},
            "all options must have the same descriptors; BuCN and DMAc differ in bp, mass",
        ),
        (
            {"descriptors": SOLVENTS | {"water": {"polarity": 78.4}}},
            "all options must have the same descriptors; water and DMAc differ in bp",
        ),
        ({"ordered": True}, "options that are steps of a scale have none: leave ordered or descriptors out"),
    ],
)
def test_descriptors_that_do_not_describe_the_options_are_refused(more, message):
    with pytest.raises(ValidationError) as caught:
        a_space(x=a_solvent(**more))
    (problem,) = field_problems(caught.value)
    assert problem.field.endswith("descriptors")
    assert problem.message == message


@pytest.mark.parametrize("value", ["37.8", True, None, float("nan"), float("inf")])
def test_descriptor_that_is_no_number_is_refused(value):
    field, _ = problems_of(a_solvent(descriptors=SOLVENTS | {"BuCN": {"polarity": value, "bp": 1}}))[0]
    assert field == "descriptors.BuCN.polarity"
