"""Problems of every kind that the contract allows, for hypothesis."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from hypothesis import strategies as st
from pydantic import TypeAdapter

from autotune_service.domain.models import GREATTUNES_ACQ_FUNCS, GREATTUNES_NEEDS_KNOWN_NOISE
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.model.subset import MAX_CONDITIONED
from autotune_service.engine.model.surrogate import Surrogate, fit_responses
from autotune_service.engine.space.encoding import Encoding
from autotune_wire.base import Configuration
from autotune_wire.constraints import Constraint
from autotune_wire.experiments import AcqFunc, ModelType
from autotune_wire.responses import Responses
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, Space, is_active

_SPACE = TypeAdapter(Space)
_CONSTRAINTS = TypeAdapter(list[Constraint])
_RESPONSES = TypeAdapter(Responses)
_MF = "qMultiFidelityMaxValueEntropy"
_SHARES = st.floats(0.0, 1.0)


def space_of(covars: Mapping[str, object]) -> Space:
    return _SPACE.validate_python(covars)


def fitted_to(problem: EngineInput, most: int = MAX_CONDITIONED) -> dict[str, Surrogate]:
    encoding = Encoding(problem.space, problem.retired)
    rows, *earlier = (
        encoding.encode([run.covars for run in runs]) for runs in [problem.runs, *(one.runs for one in problem.earlier)]
    )
    return fit_responses(problem, rows, encoding.kinds, most, earlier)


def constraints_of(*constraints: Mapping[str, object]) -> list[Constraint]:
    return _CONSTRAINTS.validate_python(list(constraints))


def responses_of(**goals: Any) -> Responses:
    """Give responses by name, each a goal or, as (goal, bound), a threshold; ("match", target) is a target."""
    numbers = {name: "target" if goal[0] == "match" else "bound" for name, goal in goals.items()}
    return _RESPONSES.validate_python(
        {
            name: {"goal": goal[0], numbers[name]: goal[1]} if isinstance(goal, tuple) else {"goal": goal}
            for name, goal in goals.items()
        }
    )


@st.composite
def _numbers(draw, kind, forms=("plain", "log", "step")):
    is_int = kind == "int"
    low = draw(st.integers(-50, 50)) if is_int else round(draw(st.floats(-1e3, 1e3)), 2)
    spans = [0, 1, 2, 4, 30, 500] if is_int else [0.0, 0.01, 0.3, 1.0, 7.5, 1e4]
    span = draw(st.sampled_from(spans))
    covariate = {"vtype": kind}
    form = draw(st.sampled_from(forms))
    if form == "log":
        covariate["log"] = True
        low = 1 + abs(low) if is_int else 0.01 + abs(low)
    elif form == "step":
        covariate["step"] = max(span // 3, 1) if is_int else (span or 1.0) / draw(st.sampled_from([1, 3, 10, 400]))
    return covariate | {"min": low, "max": low + span}


@st.composite
def _choices(draw):
    n = draw(st.integers(1, 4))
    kind = draw(st.sampled_from(["texts", "ordered", "numbers"]))
    if kind == "numbers":
        return {"vtype": "cat", "ordered": True, "options": [1, 2.5, 30, 400][:n]}
    return {"vtype": "cat", "ordered": kind == "ordered", "options": list("abcd")[:n]}


def value_at(covariate: Covariate, share: float):
    """Give the value at a share of the covariate's settings."""
    n = covariate.n_values
    if n is None:
        assert isinstance(covariate, ContCovariate)
        low, high = covariate.min, covariate.max
        value = low * (high / low) ** share if covariate.log else low + share * (high - low)
        return min(max(value, low), high)
    index = min(int(share * n), n - 1)
    return covariate.options[index] if isinstance(covariate, CatCovariate) else covariate.value_at(index)


def _guessed(draw, covariate):
    guess = covariate["options"][0] if covariate["vtype"] == "cat" else covariate["min"]
    return covariate | {"guess": value_at(space_of({"x": covariate | {"guess": guess}})["x"], draw(_SHARES))}


@st.composite
def plain_spaces(draw):
    """Draw a space that every engine takes: numbers within bounds and options without order."""
    kinds = draw(st.lists(st.sampled_from(["int", "cont", "cat"]), min_size=1, max_size=4))
    options = {"vtype": "cat", "options": list("abc")}
    covars = [options if kind == "cat" else draw(_numbers(kind, forms=["plain"])) for kind in kinds]
    return space_of({f"v{i}": _guessed(draw, covariate) for i, covariate in enumerate(covars)})


@st.composite
def spaces(draw, max_size=5):
    covars = {}
    for i in range(draw(st.integers(1, max_size))):
        kind = draw(st.sampled_from(["int", "cont", "cat"]))
        covars[f"v{i}"] = _guessed(draw, draw(_choices() if kind == "cat" else _numbers(kind)))
    space = space_of(covars)
    for name in list(covars)[1:]:
        role = draw(st.sampled_from(["design", "design", "context", "fidelity", "conditional"]))
        parents = [
            one for one in covars if covars[one]["vtype"] != "cont" and "active_if" not in covars[one] and one != name
        ]
        if role == "context":
            covars[name]["role"] = "context"
        elif role == "fidelity" and covars[name]["vtype"] != "cat" and not covars[name].get("log"):
            if not any(one.get("role") == "fidelity" for one in covars.values()):
                covars[name]["role"] = "fidelity"
        elif role == "conditional" and parents and not _has_children(covars, name):
            parent = draw(st.sampled_from(parents))
            values = {value_at(space[parent], draw(_SHARES)) for _ in range(2)}
            covars[name]["active_if"] = {"covariate": parent, "values": sorted(values)}
    return space_of(covars)


def _has_children(covars, name):
    return any(one.get("active_if", {}).get("covariate") == name for one in covars.values())


@st.composite
def configurations(draw, space):
    values = {name: value_at(covariate, draw(_SHARES)) for name, covariate in space.items()}
    return {name: value for name, value in values.items() if is_active(space, name, values)}


def guess_of(space: Space) -> Configuration:
    guess = {name: covariate.guess for name, covariate in space.items()}
    return {name: value for name, value in guess.items() if is_active(space, name, guess)}


@st.composite
def constraints(draw, space):
    """Draw constraints that the guess meets."""
    guess, found = guess_of(space), []
    summed = [
        name
        for name, one in space.items()
        if not isinstance(one, CatCovariate) and one.role != "fidelity" and one.active_if is None
    ]
    for _ in range(draw(st.integers(0, 2)) if summed else 0):
        names = draw(st.lists(st.sampled_from(summed), min_size=1, max_size=4, unique=True))
        weights = {name: draw(st.sampled_from([1.0, 1.0, -1.0, 0.5, 3.0])) for name in names}
        relation = draw(st.sampled_from(["<=", ">=", "=="]))
        total = sum(weight * guess[name] for name, weight in weights.items())
        room = 0.0 if relation == "==" else draw(st.sampled_from([0.0, 0.1, 5.0]))
        bound = total + room if relation == "<=" else total - room
        found.append({"ctype": "linear", "weights": weights, "relation": relation, "bound": bound})
    listed = [name for name, one in space.items() if not isinstance(one, ContCovariate)]
    for _ in range(draw(st.integers(0, 2)) if listed else 0):
        names = draw(st.lists(st.sampled_from(listed), min_size=1, max_size=3, unique=True))
        combination = {name: [value_at(space[name], draw(_SHARES))] for name in names}
        found.append({"ctype": "forbidden", "combination": combination})
    return [one for one in constraints_of(*found) if one.holds(guess)]


_WIDE = (1e300, -1e300, 1e-300, 0.0, 1e6)


@st.composite
def _responses(draw):
    """Draw one to four objectives, some with a reference, and up to two thresholds."""
    responses = {}
    for k in range(draw(st.sampled_from([1, 1, 1, 2, 3, 4]))):
        responses[f"y{k}"] = {"goal": draw(st.sampled_from(["minimize", "maximize"]))}
        if k:
            responses["y0"]["reference"] = draw(st.sampled_from([None, 0.0]))
    for k in range(draw(st.sampled_from([0, 0, 1, 2]))):
        responses[f"limit{k}"] = {"goal": draw(st.sampled_from([">=", "<="])), "bound": draw(st.floats(-50, 50))}
    return _RESPONSES.validate_python(responses)


@st.composite
def _retired(draw, space):
    """Draw options that runs have and the space has no more."""
    choices = [name for name, one in space.items() if isinstance(one, CatCovariate) and one.active_if is None]
    names = draw(st.lists(st.sampled_from(choices), max_size=1)) if choices else []
    return {name: [999.0 if isinstance(space[name].options[0], int | float) else "gone"] for name in names}


def _measured(draw, space, covars):
    """Move some numbers of a run to where the space does not allow them."""
    parents = {one.active_if.covariate for one in space.values() if one.active_if is not None}
    moved = dict(covars)
    for name, value in covars.items():
        covariate = space[name]
        if isinstance(covariate, CatCovariate) or name in parents or draw(st.booleans()):
            continue
        far = draw(st.sampled_from([0.4, 3.0, 1e9]))
        value = value * (1 + far) if covariate.log else value - far * (covariate.max - covariate.min or 1)
        moved[name] = value if isinstance(covariate, ContCovariate) else round(value)
    return moved


@st.composite
def _runs(draw, space, responses, retired, values):
    covars = draw(configurations(space))
    if draw(st.integers(0, 3)) == 0:
        covars = _measured(draw, space, covars)
    covars |= {name: options[0] for name, options in retired.items() if draw(st.booleans())}
    covars = {name: value for name, value in covars.items() if is_active(space, name, covars)}
    if draw(st.integers(0, 4)) == 0:
        return Run(covars, is_failed=True)
    names = [name for name in responses if draw(st.integers(0, 4))] or [next(iter(responses))]
    told = {name: draw(values) for name in names}
    sds = {name: draw(st.sampled_from([0.0, 0.1, 50.0])) for name in names if draw(st.booleans())}
    return Run(covars, told, sds)


def _many_runs(space, responses, seed, n):
    """Give n runs as a tuner makes them, in no particular places; one in eight failed."""
    rng = np.random.default_rng(seed)
    every = [{name: value_at(one, rng.random()) for name, one in space.items()} for _ in range(n)]
    valid = [{name: value for name, value in one.items() if is_active(space, name, one)} for one in every]
    measured = [dict(zip(responses, rng.normal(size=len(responses)).tolist(), strict=True)) for _ in valid]
    is_failed = rng.random(n) < 1 / 8
    return [
        Run(covars, is_failed=True) if failed else Run(covars, told)
        for covars, told, failed in zip(valid, measured, is_failed, strict=True)
    ]


@st.composite
def problems(draw, max_runs=9, max_size=5):
    """Draw a problem that has an answer: the guess, or another configuration, meets constraints and fixed values."""
    space = draw(spaces(max_size))
    limits = draw(constraints(space))
    responses = draw(_responses())
    retired = draw(_retired(space))
    ordinary = st.floats(-100, 100)
    values = draw(st.sampled_from([ordinary, ordinary, ordinary | st.sampled_from(_WIDE)]))
    told = _runs(space, responses, retired, values)
    runs = draw(st.lists(told, min_size=draw(st.sampled_from([0, 5])), max_size=max_runs))
    if runs and draw(st.booleans()):
        runs.append(runs[0])
    other = draw(configurations(space))
    possible = other if all(one.holds(other) for one in limits) else guess_of(space)
    pending = draw(st.lists(configurations(space), max_size=2))
    return EngineInput(
        space=space,
        responses=responses,
        runs=runs,
        seed=draw(st.integers(0, 2**31)),
        constraints=limits,
        pending=[one for one in pending if all(limit.holds(one) for limit in limits)],
        fixed=_fixed(draw, space, possible),
        retired=retired,
        n=draw(st.integers(1, 3)),
    )


@st.composite
def named_problems(draw):
    """Draw a problem with a model and an acquisition by name, such as the contract lets go together."""
    problem = draw(problems())
    has_fidelity = any(one.role == "fidelity" for one in problem.space.values())
    names = [_MF] if has_fidelity else [one for one in get_args(AcqFunc) if one != _MF]
    acq_func = "auto" if len(problem.responses) > 1 else draw(st.sampled_from(names))
    return replace(problem, acq_func=acq_func, model_type=draw(st.sampled_from(get_args(ModelType))))


@st.composite
def large_problems(draw):
    """Draw a problem of more covariates and of 20 to 90 runs."""
    problem = draw(problems(max_size=12))
    more = _many_runs(problem.space, problem.responses, draw(st.integers(0, 2**31)), draw(st.integers(20, 90)))
    return replace(problem, runs=[*problem.runs, *more])


@st.composite
def averaged_problems(draw, n_objectives):
    """Draw a problem of so many objectives, whose runs are enough to average over samples of the hyperparameters."""
    responses = responses_of(**dict(zip(("y0", "y1"), ("maximize", "minimize")[:n_objectives], strict=False)))
    problem = draw(problems(max_size=3))
    runs = _many_runs(problem.space, responses, draw(st.integers(0, 2**31)), draw(st.integers(24, 30)))
    return replace(problem, responses=responses, runs=runs)


@st.composite
def greattunes_problems(draw):
    """Draw a problem that greattunes takes, of any model and acquisition that go together."""
    space = draw(plain_spaces())
    responses = responses_of(y=draw(st.sampled_from(["minimize", "maximize"])))
    retired = draw(_retired(space))
    told = _runs(space, responses, retired, st.floats(-100, 100) | st.sampled_from(_WIDE))
    possible = draw(configurations(space))
    names = sorted(GREATTUNES_ACQ_FUNCS - {GREATTUNES_NEEDS_KNOWN_NOISE})
    return EngineInput(
        engine="greattunes",
        acq_func=draw(st.sampled_from(names)),
        model_type=draw(st.sampled_from(get_args(ModelType))),
        space=space,
        responses=responses,
        runs=draw(st.lists(told, min_size=draw(st.sampled_from([0, 5])), max_size=9)),
        seed=draw(st.integers(0, 2**31)),
        pending=draw(st.lists(configurations(space), max_size=2)),
        fixed=_fixed(draw, space, possible),
        retired=retired,
        n=draw(st.integers(1, 2)),
    )


def _fixed(draw, space, possible):
    contexts = [name for name, one in space.items() if one.role == "context"]
    names = {*contexts, *(name for name in possible if draw(st.integers(0, 5)) == 0)}
    chosen = {name: value for name, value in possible.items() if name in names}
    return {name: value for name, value in chosen.items() if is_active(space, name, chosen)}
