import pytest
from pydantic import TypeAdapter

from autotune_service.domain.learning import learning_problems
from autotune_service.domain.revision import retired_values
from autotune_wire.space import Space

SPACE: TypeAdapter[Space] = TypeAdapter(Space)
T = {"vtype": "cont", "guess": 50.0, "min": 40.0, "max": 120.0}
BASE = {"vtype": "cat", "guess": "KOH", "options": ["KOH", "NaOH"]}
NEW = SPACE.validate_python({"t": {**T, "unit": "°C"}, "base": BASE})


def found(earlier, responses=("yield",)):
    space = SPACE.validate_python(earlier)
    return [problem.message for problem in learning_problems("learn_from.0", NEW, ["yield"], space, responses)]


def test_other_ranges_options_and_covariates_are_no_problem():
    wide = {"t": {**T, "vtype": "int", "guess": 5, "min": 0, "max": 9}, "base": {**BASE, "options": ["KOH", "Et3N"]}}
    assert found({**wide, "more": T}, ["cost", "yield"]) == []


@pytest.mark.parametrize(
    ("earlier", "responses", "says"),
    [
        ({"t": T}, ["yield"], "has no covariate base"),
        ({"t": T, "base": T}, ["yield"], "has base as a number, and the new experiment as options"),
        ({"t": BASE, "base": BASE}, ["yield"], "has t as options, and the new experiment as a number"),
        ({"t": {**T, "unit": "K"}, "base": BASE}, ["yield"], "has t in K, and the new experiment in °C: values are"),
        ({"t": T, "base": BASE}, ["cost"], "measures none of the new experiment's responses, yield; its own are cost"),
    ],
)
def test_what_keeps_from_learning_is_said(earlier, responses, says):
    [message] = found(earlier, responses)
    assert message.startswith(says)


def test_values_of_runs_from_elsewhere_that_the_space_lacks_are_listed_once():
    fixed = SPACE.validate_python({"t": {**T, "min": 50.0, "max": 50.0}, "base": BASE})
    met = [{"t": t, "base": base} for t, base in ((50.0, "KOH"), (30.0, "Et3N"), (90, "Et3N"), (60.0, "DBU"))]
    assert retired_values(fixed, [], met) == {"t": [30.0, 90.0], "base": ["Et3N", "DBU"]}
    assert retired_values(NEW, [], met) == {"base": ["Et3N", "DBU"]}
    former = SPACE.validate_python({"t": T, "base": {**BASE, "options": ["KOH", "NaOH", "DBU"]}})
    assert retired_values(NEW, [former], met) == {"base": ["DBU", "Et3N"]}
