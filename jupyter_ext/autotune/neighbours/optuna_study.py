"""An Optuna study with all runs of an experiment."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from autotune.neighbours.installed import optuna
from autotune.views.shown import Observation
from autotune_wire import experiments
from autotune_wire.responses import Responses, merit, objectives_of, thresholds_of
from autotune_wire.space import CatCovariate, Covariate

EXPERIMENT_ATTR = "autotune_experiment"
"""The attribute of a study that holds the uuid of its experiment."""


def study_of(
    seen: experiments.Experiment, observations: Sequence[Observation], storage: Any, study_name: str | None
) -> Any:
    """Build an Optuna study with all runs of an experiment; see ``Experiment.to_optuna``."""
    module = optuna()
    objectives = objectives_of(seen.responses)
    directions = [experiments.direction_of(objective) for objective in objectives.values()]
    study = module.create_study(storage=storage, study_name=study_name, directions=directions)
    with warnings.catch_warnings():
        # Optuna marks this call as one that may change; without it the metrics have no names in its pictures.
        warnings.simplefilter("ignore", module.exceptions.ExperimentalWarning)
        study.set_metric_names(list(objectives))
    study.set_user_attr(EXPERIMENT_ATTR, str(seen.exp_uuid))
    distributions = {
        name: _distribution(module.distributions, covariate, [run for run in observations if name in run.covars], name)
        for name, covariate in seen.covars.items()
    }
    study.add_trials([_trial(module, run, seen.responses, distributions) for run in observations])
    return study


def _distribution(distributions: Any, covariate: Covariate, runs: Iterable[Observation], name: str) -> Any:
    """Describe a covariate as Optuna does, and so wide that it holds what was really run, too."""
    seen = [run.covars[name] for run in runs]
    if isinstance(covariate, CatCovariate):
        return distributions.CategoricalDistribution(list(dict.fromkeys([*covariate.options, *seen])))
    numbers = [number for number in seen if not isinstance(number, str)]
    low, high = min([covariate.min, *numbers]), max([covariate.max, *numbers])
    is_log = covariate.log and low > 0
    # A step holds only where every value is on its grid.
    is_outside = any(name in run.outside for run in runs)
    step = {} if covariate.step is None or is_log or is_outside else {"step": covariate.step}
    if covariate.vtype == "int" and all(number % 1 == 0 for number in numbers):
        return distributions.IntDistribution(int(low), int(high), log=is_log, **step)
    return distributions.FloatDistribution(low, high, log=is_log, **step)


def _trial(module: Any, run: Observation, responses: Responses, distributions: Mapping[str, Any]) -> Any:
    objectives = objectives_of(responses)
    is_measured = run.status == "ok" and not run.is_excluded and set(objectives) <= set(run.responses)
    states, reported = module.trial.TrialState, _reported(run, responses)
    state = states.COMPLETE if is_measured else states.PRUNED if reported else states.FAIL
    trial = module.trial.create_trial(
        state=state,
        values=_values(run.responses, responses) if is_measured else [*reported.values()] or None,
        intermediate_values=reported,
        params=dict(run.covars),
        distributions={name: distributions[name] for name in run.covars},
        user_attrs=_attributes(run),
        system_attrs=_constraints(run, responses),
    )
    trial.datetime_start = trial.datetime_complete = _local(run.time_created)
    return trial


def _reported(run: Observation, responses: Responses) -> dict[int, float]:
    """Return the last value of a run that was stopped early, by its step; studies of several objectives have none."""
    names = [*objectives_of(responses)]
    if run.stopped_step is None or run.stopped_value is None or run.is_excluded or len(names) > 1:
        return {}
    return {run.stopped_step: _values({names[0]: run.stopped_value}, responses)[0]}


def _values(measured: Mapping[str, float], responses: Responses) -> list[float]:
    """Return the value of each objective; of a response to match, its distance from the target."""
    return [
        merit(objective, measured[name]) * (1 if objective.goal == "maximize" else -1)
        for name, objective in objectives_of(responses).items()
    ]


def _constraints(run: Observation, responses: Responses) -> dict[str, Any]:
    """Return the thresholds in the form that Optuna 4 and 5 read: a run is feasible where no number is above 0."""
    excess = [
        (run.responses[name] - threshold.bound) * (1 if threshold.goal == "<=" else -1)
        for name, threshold in thresholds_of(responses).items()
        if name in run.responses
    ]
    return {"constraints": excess} if excess else {}


def _attributes(run: Observation) -> dict[str, Any]:
    sds = {f"sd {name}": sd for name, sd in run.sds.items()}
    return {**run.responses, **sds, **({"excluded": True} if run.is_excluded else {})}


def _local(moment: datetime) -> datetime:
    """Return a time as Optuna has it: local, and without its zone."""
    return moment.astimezone().replace(tzinfo=None)
