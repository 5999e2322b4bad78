import pytest
from pydantic import TypeAdapter

from autotune.widgets.samples import draw_samples
from autotune_wire.constraints import Constraint
from autotune_wire.space import Space

_SPACE: TypeAdapter[Space] = TypeAdapter(Space)
_CONSTRAINTS: TypeAdapter[list[Constraint]] = TypeAdapter(list[Constraint])


def _cont(low, high, **more):
    return {"vtype": "cont", "guess": low, "min": low, "max": high, **more}


def test_samples_keep_to_steps_options_and_whole_numbers():
    space = _SPACE.validate_python(
        {
            "a": _cont(0.0, 1.0, step=0.25),
            "b": {"vtype": "int", "guess": 3, "min": 3, "max": 9, "step": 3},
            "c": {"vtype": "cat", "guess": "x", "options": ["x", "y"]},
        }
    )
    samples = draw_samples(space, [], 200)
    assert {sample["a"] for sample in samples} == {0.0, 0.25, 0.5, 0.75, 1.0}
    assert {sample["b"] for sample in samples} == {3, 6, 9}
    assert {sample["c"] for sample in samples} == {"x", "y"}


def test_samples_on_a_logarithmic_scale_are_alike_in_each_decade():
    samples = draw_samples(_SPACE.validate_python({"a": _cont(1e-4, 1.0, log=True)}), [], 1000)
    low = sum(sample["a"] < 1e-2 for sample in samples)
    assert 430 < low < 570  # half of 1000, by more than four standard deviations of 16


@pytest.mark.parametrize("relation", ["<=", "=="])
def test_samples_meet_the_constraints(relation):
    space = _SPACE.validate_python({name: _cont(0.0, 1.0) for name in "abc"})
    total = {"ctype": "linear", "weights": dict.fromkeys("abc", 1.0), "relation": relation, "bound": 1.0}
    constraints = _CONSTRAINTS.validate_python([total])
    samples = draw_samples(space, constraints, 10)
    assert len(samples) == 10
    assert all(constraints[0].holds(sample) for sample in samples)


def test_samples_lack_what_is_not_active():
    space = _SPACE.validate_python(
        {
            "kind": {"vtype": "cat", "guess": "x", "options": ["x", "y"]},
            "a": _cont(0.0, 1.0, active_if={"covariate": "kind", "values": ["x"]}),
        }
    )
    assert all(("a" in sample) == (sample["kind"] == "x") for sample in draw_samples(space, [], 30))


def test_no_sample_is_found_where_nothing_is_allowed():
    space = _SPACE.validate_python({"a": _cont(0.0, 1.0)})
    never = {"ctype": "linear", "weights": {"a": 1.0}, "relation": ">=", "bound": 5.0}
    assert draw_samples(space, _CONSTRAINTS.validate_python([never]), 10) == []
