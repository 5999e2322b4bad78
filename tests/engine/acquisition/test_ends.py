"""The ends of the front: now and then the improvement of one objective alone decides what to try next."""

from itertools import product

import numpy as np
import pytest
from pydantic import TypeAdapter

from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.suggest import suggest
from autotune_wire.responses import Response
from generated import fitted_to, responses_of, space_of

SPACE = space_of(
    {
        "x": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0},
        "y": {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0},
    }
)
TWO = responses_of(gain="maximize", cost="minimize")
TARGET = TypeAdapter(dict[str, Response]).validate_python({"third": {"goal": "match", "target": 0.3}})
THAT_END = "to find that end of the front"


def measured(covars):
    """Gain is best at x = 0.2, cost at x = 0.8, both at y = 0.3; third at y = 0.9."""
    x, y = covars["x"], covars["y"]
    return {
        "gain": 100 - 100 * ((x - 0.2) ** 2 + (y - 0.3) ** 2),
        "cost": (x - 0.8) ** 2 + (y - 0.3) ** 2,
        "third": (x - 0.5) ** 2 + (y - 0.9) ** 2,
    }


def runs_of(n, names=TWO, seed=2):
    rows = np.random.default_rng(seed).random((n, 2))
    drawn = [{"x": float(x), "y": float(y)} for x, y in rows]
    return [Run(one, {name: measured(one)[name] for name in names}) for one in drawn]


def asked(n_runs, responses=TWO, **changes):
    return EngineInput(SPACE, responses, runs_of(n_runs, responses), 1, **changes)


def objective_alone(suggestion):
    """Return the objective that the reason names, None if the front as a whole decided."""
    if THAT_END not in suggestion.reason:
        assert suggestion.acquisition_kind == "expected_hypervolume_improvement"
        assert "the highest expected hypervolume improvement," in suggestion.reason
        return None
    assert suggestion.acquisition_kind == "expected_improvement"
    return suggestion.reason.removeprefix("the highest expected improvement of ").partition(" alone")[0]


def first_turn_of(name, responses=TWO, **changes):
    """Return the input of the first ask at which this objective alone decides, and the suggestion."""
    for n in range(8, 40):
        given = asked(n, responses, **changes)
        (found,) = suggest(given)
        if objective_alone(found) == name:
            return given, found
    raise AssertionError(f"no turn of {name}")


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_every_end_has_its_turns_and_the_front_has_most(stride):
    names = [objective_alone(suggest(asked(n))[0]) for n in range(6, 6 + 18 * stride, stride)]
    assert 2 <= names.count("gain") <= 5
    assert 2 <= names.count("cost") <= 5
    assert names.count(None) >= 9


def test_each_of_three_objectives_has_its_turns():
    three = responses_of(gain="maximize", cost="minimize", third="minimize")
    assert {objective_alone(one) for one in suggest(asked(8, three, n=18))} == {None, "gain", "cost", "third"}


@pytest.mark.parametrize(("name", "place"), [("gain", 0.2), ("cost", 0.8)])
def test_end_is_where_its_objective_is_best(name, place):
    _, found = first_turn_of(name)
    assert [found.covars["x"], found.covars["y"]] == pytest.approx([place, 0.3], abs=0.15)


def test_end_of_an_objective_to_match_is_its_target():
    given = responses_of(gain="maximize") | TARGET
    _, found = first_turn_of("third", given)
    assert measured(found.covars)["third"] == pytest.approx(0.3, abs=0.02)


def test_value_at_an_end_is_the_expected_improvement_in_that_objectives_unit():
    given, found = first_turn_of("gain")
    model, encoding = fitted_to(given)["gain"], Encoding(SPACE)
    best = model.process.expect(encoding.encode([run.covars for run in given.runs])).max()
    mean, variance = model.process.predict(encoding.encode([found.covars]))
    drawn = np.random.default_rng(1).normal(mean, np.sqrt(variance), 400_000)
    gain = np.maximum(drawn - best, 0.0).mean() * model.scale.spread * model.scale.unit
    assert found.acquisition == pytest.approx(gain, rel=0.02)  # the standard error of 400,000 draws is 0.3 %


def test_end_is_looked_for_only_where_the_other_objectives_are_of_interest():
    """With the whole front of interest the gain is best at x = 0.2, where the cost is 0.36."""
    told = responses_of(gain="maximize", cost="minimize")
    told["cost"] = told["cost"].model_copy(update={"reference": 0.1})
    _, found = first_turn_of("gain", told)
    assert measured(found.covars)["cost"] < 0.15
    assert found.covars["x"] < 0.7  # yet on that side of the least cost where the gain is


def test_end_of_a_region_is_in_the_region():
    _, found = first_turn_of("gain", fixed={"y": 0.8})
    assert found.covars["y"] == 0.8
    assert found.covars["x"] < 0.4


OPTIONS = space_of(
    {
        "a": {"vtype": "cat", "guess": "a0", "options": [f"a{i}" for i in range(10)]},
        "b": {"vtype": "cat", "guess": "b0", "options": [f"b{i}" for i in range(8)]},
        "c": {"vtype": "cat", "guess": "c0", "options": [f"c{i}" for i in range(6)]},
    }
)


def table(seed):
    """Draw a gain that depends on pairs of options, and a cost that is a sum over options: the better the dearer."""
    rng, sizes = np.random.default_rng(seed), (10, 8, 6)
    mains = [rng.normal(size=size) for size in sizes]
    pairs = [0.6 * rng.normal(size=(sizes[i], sizes[j])) for i, j in ((0, 1), (1, 2))]
    prices = [np.exp(0.8 * main + 0.6 * rng.normal(size=len(main))) for main in mains]
    found = {}
    for a, b, c in product(*map(range, sizes)):
        gain = mains[0][a] + mains[1][b] + mains[2][c] + pairs[0][a, b] + pairs[1][b, c]
        found[f"a{a}", f"b{b}", f"c{c}"] = float(gain), float(prices[0][a] + prices[1][b] + prices[2][c])
    return found


def best_gain(seed, n=40):
    """Return the best gain after n runs, as a share of the table's range."""
    values, runs = table(seed), []
    while len(runs) < n:
        covars = suggest(EngineInput(OPTIONS, TWO, list(runs), seed))[0].covars
        gain, cost = values[covars["a"], covars["b"], covars["c"]]
        runs.append(Run(covars, {"gain": gain, "cost": cost}))
    gains = [gain for gain, _ in values.values()]
    return (max(run.responses["gain"] for run in runs) - min(gains)) / (max(gains) - min(gains))


@pytest.mark.parametrize("seed", [4, 5])
def test_dear_end_of_a_table_is_found(seed):
    """By the front as a whole alone the best gain was 0.86 and 0.87 of the range."""
    assert best_gain(seed) > 0.95


def test_ends_are_not_looked_for_where_all_runs_failed():
    rng, values = np.random.default_rng(3), table(0)
    drawn = [dict(zip("abc", list(values)[k], strict=True)) for k in rng.permutation(len(values))[:60]]
    runs = [
        Run(one, is_failed=True)
        if one["a"] in {"a0", "a1", "a2"}
        else Run(one, dict(zip(TWO, values[tuple(one.values())], strict=True)))
        for one in drawn
    ]
    batch = suggest(EngineInput(OPTIONS, TWO, runs, 1, n=12))
    assert {"gain", "cost"} <= {objective_alone(one) for one in batch}
    assert not {one.covars["a"] for one in batch} & {"a0", "a1", "a2"}
