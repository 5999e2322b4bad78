"""Spaces as other libraries and tables hold them: scikit-learn's, Optuna's and those of past runs."""

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy import stats

from autotune.errors import InvalidInputError
from autotune.inputs.distributions import covariate_of_distribution


@pytest.mark.parametrize(
    ("given", "covariate"),
    [
        (stats.uniform(1, 4), {"vtype": "cont", "min": 1, "max": 5, "guess": 3}),
        (stats.loguniform(1e-3, 1e3), {"vtype": "cont", "min": 1e-3, "max": 1e3, "log": True, "guess": 1}),
        (stats.reciprocal(1, 100), {"vtype": "cont", "min": 1, "max": 100, "log": True, "guess": 10}),
        (stats.randint(1, 10), {"vtype": "int", "min": 1, "max": 9, "guess": 5}),
        (["rbf", "poly"], {"vtype": "cat", "options": ["rbf", "poly"], "guess": "rbf"}),
        (np.array([30, 10]), {"vtype": "cat", "options": [10, 30], "ordered": True, "guess": 10}),
        ((0.1, 1), {"vtype": "cat", "options": [0.1, 1], "ordered": True, "guess": 0.1}),
        (
            FloatDistribution(1e-5, 1e-1, log=True),
            {"vtype": "cont", "min": 1e-5, "max": 0.1, "log": True, "guess": 1e-3},
        ),
        (FloatDistribution(0, 1, step=0.25), {"vtype": "cont", "min": 0, "max": 1, "step": 0.25, "guess": 0.5}),
        (IntDistribution(1, 9, step=2), {"vtype": "int", "min": 1, "max": 9, "step": 2, "guess": 5}),
        (IntDistribution(1, 9), {"vtype": "int", "min": 1, "max": 9, "guess": 5}),
        (IntDistribution(1, 100, log=True), {"vtype": "int", "min": 1, "max": 100, "log": True, "guess": 10}),
        (CategoricalDistribution(["a", "b"]), {"vtype": "cat", "options": ["a", "b"], "guess": "a"}),
        ({"vtype": "int"}, None),
    ],
)
def test_distribution_and_list_describe_a_covariate(given, covariate):
    assert covariate_of_distribution(given) == covariate


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (stats.norm(), "covars.x: is the distribution norm, which has no bounds"),
        (stats.beta(2, 3), "is the distribution beta; give uniform, loguniform or randint over its range, 0 to 1"),
        ([True, False], "all texts or all numbers; give None, True and others as texts"),
        (CategoricalDistribution([None, 1]), "all texts or all numbers"),
        ([], "all texts or all numbers"),
    ],
)
def test_distribution_that_cannot_be_searched_is_refused(client, given, message):
    with pytest.raises(InvalidInputError, match=message):
        client.new("forest", {"x": given})


RUNS = pd.DataFrame(
    {
        "id": [1, 2, 3], "t": [40, 60, 100], "p": [0.5, None, 2.0], "base": ["KOH", "KOH", "NaOH"],
        "yield": [0.1, 0.4, None], "yield sd": [0.1, 0.1, None], "status": ["ok", "ok", "failed"],
    }
)  # fmt: skip


def test_columns_of_past_runs_become_covariates(client):
    made = client.new("reaction", RUNS, responses={"yield": "maximize"})
    assert {name: covariate.model_dump(exclude_unset=True) for name, covariate in made.covars.items()} == {
        "t": {"vtype": "int", "min": 40, "max": 100, "guess": 70},
        "p": {"vtype": "cont", "min": 0.5, "max": 2.0, "guess": 1.25},
        "base": {"vtype": "cat", "options": ["KOH", "NaOH"], "guess": "KOH"},
    }


@pytest.mark.parametrize(
    ("runs", "responses", "message"),
    [
        (RUNS, None, "the DataFrame has no column 'Response': name the columns that are responses, as by --max COLUMN"),
        (RUNS, {"cost": "minimize"}, "no column 'cost'"),
        (
            RUNS.assign(t=[True, False, True]),
            {"yield": "maximize"},
            "the column 't' that are neither numbers nor texts",
        ),
        (RUNS.assign(t=None), {"yield": "maximize"}, "no value in the column 't'"),
    ],
)
def test_past_runs_that_describe_no_space_are_refused(client, runs, responses, message):
    with pytest.raises(InvalidInputError, match=message):
        client.new("reaction", runs, responses=responses)
