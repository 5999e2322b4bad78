"""Whatever is wrong with a message is said in AutoTune's own words: nobody has to know pydantic."""

import copy
import importlib
import json
import pkgutil
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails
from pydantic_core._pydantic_core import list_all_errors

import autotune_wire
from autotune_wire.base import Confidential, Request
from autotune_wire.constraints import Constraint
from autotune_wire.experiments import NewExperiment
from autotune_wire.frames import Operation, TellFrame
from autotune_wire.observations import Tell
from autotune_wire.problems import _KINDS, field_problems
from autotune_wire.responses import Response
from autotune_wire.space import Covariate
from support import GUESS, SPACE, UNKNOWN_UUID

FOREIGN = re.compile(
    r"\bInputs?\b|\btag\b|discriminator|dictionary|pydantic|https?:|\bshould\b|Field required|Value error|Assertion"
    r"|[Uu]nable to|Keys |Extra |valid (string|integer|number|boolean|list|UUID|datetime)|function-|constrained|\[key\]"
)
"""Words of pydantic's messages, and of the names that it gives its own steps."""

for module in pkgutil.iter_modules(autotune_wire.__path__):
    importlib.import_module(f"autotune_wire.{module.name}")

_CONTINUOUS = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
_SPACE = SPACE | {"share": _CONTINUOUS | {"active_if": {"covariate": "color", "values": ["red"]}}, "p": _CONTINUOUS}
_CONSTRAINTS = [
    {"ctype": "linear", "weights": {"weight": 1.0, "p": 2.0}, "relation": "<=", "bound": 9.0},
    {"ctype": "forbidden", "combination": {"color": ["red"], "v1": [2]}},
]
_GOOD: dict[str, Any] = {
    "NewExperiment": {
        "name": "x",
        "covars": _SPACE,
        "constraints": _CONSTRAINTS,
        "responses": {"y": {"goal": "maximize", "reference": 1.0}, "z": {"goal": "<=", "bound": 5.0}},
        "stop": {"budget": 9, "plateau": {"n_runs": 3, "min_gain": 0.1}},
        "seed": 1,
    },
    "SpaceEdit": {"covars": _SPACE, "constraints": _CONSTRAINTS, "backfill": {"p": 0.5}},
    "Tell": {"observations": [{"covars": GUESS, "response": 1.0, "sd": 0.1, "suggestion_uuid": UNKNOWN_UUID}]},
    "TellFrame": {"op": "tell", "id": 1, "key": "k", "covars_tell": [GUESS], "response_tell": [{"Response": 1.0}]},
    "Told": {"covars": GUESS, "responses": {"y": 1.0}, "sds": {"y": 0.1}, "status": "ok"},
    "Correction": {"version": 1, "reason": "r", "covars": GUESS, "responses": {"y": 1.0}, "sds": {"y": 0.1}},
    "Predict": {"configurations": [GUESS, GUESS]},
    "ResumeFrame": {"op": "resume", "id": "a", "positions": {UNKNOWN_UUID: 3}, "epoch": "e"},
    "AskQuery": {"fixed": '{"p": 0.5}'},
    "ExperimentExport": json.loads((Path(__file__).parent.parent / "exports" / "1.json").read_text()),
}


def _models(kind: type[BaseModel]) -> list[type[BaseModel]]:
    return sorted({kind, *(sub for child in kind.__subclasses__() for sub in _models(child))}, key=lambda m: m.__name__)


MODELS = {model.__name__: TypeAdapter(model) for model in _models(Request) if model not in {Request, Confidential}}
MODELS |= {"an operation": TypeAdapter(Operation), "a response": TypeAdapter(Response)}
_junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", " ", "a\x00", "\ud800", "3", "true", "cat", "x" * 300, 2**70, -1, UNKNOWN_UUID, "{"])
    | st.text("ab .é", max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text("ab .é", max_size=3) | st.sampled_from(["vtype", "goal", "x" * 300]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def _nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(node for key, inner in list(parts)[:12] for node in _nodes(inner, (*path, key)))]


@st.composite
def _spoilt(draw: Any, name: str) -> Any:
    """Draw what a model may be sent: a good body with something wrong in it, or its fields with anything in them."""
    good = _GOOD.get(name)
    if good is None or draw(st.integers(0, 4)) == 0:
        kind = MODELS[name]._type
        fields = list(getattr(kind, "model_fields", {"op": 0, "goal": 0}))
        return draw(st.dictionaries(st.sampled_from(fields), _junk) | _junk)
    body = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 2))):
        *parents, last = draw(st.sampled_from([node for node in _nodes(body) if node] or [(0,)]))
        place = body
        for step in parents:
            place = place[step]
        if not isinstance(place, dict | list) or not place:
            continue
        change = draw(st.sampled_from(["replace", "remove", "rename"]))
        old = place.pop(last)
        if change == "replace" or isinstance(place, list):
            place.insert(last, draw(_junk)) if isinstance(place, list) else place.update({last: draw(_junk)})
        elif change == "rename":
            place[draw(st.sampled_from(["", "ab", " ", "x" * 300, "vtype", "a\x00"]))] = old
    return body


def _problems(adapter: TypeAdapter[Any], body: Any) -> list[Any]:
    found = []
    try:
        adapter.validate_python(body)
    except ValidationError as error:
        found += field_problems(error)
    try:
        adapter.validate_json(json.dumps(body))
    except ValidationError as error:
        found += field_problems(error)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_problem_of_any_message_has_no_word_of_pydantic(name):
    @settings(max_examples=25, deadline=None, database=None)
    @given(_spoilt(name))
    def check(body):
        for problem in _problems(MODELS[name], body):
            assert problem.message
            assert FOREIGN.search(problem.message) is None, problem
            assert FOREIGN.search(problem.field) is None, problem

    check()


@pytest.mark.parametrize("name", _GOOD)
def test_body_that_is_spoilt_by_these_tests_is_good_before(name):
    MODELS[name].validate_python(_GOOD[name])


@pytest.mark.parametrize("found", list_all_errors(), ids=lambda found: found["type"])
def test_problem_of_any_kind_has_no_word_of_pydantic(found):
    texts: dict[str, object] = {"discriminator": "'vtype'", "error": "odd"}
    if found["type"] in {"value_error", "assertion_error"}:
        texts["error"] = ValueError("is odd")
    examples = found["example_context"] or {}
    context = {name: texts.get(name, "x" if isinstance(value, str) else 3) for name, value in examples.items()}
    details = InitErrorDetails(type=found["type"], loc=("a",), input=3, ctx=context)
    [problem] = field_problems(ValidationError.from_exception_data("Model", [details]))
    assert FOREIGN.search(problem.message) is None
    assert problem.message


_OBJECT = "must be an object, in Python a dict"
_ID = "must be a whole number of at most 64 bits, or a text of at most 64 characters"
_LONG = "x" * 201


@pytest.mark.parametrize(
    ("model", "body", "field", "message"),
    [
        (NewExperiment, {"covars": {"x": {"guess": 1}}}, "covars.x.vtype", "is missing; must be one of int, cont, cat"),
        (NewExperiment, {"covars": {"x": {"vtype": "real"}}}, "covars.x.vtype", "must be one of int, cont, cat"),
        (NewExperiment, {"covars": {"x": 3}}, "covars.x", _OBJECT),
        (NewExperiment, {"covars": []}, "covars", _OBJECT),
        (NewExperiment, {"covars": {}}, "covars", "must not be empty"),
        (NewExperiment, {"covars": {"": _CONTINUOUS}}, "covars.", "as a name, must not be empty"),
        (NewExperiment, {"covars": {_LONG: {}}}, f"covars.{_LONG}", "as a name, must have at most 200 characters"),
        (NewExperiment, {"covars": {"x": _CONTINUOUS | {"min": "low"}}}, "covars.x.min", "must be a number"),
        (NewExperiment, {"nme": "n"}, "nme", "is not a field here; it may be misspelt"),
        (NewExperiment, {"direction": "up"}, "direction", "must be 'maximize' or 'minimize'"),
        (NewExperiment, {"seed": -1}, "seed", "must be at least 0"),
        (NewExperiment, {"seed": 1.5}, "seed", "must be a whole number"),
        (NewExperiment, {}, "name", "is missing"),
        (Tell, {"covars": {"x": 1}, "response": "high"}, "response", "must be a number"),
        (Tell, {"covars_tell": 3}, "covars_tell", "must be a table: JSON as a text, a list or an object"),
        (Tell, {"covars": {"x": 1}, "response": 1, "suggestion_uuid": "that"}, "suggestion_uuid", "must be a uuid"),
        (TellFrame, {"op": "tell", "id": 1.5}, "id", _ID),
    ],
)
def test_problem_says_what_is_allowed(model, body, field, message):
    found = {problem.field: problem.message for problem in _problems(TypeAdapter(model), body)}
    assert found[field] == message


def test_problem_of_a_kind_of_object_names_the_kinds_that_there_are():
    for union, field in ((Covariate, "vtype"), (Constraint, "ctype"), (Response, "goal"), (Operation, "op")):
        kinds = [get_args(model.model_fields[field].annotation) for model in get_args(get_args(union)[0])]
        assert _KINDS[field] == tuple(kind for members in kinds for kind in members)
