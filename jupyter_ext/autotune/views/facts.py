"""The facts of an experiment, written as pairs of label and text for a table."""

from autotune.values import number_text
from autotune.views.bests import measured_rows
from autotune.views.candidates import list_text
from autotune.views.goals import goals_text, response_name
from autotune.views.shown import constraint_text, counted, covariate_text
from autotune_wire.experiments import Experiment
from autotune_wire.pausing import Paused
from autotune_wire.reports import EarlyStop
from autotune_wire.responses import objectives_of
from autotune_wire.stopping import StopRules

_AUTO_ENGINE = "autotune"


def facts_of(seen: Experiment) -> list[tuple[str, str]]:
    """Return the facts that a list of experiments shows, in the order of its columns."""
    best = "none yet"
    if seen.best is not None and len(seen.responses) == 1:
        best = number_text(seen.best.response)
    elif seen.best is not None:
        name = response_name(seen.responses)
        rows = measured_rows(seen.best.responses or {name: seen.best.response}, seen.responses, name)
        n_others = len(objectives_of(seen.responses)) - 1
        best = ", ".join(f"{name} {text}" for name, text in rows)
        best += f"; the best in {name} alone, with {counted(n_others, 'other objective')}" if n_others else ""
    return [
        ("state", f"{state_of(seen)}, {goals_text(seen.responses)}"),
        ("observations", str(seen.n_observations)),
        ("best response", best),
        ("exp_uuid", str(seen.exp_uuid)),
    ]


def state_of(seen: Experiment) -> str:
    """Return the state in one word: closed, paused, stopped or active; the first of these that is true."""
    if seen.state == "closed" or (seen.paused is None and seen.stopped is None):
        return seen.state
    return "stopped" if seen.paused is None else "paused"


def paused_text(paused: Paused) -> str:
    """Write since when an experiment is paused, and why."""
    since = f"since {paused.at:%Y-%m-%d %H:%M} UTC"
    return since if paused.reason is None else f"{paused.reason} ({since})"


def more_facts_of(seen: Experiment) -> list[tuple[str, str]]:
    """Return the further facts: covariates, constraints, stop rules, engine and time of creation."""
    rows = [(name, covariate_text(covariate)) for name, covariate in seen.covars.items()]
    rows += [("constraint", constraint_text(constraint, seen.covars)) for constraint in seen.constraints]
    rows += [("learns from", f"{one.name}, {counted(one.n_runs, 'run')}") for one in seen.learn_from]
    if seen.candidates is not None:
        rows.append(("list", list_text(seen.candidates)))
    if seen.stop is not None:
        rows.append(("stops", stop_text(seen.stop)))
    if seen.early_stop is not None:
        rows.append(("stops runs early", early_stop_text(seen.early_stop)))
    if seen.stopped is not None:
        rows.append(("stopped", f"{seen.stopped.reason} ({seen.stopped.rule})"))
    if seen.paused is not None:
        rows.append(("paused", paused_text(seen.paused)))
    if seen.engine != _AUTO_ENGINE:
        rows.append(("engine", f"{seen.engine}, {seen.model_type}, {seen.acq_func}"))
    return [*rows, ("created", f"{seen.time_created:%Y-%m-%d %H:%M} UTC")]


def stop_text(stop: StopRules) -> str:
    """Write stop rules on one line."""
    rules = []
    if stop.budget is not None:
        rules.append(f"after {stop.budget} runs")
    if stop.plateau is not None:
        rules.append(f"when the last {stop.plateau.n_runs} runs gain no more than {number_text(stop.plateau.min_gain)}")
    if stop.target is not None:
        rules.append(f"when the response reaches {number_text(stop.target)}")
    if stop.min_expected_gain is not None:
        rules.append(f"when the next run is expected to gain less than {number_text(stop.min_expected_gain)}")
    return ", or ".join(rules)


def early_stop_text(rule: EarlyStop) -> str:
    """Write the rule that stops runs early on one line."""
    words = f"by {rule.rule}, from step {rule.min_steps} and {counted(rule.min_runs, 'other run')} on"
    return words if rule.response is None else f"{words}, by {rule.response}"
