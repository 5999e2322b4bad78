import json

import pytest

from autotune.inputs.descriptions import new_experiment
from autotune.widgets.magic_line import magic_line

T = {"vtype": "int", "guess": 80, "min": 40, "max": 120, "step": 5, "unit": "°C"}

EXPERIMENTS = {
    "texts": {"name": "Suzuki", "covars": {"t": T, "lr": "1e-5..0.1 log", "base": "K2CO3|Et3N"}},
    "guess": {
        "name": "Suzuki",
        "covars": {"t": {**T, "guess": 45}, "c": {"vtype": "cat", "options": ["a", "b"], "guess": "b"}},
    },
    "names": {"name": 'my "best" {run} for $5', "covars": {"a b": T, "it's": T}},
    "goals": {
        "name": "n",
        "covars": {"t": T},
        "responses": {"yield": "max", "two words": "min", "pH": "= 7.4", "cost": "<= 5"},
    },
    "reference": {
        "name": "n",
        "covars": {"t": T},
        "responses": {"it's {x} for $5": {"goal": "minimize", "reference": 3}, "y": "max", "pH": "= 7", "c": "<= 5"},
    },
    "constraints": {
        "name": "n",
        "covars": {"a": "0..1", "b": "0..1", "c": "x|y"},
        "constraints": ["a + 2*b <= 1", {"combination": {"c": ["x"]}}],
    },
    "scales": {
        "name": "n",
        "covars": {"a": "low|high ordered", "b": "1|2|5 mL", "oven": "A|B context", "t": "0..1 context"},
    },
    "backslashes": {
        "name": "trail\\",
        "covars": {"x\\": "0..1", "\\x": "1e-3..1 log", 'y\\"z': "a|b\\"},
        "responses": {"r\\": "max", "c\\": "<= 5"},
    },
    "digits": {
        "name": "n",
        "covars": {"x": {"vtype": "cont", "guess": 0.5, "min": 0.123456789, "max": 0.987654321}},
        "responses": {"y": ">= 12.3456789", "z": "= 7.12345678", "yield": "max"},
    },
    "bars": {"name": "n", "covars": {"b": {"vtype": "cat", "options": ["d", "e|f"], "guess": "e|f"}}},
    "condition": {"name": "n", "covars": {"k": "a|b", "d": {**T, "active_if": {"k": "a"}}}},
    "unit of two words": {"name": "n", "covars": {"t": {**T, "unit": "step 5 log"}}},
    "constant": {"name": "n", "covars": {"t": "1..1", "u": "-5..-1"}},
    "colon": {"name": "n", "covars": {"a: b": T}},
}


@pytest.mark.parametrize("given", EXPERIMENTS.values(), ids=list(EXPERIMENTS))
def test_line_creates_the_same_experiment(given, shell, service):
    new = new_experiment(**{"responses": None, "constraints": (), **given})
    line = magic_line(new)
    shell.run_line_magic("autotune", line.removeprefix("%autotune "))
    [sent] = [body for (_, path), body in zip(service.calls, service.bodies, strict=True) if path == "/experiment/new"]
    made = type(new).model_validate(json.loads(sent))
    assert made.model_dump() == new.model_dump(), line


def test_line_is_short_where_texts_say_it_all():
    new = new_experiment("Suzuki", {"t": T}, responses={"yield": "max"}, constraints=())
    assert magic_line(new) == '%autotune new "Suzuki" --x "t: 40..120 int step 5 °C" --max "yield"'
