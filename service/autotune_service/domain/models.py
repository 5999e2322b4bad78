"""Whether the engine, model and acquisition function of an experiment fit it; checked before anything is stored."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self, get_args

from autotune_service.domain.errors import InvalidError
from autotune_wire.constraints import Constraint
from autotune_wire.experiments import AcqFunc, EngineName, ModelType, NewExperiment
from autotune_wire.problems import FieldProblem
from autotune_wire.responses import MAX_OBJECTIVES, Response, objectives_of, primary_of, thresholds_of
from autotune_wire.space import CatCovariate, Covariate
from autotune_wire.stopping import StopRules

GREATTUNES_ACQ_FUNCS: frozenset[AcqFunc] = frozenset(get_args(AcqFunc)) - {"auto"}
"""The acquisition functions that the greattunes package computes by itself; its "auto" is ExpectedImprovement."""

GREATTUNES_NEEDS_KNOWN_NOISE: AcqFunc = "NoisyExpectedImprovement"
GREATTUNES_WITH_KNOWN_NOISE: tuple[ModelType, ...] = ("FixedNoiseGP", "HeteroskedasticSingleTaskGP")
"""The greattunes models for which BoTorch computes GREATTUNES_NEEDS_KNOWN_NOISE; engine autotune has no such limit."""

WITH_EXPECTED_GAIN: tuple[AcqFunc, ...] = (
    "auto",
    "ExpectedImprovement",
    "NoisyExpectedImprovement",
    "qExpectedImprovement",
    "qNoisyExpectedImprovement",
)
"""The acquisition functions of engine autotune whose value is the expected gain of a run."""

_WITH_FIDELITY: AcqFunc = "qMultiFidelityMaxValueEntropy"


@dataclass(frozen=True, slots=True)
class EngineDemand:
    """The parts of an experiment that decide whether an engine can serve it.

    Without ``model_type``, the fit of model and acquisition function is not checked. That is for changes of an
    experiment, which leave both as they were.
    """

    engine: EngineName
    acq_func: AcqFunc
    space: Mapping[str, Covariate]
    responses: Mapping[str, Response]
    constraints: Sequence[Constraint] = ()
    stop: StopRules | None = None
    model_type: ModelType | None = None
    has_candidates: bool = False

    @classmethod
    def of(cls, new: NewExperiment) -> Self:
        """Take the parts from a new experiment."""
        return cls(
            new.engine,
            new.acq_func,
            new.covars,
            new.responses_or_default(),
            new.constraints,
            new.stop,
            new.model_type,
            new.candidates is not None,
        )


def check_models(demand: EngineDemand) -> None:
    """Check that the engine and the acquisition function named can serve an experiment.

    Raises:
        InvalidError: With one entry for every part that does not fit; each entry names what would fit.
    """
    check = _for_greattunes if demand.engine == "greattunes" else _for_autotune
    problems = list(check(demand))
    if problems:
        raise InvalidError.of(problems)


def _for_autotune(demand: EngineDemand) -> Iterator[FieldProblem]:
    fidelities = [name for name, covariate in demand.space.items() if covariate.role == "fidelity"]
    several = _beyond_one_goal(demand.responses)
    if fidelities and several is not None:
        message = f"a fidelity needs exactly one response, to maximize or minimize; this experiment has {several}"
        yield FieldProblem(field=f"covars.{fidelities[0]}.role", message=message, value="fidelity")
    elif fidelities and demand.acq_func != _WITH_FIDELITY:
        message = f"must be {_WITH_FIDELITY}, since {fidelities[0]} is a fidelity"
        yield FieldProblem(field="acq_func", message=message, value=demand.acq_func)
    elif not fidelities and demand.acq_func == _WITH_FIDELITY:
        message = "needs one covariate with the role fidelity; take auto if no covariate has that role"
        yield FieldProblem(field="acq_func", message=message, value=demand.acq_func)
    elif several is not None and demand.acq_func != "auto":
        message = (
            f"must be auto, since this experiment has {several}; "
            "another acquisition function needs exactly one response, to maximize or minimize"
        )
        yield FieldProblem(field="acq_func", message=message, value=demand.acq_func)
    if fidelities and demand.has_candidates:
        message = f"a list of candidates goes with no fidelity, and {fidelities[0]} is one"
        yield FieldProblem(field="candidates", message=message)
    if _stops_by_gain(demand) and demand.acq_func not in WITH_EXPECTED_GAIN:
        message = (
            f"needs an acquisition function that gives the expected gain ({', '.join(WITH_EXPECTED_GAIN)}), "
            f"and {demand.acq_func} does not"
        )
        yield FieldProblem(field="stop.min_expected_gain", message=message)
    contexts = [name for name, covariate in demand.space.items() if covariate.role == "context"]
    rules = demand.stop.rules() if demand.stop is not None and contexts else []
    for rule in (rule for rule in ("plateau", "min_expected_gain") if rule in rules):
        message = (
            f"gains depend on {contexts[0]}, a context given at each ask, and one context says nothing about another; "
            "stop by budget or target instead"
        )
        yield FieldProblem(field=f"stop.{rule}", message=message)


def _beyond_one_goal(responses: Mapping[str, Response]) -> str | None:
    """Name what an experiment has beside one response to maximize or minimize; None if nothing."""
    thresholds = list(thresholds_of(responses))
    if thresholds:
        return f"a threshold ({thresholds[0]})"
    n_objectives = len(objectives_of(responses))
    if n_objectives > 1:
        return f"more than one objective ({n_objectives})"
    name, objective = primary_of(responses)
    return f"a target to match ({name})" if objective.goal == "match" else None


def _for_greattunes(demand: EngineDemand) -> Iterator[FieldProblem]:
    instead = "engine autotune does"
    n_objectives = len(objectives_of(demand.responses))
    if n_objectives > 1:
        message = (
            f"greattunes takes one objective, and this experiment has {n_objectives}; "
            f"engine autotune takes up to {MAX_OBJECTIVES}"
        )
        yield FieldProblem(field="responses", message=message)
    for name, response in demand.responses.items():
        if response.goal not in {"maximize", "minimize"}:
            kind = "targets" if response.goal == "match" else "thresholds"
            message = f"greattunes does not support {kind}; {instead}"
            yield FieldProblem(field=f"responses.{name}", message=message, value=response.goal)
    if demand.constraints:
        yield FieldProblem(field="constraints", message=f"greattunes does not support constraints; {instead}")
    if demand.has_candidates:
        yield FieldProblem(field="candidates", message=f"greattunes does not support lists of candidates; {instead}")
    for name, covariate in demand.space.items():
        for feature, value in _features(covariate).items():
            message = f"greattunes does not support {feature}{'' if value is None else f' = {value}'}; {instead}"
            yield FieldProblem(field=f"covars.{name}.{feature}", message=message, value=value)
    if _stops_by_gain(demand):
        message = f"greattunes does not compute the expected gain; {instead}"
        yield FieldProblem(field="stop.min_expected_gain", message=message)
    yield from _names_for_greattunes(demand.acq_func, demand.model_type, instead)


def _names_for_greattunes(acq_func: AcqFunc, model_type: ModelType | None, instead: str) -> Iterator[FieldProblem]:
    if acq_func not in {"auto", *GREATTUNES_ACQ_FUNCS}:
        has = ", ".join(sorted(GREATTUNES_ACQ_FUNCS))
        message = f"greattunes does not have this acquisition function; it has auto, {has}"
        yield FieldProblem(field="acq_func", message=message, value=acq_func)
    if acq_func == GREATTUNES_NEEDS_KNOWN_NOISE and model_type not in {None, *GREATTUNES_WITH_KNOWN_NOISE}:
        message = (
            f"greattunes computes this acquisition function for {' and '.join(GREATTUNES_WITH_KNOWN_NOISE)} only, not "
            f"for {model_type}; take qNoisyExpectedImprovement, which works with every model, or engine autotune"
        )
        yield FieldProblem(field="acq_func", message=message, value=acq_func)


def _stops_by_gain(demand: EngineDemand) -> bool:
    return demand.stop is not None and demand.stop.min_expected_gain is not None


def _features(covariate: Covariate) -> dict[str, str | float | bool | None]:
    features: dict[str, str | float | bool | None] = {}
    if covariate.role != "design":
        features["role"] = covariate.role
    if covariate.active_if is not None:
        features["active_if"] = None
    if isinstance(covariate, CatCovariate):
        if covariate.descriptors is not None:
            features["descriptors"] = None
        return features | ({"ordered": True} if covariate.ordered else {})
    if covariate.log:
        features["log"] = True
    if covariate.step is not None:
        features["step"] = covariate.step
    return features
