import numpy as np
import pytest
from scipy.stats import expon, geom, loguniform, randint, uniform
from sklearn.svm import SVC

from autotune.errors import InvalidInputError
from autotune.inputs.descriptions import new_experiment
from autotune.neighbours.param_space import ParamSpace


def _space(distributions, **current):
    space = ParamSpace(distributions, current)
    new_experiment("n", space.covars, responses=None, constraints=())  # what the service would refuse is refused here
    return space


@pytest.mark.parametrize(
    ("distribution", "covariate"),
    [
        (uniform(1, 4), {"vtype": "cont", "min": 1.0, "max": 5.0}),
        (loguniform(0.01, 100), {"vtype": "cont", "min": 0.01, "max": 100.0, "log": True}),
        (randint(2, 9), {"vtype": "int", "min": 2, "max": 8}),
        # 0.1 % and 99.9 % of 1 - exp(-x / 2), and of 1 - 0.5 ** k
        (expon(scale=2), {"vtype": "cont", "min": -2 * np.log(0.999), "max": -2 * np.log(0.001)}),
        (geom(0.5), {"vtype": "int", "min": 1, "max": 10}),
        ([10, 1, 100], {"vtype": "cat", "options": [1, 10, 100], "ordered": True}),
        (np.array([0.5, 0.25]), {"vtype": "cat", "options": [0.25, 0.5], "ordered": True}),
        (("a", "b"), {"vtype": "cat", "options": ["a", "b"]}),
        ([True, False], {"vtype": "cat", "options": ["True", "False"]}),
        ([None, "balanced"], {"vtype": "cat", "options": ["None", "balanced"]}),
        (["1", 1], {"vtype": "cat", "options": ["1", "1 (1)"]}),
    ],
)
def test_distribution_becomes_a_covariate(distribution, covariate):
    found = _space({"p": distribution}).covars["p"]
    del found["guess"]
    assert found == pytest.approx(covariate) if "min" in found else found == covariate


@pytest.mark.parametrize(
    "values", [[None, "balanced"], [True, False], [SVC(), None], [1, 2.5], [(1, 2), (1,)], ["1", 1]]
)
def test_option_stands_for_the_value_behind_it(values):
    space = _space({"p": values})
    options = space.covars["p"]["options"]
    assert {id(space.params_of({"p": option})["p"]) for option in options} == {id(value) for value in values}


def test_option_is_found_by_its_value_and_type():
    space = _space({"p": [1, True, None]})
    assert [space.covars_of({"p": value})["p"] for value in (1, True, None)] == ["1", "True", "None"]
    with pytest.raises(KeyError, match=r"1\.0 is no option of p"):
        space.covars_of({"p": 1.0})


@pytest.mark.parametrize(
    ("distribution", "own", "guess"),
    [
        (uniform(0, 4), 3.5, 3.5),
        (uniform(0, 4), np.float64(3.5), 3.5),
        (uniform(0, 4), 9.0, 2.0),
        (uniform(0, 4), "scale", 2.0),
        (randint(0, 5), 3, 3),
        (randint(0, 5), 3.5, 2),
        ([1, 10], 10, 10),
        ([None, "balanced"], None, "None"),
        ([None, "balanced"], "other", "None"),
    ],
)
def test_the_estimator_s_own_value_is_tried_first_where_it_can_be(distribution, own, guess):
    assert _space({"p": distribution}, p=own).covars["p"]["guess"] == guess


def test_single_value_is_no_covariate():
    space = _space({"p": ["only"], "q": [1, 2]})
    assert list(space.covars) == ["q"]
    assert space.params_of({"q": 2}) == {"p": "only", "q": 2}


def test_of_several_dicts_one_is_active():
    space = _space([{"kernel": ["linear"]}, {"kernel": ["rbf", "poly"], "gamma": loguniform(0.1, 1)}])
    assert list(space.covars) == ["param_distributions", "kernel [1]", "gamma [1]"]
    assert space.params_of({"param_distributions": "0"}) == {"kernel": "linear"}
    chosen = {"param_distributions": "1", "kernel [1]": "poly", "gamma [1]": 0.5}
    assert space.params_of(chosen) == {"kernel": "poly", "gamma": 0.5}


@pytest.mark.parametrize("values", [3.0, "rbf", [], {"a": 1}, None])
def test_what_is_neither_a_distribution_nor_a_list_is_refused(values):
    with pytest.raises(InvalidInputError, match="param_distributions: the values of p: give a distribution"):
        ParamSpace({"p": values}, {})
