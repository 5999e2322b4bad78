"""A snapshot that Ax wrote as JSON, read so that an experiment can go on from it.

The form is that of Ax 1.0 to 1.3, by ``save_to_json_file`` of both of its clients and by ``save_experiment``.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from autotune.errors import InvalidInputError
from autotune.inputs.descriptions import new_experiment
from autotune.inputs.guessing import with_guess
from autotune.inputs.loading import Runs
from autotune.inputs.told import failed_run, told_run
from autotune.views.shown import counted
from autotune_wire.experiments import NewExperiment
from autotune_wire.observations import Told

_Measured = dict[str, tuple[float, float | None]]
"""The mean and the standard error of each metric."""

_OPERATORS = {"LEQ": "<=", "GEQ": ">="}
_METRIC = re.compile(r"\s*(?P<sign>[+-]?)\s*(?P<name>[^\s*+,()-][^*+,()]*?)\s*")


def read_ax(path: str | PathLike[str], name: str | None) -> tuple[NewExperiment, Runs]:
    """Read a snapshot: what an experiment is created with, and its runs.

    Args:
        path: The file.
        name: The name of the experiment; if not given, that of the one in the snapshot.

    Raises:
        InvalidInputError: If the file is no snapshot of Ax, or has what cannot be read; the message says what.
    """
    subject = f"the Ax snapshot {Path(path).name}"
    experiment = _experiment(path, subject)
    try:
        space = _Space(experiment["search_space"])
        responses = dict(_responses(experiment["optimization_config"]))
        body = new_experiment(
            name or experiment["name"] or Path(path).stem,
            space.covars,
            responses=responses,
            constraints=space.constraints,
            description=experiment.get("description") or "",
        )
        return body, _Trials(experiment, space, body).runs(subject)
    except InvalidInputError:
        raise
    except ValueError as error:
        raise InvalidInputError(f"{subject} cannot be read: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise InvalidInputError(f"{subject} cannot be read: {type(error).__name__} {error}") from error


def _experiment(path: str | PathLike[str], subject: str) -> Mapping[str, Any]:
    try:
        snapshot = from_json(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{subject} cannot be read: {error}") from None
    found = snapshot.get("experiment", snapshot) if isinstance(snapshot, dict) else None
    if not isinstance(found, dict) or found.get("__type") not in {"Experiment", "MultiTypeExperiment"}:
        raise InvalidInputError(f"{subject} is no snapshot of an Ax experiment")
    if not found.get("optimization_config"):
        raise InvalidInputError(f"{subject} has no optimization_config: configure the optimization before saving it")
    return found


class _Space:
    """The parameters of a search space.

    Attributes:
        covars: The covariates, as ``Client.new`` takes them.
        constraints: The constraints, as ``Client.new`` takes them.
    """

    def __init__(self, search_space: Mapping[str, Any]) -> None:
        self.covars = {
            parameter["name"]: with_guess(_covariate(parameter))
            for parameter in search_space["parameters"]
            if parameter["__type"] != "FixedParameter"
        }
        for parameter in search_space["parameters"]:
            for value, names in (parameter.get("dependents") or {}).items():
                for name in names:
                    none_yet = {"covariate": parameter["name"], "values": []}
                    values = self.covars[name].setdefault("active_if", none_yet)["values"]
                    values.append(self._option(parameter["name"], value))
        self.constraints = [_constraint(given) for given in search_space.get("parameter_constraints") or ()]

    def configuration(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the configuration of an arm, without the parameters that are fixed or not active."""
        return {name: self._option(name, parameters[name]) for name in self.covars if parameters.get(name) is not None}

    def _option(self, name: str, value: Any) -> Any:
        """Return a value as the covariate has it: JSON has keys of texts alone, and truth values are texts here."""
        options = self.covars[name].get("options", ())
        return next((option for option in options if str(option) == str(value)), value)


def _covariate(parameter: Mapping[str, Any]) -> dict[str, Any]:
    kind, values_type = parameter["__type"], parameter["parameter_type"]["name"]
    is_whole = values_type == "INT"
    if kind == "RangeParameter":
        covariate = {"vtype": "int" if is_whole else "cont", "min": parameter["lower"], "max": parameter["upper"]}
        role = {"role": "fidelity"} if parameter.get("is_fidelity") else {}
        return {**covariate, **role, **({"log": True} if parameter.get("log_scale") else {})}
    if kind != "ChoiceParameter":
        raise ValueError(f"{parameter['name']} is a {kind}")
    values = parameter["values"]
    if values_type in {"BOOL", "STRING"}:
        return {"vtype": "cat", "options": [str(value) for value in values]}
    steps = {round(after - before, 9) for before, after in pairwise(values)}
    if len(steps) == 1 and len(values) > 2 and not parameter.get("log_scale") and min(steps) > 0:
        # A range with a step, as constraints may name; Ax keeps it as the list of its values.
        covariate = {"vtype": "int" if is_whole else "cont", "min": values[0], "max": values[-1]}
        return {**covariate, "step": steps.pop()}
    return {"vtype": "cat", "options": sorted(values), "ordered": True}


def _constraint(given: Mapping[str, Any]) -> Any:
    if "inequality" in given:
        return given["inequality"]
    if given["__type"] == "OrderConstraint":
        return {"weights": {given["lower_name"]: 1.0, given["upper_name"]: -1.0}, "relation": "<=", "bound": 0.0}
    if given["__type"] == "SumConstraint":
        relation = "<=" if given["is_upper_bound"] else ">="
        return {"weights": dict.fromkeys(given["parameter_names"], 1.0), "relation": relation, "bound": given["bound"]}
    return {"weights": given["constraint_dict"], "relation": "<=", "bound": given["bound"]}


def _responses(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the goal of each metric: objectives first, then thresholds."""
    references = {
        threshold["metric"]["name"]: threshold["bound"]
        for threshold in config.get("objective_thresholds") or ()
        if not threshold.get("relative")
    }
    goals = dict(_objectives(config["objective"]))
    for name, goal in goals.items():
        reference = {"reference": references[name]} if name in references and len(goals) > 1 else {}
        yield name, {"goal": goal, **reference}
    for constraint in config.get("outcome_constraints") or ():
        name = constraint["metric"]["name"]
        if constraint.get("relative"):
            raise ValueError(f"the outcome constraint on {name} is relative to a status quo")
        yield name, {"goal": _OPERATORS[constraint["op"]["name"]], "bound": constraint["bound"]}


def _objectives(objective: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "expression" in objective:  # Ax 1.3
        for part in objective["expression"].split(","):
            metric = _METRIC.fullmatch(part)
            if metric is None:
                raise ValueError(f"the objective {part.strip()} is no single metric")
            yield metric["name"], "minimize" if metric["sign"] == "-" else "maximize"
    elif objective["__type"] == "MultiObjective":
        for one in objective["objectives"]:
            yield from _objectives(one)
    elif objective["__type"] == "Objective":
        yield objective["metric"]["name"], "minimize" if objective["minimize"] else "maximize"
    else:
        raise ValueError(f"the objective is a {objective['__type']}")


class _Trials:
    """The trials of a snapshot, and what was measured in them."""

    def __init__(self, experiment: Mapping[str, Any], space: _Space, body: NewExperiment) -> None:
        self._trials = experiment["trials"]
        self._data = experiment.get("data_by_trial") or {}
        self._space = space
        self._body = body

    def runs(self, subject: str) -> Runs:
        """Read the arms that were measured or failed."""
        told: list[Told] = []
        places: list[str] = []
        left_out: Counter[str] = Counter()
        for index, trial in self._trials.items():
            status = trial["status"]["name"]
            measured = self._measured(index)
            for arm in _arms(trial):
                run = self._told(arm, status, measured.get(arm["name"], {}))
                if run is None:
                    left_out[status.lower()] += 1
                else:
                    told.append(run)
                    places.append(f"trial {index}, arm {arm['name']}")
        notices = [f"{counted(n, 'arm')} left out: {status}, without data" for status, n in left_out.items()]
        return Runs(subject, told, places, notices)

    def _told(self, arm: Mapping[str, Any], status: str, measured: _Measured) -> Told | None:
        covars, responses = self._body.covars, self._body.responses_or_default()
        run = self._space.configuration(arm["parameters"])
        if status == "FAILED":
            return failed_run(run, covars)
        if status != "COMPLETED" or not measured:
            return None
        sds = {name: sd for name, (_, sd) in measured.items() if sd is not None}
        return told_run(run, {name: mean for name, (mean, _) in measured.items()}, covars, responses, sds)

    def _measured(self, index: str) -> dict[str, _Measured]:
        """Return the mean and standard error of each metric of the optimization, by arm; later data replace earlier."""
        found: dict[str, _Measured] = {}
        for _, data in (self._data.get(index) or {"value": ()})["value"]:
            columns = from_json(data["df"]["value"])
            for row in columns.get("mean", {}):
                arm, metric = columns["arm_name"][row], columns["metric_name"][row]
                mean, sem = columns["mean"][row], columns["sem"][row]
                if mean is not None and metric in self._body.responses_or_default():
                    found.setdefault(arm, {})[metric] = (mean, sem)
        return found


def _arms(trial: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    runs = trial.get("generator_runs") or [part["generator_run"] for part in trial.get("generator_run_structs") or ()]
    for run in runs or [trial["generator_run"]]:
        yield from run["arms"] if run is not None else ()
