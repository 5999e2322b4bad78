"""What users list is looked up in sets: the number of comparisons grows with what was sent, not with its square."""

from typing import Any

import pytest

from autotune_service.domain.configuration import checked_run
from autotune_service.domain.revision import retired_values, revised
from autotune_wire import told_tables
from autotune_wire.constraints import ForbiddenCombination, constraint_problems
from autotune_wire.experiments import NewExperiment, SpaceEdit
from autotune_wire.names import name_problems
from autotune_wire.problems import MAX_PROBLEMS, field_problems
from autotune_wire.space import CatCovariate, Condition, ContCovariate, is_active, listed, space_problems
from autotune_wire.told_cells import Options

N = 500
PER_VALUE = 8
"""Comparisons for each value: a set needs one and a few for values that share a place in it; a list needs half of N."""


class Counted(str):
    """A text that counts how often it is compared."""

    n = 0
    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        Counted.n += 1
        return str.__eq__(self, other)


def texts(prefix="o"):
    """Texts that are equal to those of another call and not the same, as those of two bodies are."""
    return [Counted(f"{prefix}{k}") for k in range(N)]


def choice(options=None, **fields):
    options = texts() if options is None else options
    made = {"vtype": "cat", "guess": options[0], "options": options, "role": "design", "unit": None, "ordered": False}
    return CatCovariate.model_construct(**made | {"active_if": None} | fields)


def on_condition():
    condition = Condition.model_construct(covariate="c", values=texts())
    child = ContCovariate(vtype="cont", guess=0, min=0, max=1)
    child.active_if = condition
    return {"c": choice(), "x": child}


def forbidden():
    return ForbiddenCombination.model_construct(ctype="forbidden", combination={"c": texts()})


def edited(options):
    edit = SpaceEdit.model_construct(covars={"c": choice(options)}, constraints=None, backfill={})
    return revised({"c": choice()}, edit)


def for_each(check):
    return [check(one) for one in texts()]


def run_for_each(check, *made):
    return for_each(lambda one: check(*made, {"c": one}))


LOOKUPS = {
    "values of a covariate": lambda: for_each(choice().is_value),
    "options by value": lambda: for_each(choice().option_of),
    "runs in a space": lambda: run_for_each(checked_run, {"c": choice()}),
    "conditions of runs": lambda: run_for_each(is_active, on_condition(), "x"),
    "conditions of a space": lambda: space_problems(on_condition()),
    "forbidden combinations of runs": lambda: run_for_each(forbidden().holds),
    "forbidden combinations of a space": lambda: constraint_problems({"c": choice()}, [forbidden()]),
    "options in another order": lambda: edited(texts()[::-1]),
    "options all new": lambda: edited(texts("p")),
    "options withdrawn": lambda: retired_values({"c": choice(texts("p"))}, [{"c": choice()}, {"c": choice()}]),
}


@pytest.mark.parametrize("what", LOOKUPS)
def test_comparisons_grow_with_what_is_looked_up(what):
    Counted.n = 0
    LOOKUPS[what]()
    assert Counted.n <= PER_VALUE * N


def test_options_of_a_covariate_are_read_once_for_all_rows_of_a_table(monkeypatch):
    made = []
    monkeypatch.setattr("autotune_wire.told_cells.Options", lambda one: made.append(one) or Options(one))
    space = {name: CatCovariate(vtype="cat", guess="1", options=["1", "2"]) for name in "ab"}
    rows = [{"a": 1, "b": 2}] * 50
    told = told_tables.table_records(rows, [{"y": 1.0}] * 50, ["y"], space)
    assert told[49]["covars"] == {"a": "1", "b": "2"}
    assert len(made) == 2


def test_list_in_a_message_is_read_no_further_than_it_is_shown():
    class Seen(str):
        n = 0
        __slots__ = ()

        def __str__(self):
            Seen.n += 1
            return "x"

    assert listed([Seen()] * 100_000).endswith("...")
    assert Seen.n < 300


def test_problems_of_names_are_no_more_than_are_told():
    options = [f"\u202a{k}" for k in range(1000)]
    space = {f"c{k}": CatCovariate(vtype="cat", guess=options[0], options=options) for k in range(20)}
    assert len(name_problems(space, {})) == MAX_PROBLEMS


FAN: dict[str, Any] = {"vtype": "cont", "guess": 0, "min": 0, "max": 1}
COVARS = {
    "oven": {"vtype": "cat", "guess": "a", "options": ["a", "b"]},
    "fan": FAN,
}
TWICE = {"covariate": "oven", "values": ["a", "a"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"covars": {"oven": COVARS["oven"], "fan": FAN | {"active_if": TWICE}}}, "covars.fan.active_if.values"),
        (
            {"covars": COVARS, "constraints": [{"ctype": "forbidden", "combination": {"oven": ["b", "b"]}}]},
            "constraints.0.combination.oven",
        ),
    ],
)
def test_value_that_is_given_twice_is_refused_in_a_new_experiment(body, field):
    with pytest.raises(ValueError, match="listed more than once") as caught:
        NewExperiment.model_validate({"name": "x", **body})
    assert [problem.field for problem in field_problems(caught.value)] == [field]
