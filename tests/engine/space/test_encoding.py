import numpy as np
import pytest

from autotune_service.engine.space.encoding import Encoding
from generated import space_of


def encoding_of(**covars):
    return Encoding(space_of(covars))


INT = {"vtype": "int", "guess": 1, "min": -1, "max": 3}
CONT = {"vtype": "cont", "guess": 1.0, "min": 0.0, "max": 8.0}
CAT = {"vtype": "cat", "guess": "a", "options": ["a", "b", "c"]}


def test_encode_scales_numbers_and_codes_options():
    encoding = encoding_of(n=INT, c=CAT, x=CONT)
    assert encoding.encode([{"n": 0, "c": "c", "x": 2.0}]).tolist() == [[0.25, 2.0, 0.25]]
    assert encoding.is_code.tolist() == [False, True, False]


def test_equal_ratios_are_equal_distances_with_log():
    encoding = encoding_of(x={"vtype": "cont", "log": True, "guess": 1.0, "min": 0.01, "max": 100.0})
    places = encoding.encode([{"x": x} for x in (0.01, 0.1, 1.0, 10.0, 100.0)])[:, 0]
    np.testing.assert_allclose(places, [0.0, 0.25, 0.5, 0.75, 1.0], atol=1e-15)


def test_ordered_options_are_steps_of_a_scale():
    encoding = encoding_of(
        c=CAT | {"ordered": True}, m={"vtype": "cat", "guess": 8, "ordered": True, "options": [8, 64]}
    )
    assert encoding.encode([{"c": "b", "m": 64}]).tolist() == [[0.5, 1.0]]
    assert not encoding.is_code.any()


def test_step_of_a_tenth_comes_back_as_the_decimal_it_is_written_as():
    encoding = encoding_of(x={"vtype": "cont", "guess": 0.0, "min": 0.0, "max": 1.0, "step": 0.1})
    assert [encoding.decode(np.array([place]))["x"] for place in (0.3, 0.34, 0.69)] == [0.3, 0.3, 0.7]


def test_decode_keeps_the_bounds():
    encoding = encoding_of(n=INT, x=CONT)
    assert encoding.decode(np.array([-0.5, 1.5])) == {"n": -1, "x": 8.0}


def test_each_setting_gets_the_same_share_of_the_cube():
    encoding = encoding_of(n={"vtype": "int", "guess": 0, "min": 0, "max": 3})
    rows = encoding.from_unit(np.array([[0.0], [0.24], [0.26], [0.51], [0.99]]))
    assert [encoding.decode(row)["n"] for row in rows] == [0, 0, 1, 2, 3]


def test_all_rows_are_the_whole_space():
    encoding = encoding_of(n=INT, c=CAT)
    rows = encoding.all_rows([0, 1], np.zeros(2))
    assert len(set(encoding.keys(rows))) == len(rows) == encoding.n_configurations == 15


def test_all_rows_without_anything_free_are_the_one():
    assert encoding_of(n=INT, c=CAT).all_rows([], np.array([0.25, 2.0])).tolist() == [[0.25, 2.0]]


def test_space_with_a_continuum_cannot_be_counted():
    assert encoding_of(n=INT, x=CONT).n_configurations is None


def test_configurations_that_differ_only_where_nothing_counts_are_the_same():
    encoding = encoding_of(c=CAT, x=CONT | {"active_if": {"covariate": "c", "values": ["b"]}})
    assert encoding.encode([{"c": "a"}])[0].tolist() == [0.0, 0.125]  # the guess's place
    rows = encoding.snap(np.array([[0.0, 0.7], [1.0, 0.7]]))
    assert rows[:, 1].tolist() == [0.125, 0.7]
    assert [encoding.decode(row) for row in rows] == [{"c": "a"}, {"c": "b", "x": pytest.approx(5.6)}]
    assert len(encoding.all_rows([0], np.array([0.0, 0.7]))) == 3


def test_retired_options_have_codes_but_nothing_becomes_one():
    encoding = Encoding(space_of({"c": CAT}), {"c": ["gone", "lost"]})
    assert encoding.encode([{"c": "gone"}, {"c": "lost"}]).tolist() == [[3.0], [4.0]]
    assert encoding.decode(np.array([4.0])) == {"c": "c"}
    assert {encoding.decode(row)["c"] for row in encoding.all_rows([0], np.zeros(1))} == {"a", "b", "c"}


def test_values_of_a_wider_former_space_lie_outside_the_cube():
    encoding = encoding_of(x=CONT)
    assert encoding.encode([{"x": 16.0}, {"x": -8.0}]).tolist() == [[2.0], [-1.0]]


def test_numbers_a_millionth_of_the_range_apart_are_two_settings():
    encoding = encoding_of(x=CONT)
    assert encoding.key({"x": 1.0}) == encoding.key({"x": 1.0 + 1e-9})
    assert encoding.key({"x": 1.0}) != encoding.key({"x": 1.0 + 3e-5})


def test_range_too_narrow_for_logarithms_is_linear():
    encoding = encoding_of(n={"vtype": "int", "log": True, "guess": 2**52, "min": 2**52, "max": 2**52 + 4})
    assert encoding.encode([{"n": 2**52 + 1}])[0, 0] == 0.25
    assert encoding.decode(np.array([0.75])) == {"n": 2**52 + 3}


@pytest.mark.parametrize(
    "number",
    [
        {"vtype": "int", "min": -50, "max": 5000},
        {"vtype": "int", "min": -7, "max": 1000, "step": 3},
        {"vtype": "int", "min": 1, "max": 1000, "log": True},
        {"vtype": "int", "min": 0, "max": 20},
        {"vtype": "cont", "min": 0.0, "max": 1.0, "step": 0.001},
    ],
)
def test_snapped_places_are_those_of_the_nearest_settings_one_by_one(number):
    encoding = encoding_of(n=number | {"guess": number["min"]})
    places = np.concatenate([np.random.default_rng(0).random(500), [-0.5, 0.0, 1.0, 1.5]])
    one_by_one = [encoding.encode([encoding.decode(np.array([place]))])[0, 0] for place in places]
    np.testing.assert_array_equal(encoding.snap(places[:, None])[:, 0], one_by_one)


def test_numbers_of_many_settings_in_all_are_no_grid_each():
    number = {"vtype": "int", "guess": 0, "min": 0, "max": 100}
    assert encoding_of(a=number, b=number).columns[0].is_grid
    assert not any(column.is_grid for column in encoding_of(a=number, b=number, c=number).columns)
    small = number | {"max": 15}
    assert encoding_of(a=number, b=number, c=number, d=small).columns[3].is_grid
