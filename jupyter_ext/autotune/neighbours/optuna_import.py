"""An Optuna study, read so that an experiment can go on from it."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from autotune.errors import InvalidInputError
from autotune.inputs.descriptions import new_experiment
from autotune.inputs.loading import Runs
from autotune.inputs.told import failed_run, told_run
from autotune.neighbours.installed import optuna
from autotune.neighbours.param_space import ParamSpace
from autotune.views.shown import counted
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told
from autotune_wire.responses import Responses, objectives_of
from autotune_wire.space import Space


def read_study(given: Any, study_name: str | None, name: str | None) -> tuple[NewExperiment, Runs]:
    """Read a study: what an experiment is created with, and its runs.

    Args:
        given: The study, or the storage that has it.
        study_name: The name of the study in the storage; needed only where the storage has several.
        name: The name of the experiment; if not given, that of the study.

    Raises:
        InvalidInputError: If there is no such study, or its trials have no space in common.
        ImportError: If Optuna is not installed.
    """
    study = given if hasattr(given, "trials") and hasattr(given, "directions") else _loaded(given, study_name)
    subject = f"the study {study.study_name}"
    finished = [trial for trial in study.trials if trial.state.name in {"COMPLETE", "FAIL"}]
    trials = [trial for trial in finished if trial.state.name == "COMPLETE" or trial.params]
    space = space_of(trials, subject)
    goals = _goals(study, trials)
    is_nameless = list(goals) == ["value 0"]
    body = new_experiment(
        name or study.study_name,
        _with_conditions(space, trials, subject),
        responses=None if is_nameless else goals,
        direction=goals["value 0"] if is_nameless else None,
        constraints=(),
    )
    told, places = [], []
    for trial in trials:
        if set(space.params) <= set(trial.params) or trial.state.name == "COMPLETE":
            told.append(told_trial(trial, space, body.covars, body.responses_or_default()))
            places.append(f"trial {trial.number}")
    n_left = Counter(trial.state.name.lower() for trial in study.trials if f"trial {trial.number}" not in places)
    notices = [f"{counted(n, 'trial')} left out: {state}" for state, n in n_left.items()]
    return body, Runs(subject, told, places, notices)


def space_of(trials: Sequence[Any], subject: str) -> ParamSpace:
    """Return the space that holds all parameters of all trials, each as wide as any trial had it.

    Raises:
        InvalidInputError: If there is no parameter, or one has distributions of several kinds.
    """
    found: dict[str, list[Any]] = {}
    for trial in trials:
        for param, distribution in trial.distributions.items():
            found.setdefault(param, []).append(distribution)
    space = ParamSpace({param: _widest(param, several, subject) for param, several in found.items()}, name=subject)
    if not space.covars:
        raise InvalidInputError(f"{subject} has no finished trial with a parameter of more than one value")
    return space


def told_trial(trial: Any, space: ParamSpace, covars: Space, responses: Responses) -> Told:
    """Build the observation of a trial that is complete or failed; one without finite values failed.

    Args:
        trial: The trial.
        space: The space of its parameters.
        covars: The covariates of the experiment.
        responses: The responses of the experiment: its objectives in the order of the trial's values, and thresholds
            that are called like its constraints.
    """
    run = space.covars_of(trial.params)
    if trial.values is None or not all(map(math.isfinite, trial.values)):
        return failed_run(run, covars)
    measured = dict(zip(objectives_of(responses), trial.values, strict=True))
    bounded = {key: value for key, value in _constraints(trial).items() if key in responses}
    return told_run(run, measured | bounded, covars, responses)


def _loaded(storage: Any, study_name: str | None) -> Any:
    module = optuna()
    names = module.get_all_study_names(storage)
    if study_name is None and len(names) == 1:
        [study_name] = names
    if study_name not in names:
        known = ", ".join(names) or "none"
        wanted = "give study_name, as it has several" if study_name is None else f"it has no study {study_name}"
        raise InvalidInputError(f"this storage cannot be read: {wanted}; the studies are {known}")
    return module.load_study(study_name=study_name, storage=storage)


def _widest(param: str, several: Sequence[Any], subject: str) -> Any:
    kinds = {type(distribution) for distribution in several}
    if len(kinds) > 1:
        names = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise InvalidInputError(f"{subject}: {param} has distributions of several kinds: {names}")
    [kind] = kinds
    if kind.__name__ == "CategoricalDistribution":
        # Choices may be equal and yet differ, as 1 and True do.
        choices = {repr(choice): choice for distribution in several for choice in distribution.choices}
        return kind(list(choices.values()))
    low, high = min(one.low for one in several), max(one.high for one in several)
    steps = {one.step for one in several} if len({one.low for one in several}) == 1 else {None}
    step = steps.pop() if len(steps) == 1 else None
    is_log = all(one.log for one in several)
    return kind(low, high, log=is_log, **({} if is_log or step is None else {"step": step}))


def _with_conditions(space: ParamSpace, trials: Sequence[Any], subject: str) -> dict[str, Any]:
    """Add when each covariate is active that some trials do not have."""
    trials = [trial for trial in trials if trial.state.name == "COMPLETE"]
    always = [name for name in space.params if all(name in trial.params for trial in trials)]
    covars = dict(space.covars)
    for name in space.params:
        if name not in always:
            covars[name] = {**covars[name], "active_if": _condition(name, space, trials, always, subject)}
    return covars


def _condition(
    name: str, space: ParamSpace, trials: Sequence[Any], always: Sequence[str], subject: str
) -> dict[str, Any]:
    for other in always:
        if space.covars[other]["vtype"] != "cat":
            continue
        configurations = [(space.covars_of(trial.params)[other], name in trial.params) for trial in trials]
        with_it = {option for option, is_there in configurations if is_there}
        if with_it and with_it.isdisjoint(option for option, is_there in configurations if not is_there):
            return {"covariate": other, "values": sorted(with_it, key=str)}
    raise InvalidInputError(
        f"{subject}: only some trials have {name}, and no choice that all trials have says which; "
        "create the experiment with new() and its active_if, and load study.trials_dataframe() with add_history()"
    )


def _goals(study: Any, trials: Sequence[Any]) -> dict[str, str]:
    names = study.metric_names or [f"value {index}" for index in range(len(study.directions))]
    goals = {name: direction.name.lower() for name, direction in zip(names, study.directions, strict=True)}
    keys = dict.fromkeys(key for trial in trials for key in _constraints(trial))
    return {**goals, **dict.fromkeys(keys, "<= 0")}


def _constraints(trial: Any) -> Mapping[str, float]:
    """Return the constraints of a trial by name: each is met where it is not above 0."""
    own = getattr(trial, "constraints", None)
    if own is None:  # before Optuna 5
        own = dict(enumerate(trial.system_attrs.get("constraints") or ()))
    return {f"constraint {key}": value for key, value in own.items()}
