"""The verdict on an experiment in words, and what could be better about it."""

from collections import defaultdict
from collections.abc import Iterator
from sys import float_info

import numpy as np

from autotune_service.engine.arrays import Array
from autotune_service.engine.findings.earlier import learning_nothing
from autotune_service.engine.findings.fitted import Fitted
from autotune_service.engine.interface import HealthNote, Insights
from autotune_service.engine.model.surrogate import sign_of
from autotune_service.engine.space.encoding import SAME
from autotune_wire.base import Configuration
from autotune_wire.constraints import LinearConstraint
from autotune_wire.responses import Target, objectives_of, primary_of, thresholds_of
from autotune_wire.space import CatCovariate, listed

_FEW_CONFIGURATIONS = 3  # with fewer, all runs are repeats, and there is nothing to compare them with
_FEW_RUNS = 5  # fewer runs say nothing about how well a model predicts
_FORETELLS, _FORETELLS_WELL = 0.9, 0.5  # errors of the model, in those of guessing the mean of the other runs
_AT_BORDER = 0.01  # share of a range
_DISAGREE = 0.5  # standard deviation of repeats, in that of all runs
_MANY_FAILED = 0.5  # share of the runs


def error_ratio(fitted: Fitted, name: str) -> float | None:
    """Compare the model's leave-one-out errors with those of guessing the mean of the other runs.

    Both are root mean squares on the model's scale, where one very bad run does not decide.

    Returns:
        The ratio of both errors: 1 if the model foretells nothing; None with few runs or equal responses.
    """
    surrogate = fitted.surrogates.get(name)
    if surrogate is None:
        return None
    targets = np.delete(surrogate.process.targets, surrogate.unmeasured)
    n = len(targets)
    if n < _FEW_RUNS:
        return None
    errors = targets - np.delete(surrogate.process.leave_one_out()[0], surrogate.unmeasured)
    guessing = float(targets.std()) * n / (n - 1)
    return float(np.sqrt(np.mean(errors**2))) / guessing if guessing > 0 else None


def verdict(fitted: Fitted, insights: Insights) -> str:
    """Write in two or three sentences what the experiment has found so far."""
    given = fitted.given
    n, objectives = len(given.runs), objectives_of(given.responses)
    if not n:
        return "No run has been told yet."
    if all(run.is_failed for run in given.runs):
        return "The one run failed." if n == 1 else f"All {n} runs failed."
    name, objective = primary_of(given.responses)
    if not insights.pareto:
        reason = "meets every threshold" if thresholds_of(given.responses) else f"has measured {listed([*objectives])}"
        return f"No run {reason} so far." if n == 1 else f"None of {n} runs {reason} so far."
    if len(objectives) > 1:
        verb = "is" if len(insights.pareto) == 1 else "are"
        first = (
            f"{_counted(len(insights.pareto))} of {n} {verb} on the front between {listed([*objectives])}: no other "
            "run is better in all of them."
        )
    else:
        run = given.runs[insights.pareto[0]]
        words = {"maximize": f"the highest {name}", "minimize": f"the lowest {name}"}
        best = (
            f"the {name} nearest to {objective.target:.6g}" if isinstance(objective, Target) else words[objective.goal]
        )
        had = f"{_number(run.responses[name])}, had {_shown(run.covars)}"
        first = f"Of {n} runs the one with {best}, {had}." if n > 1 else f"The one run, with {name} {had}."
    ratio = error_ratio(fitted, name)
    if ratio is None and n >= _FEW_RUNS:
        trust = f"All runs have the same {name}, so there is nothing to foretell."
    elif ratio is None:
        trust = "There are too few runs to judge the model."
    elif ratio > _FORETELLS:
        trust = f"The model does not foretell {name} yet."
    else:
        trust = f"The model foretells {name} {'well' if ratio < _FORETELLS_WELL else 'roughly'}."
    shares = insights.importance.get(name, {})
    if ratio is not None and ratio <= _FORETELLS and shares:
        most = max(shares, key=lambda covariate: shares[covariate])
        trust += f" {most} matters most ({shares[most]:.0%})."
    return f"{first} {trust}"


def health(fitted: Fitted, insights: Insights) -> list[HealthNote]:
    """List what makes the model or the experiment less useful than it could be, the gravest first."""
    if not fitted.given.runs:
        return []
    return [
        *_thresholds(fitted),
        *_thresholds_together(fitted),
        *_failures(fitted),
        *_foretelling(fitted),
        *_repeats(fitted),
        *_exhausted(fitted),
        *_borders(fitted, insights),
        *learning_nothing(fitted),
        *_options(fitted),
        *_not_varied(fitted, insights.not_varied),
    ]


def _thresholds(fitted: Fitted) -> Iterator[HealthNote]:
    for name, threshold in thresholds_of(fitted.given.responses).items():
        sign = sign_of(threshold)
        values = [run.responses[name] for run in fitted.given.runs if name in run.responses]
        nearest = max(values, key=lambda value: sign * value, default=None)
        if nearest is not None and sign * (nearest - threshold.bound) < 0:
            yield HealthNote(
                "threshold_never_met",
                f"no run has {name} {threshold.goal} {_number(threshold.bound)}; the nearest had {_number(nearest)}",
                "relax the bound, or widen the ranges if nothing in them can meet it; until a run meets it, the "
                "suggestions look for one that does",
                name,
            )


def _thresholds_together(fitted: Fitted) -> Iterator[HealthNote]:
    thresholds = thresholds_of(fitted.given.responses)
    has_met = all(
        any(
            name in run.responses and sign_of(threshold) * (run.responses[name] - threshold.bound) >= 0
            for run in fitted.given.runs
        )
        for name, threshold in thresholds.items()
    )
    if len(thresholds) > 1 and has_met and not fitted.is_acceptable.any():
        yield HealthNote(
            "thresholds_never_together",
            f"runs have met each of the thresholds on {listed([*thresholds])}, and none has met all of them",
            "relax the one that matters least; until a run meets all, the suggestions look for one that does",
        )


def _failures(fitted: Fitted) -> Iterator[HealthNote]:
    n, failed = len(fitted.given.runs), sum(run.is_failed for run in fitted.given.runs)
    if n >= _FEW_RUNS and failed > _MANY_FAILED * n:
        yield HealthNote(
            "many_failed",
            f"{failed} of {_counted(n)} failed",
            "if you know where runs fail, say so in a constraint or narrow the ranges",
        )


def _foretelling(fitted: Fitted) -> Iterator[HealthNote]:
    for name in fitted.surrogates:
        ratio = error_ratio(fitted, name)
        if ratio is not None and ratio > _FORETELLS:
            yield HealthNote(
                "does_not_foretell",
                f"the model does not foretell {name} yet: leaving each run out, its error is {ratio:.0%} of that of "
                "guessing the mean of the others",
                "tell more runs; if that does not help, repeat a run to see how much of the differences is noise, and "
                "ask what else differed between the runs that no covariate says",
                name,
            )


def _repeats(fitted: Fitted) -> Iterator[HealthNote]:
    for name in fitted.surrogates:
        repeats: dict[object, list[float]] = defaultdict(list)
        keys = fitted.encoding.keys(fitted.run_rows)
        for key, run in zip(keys, fitted.given.runs, strict=True):
            if name in run.responses:
                repeats[key].append(run.responses[name])
        everything = np.concatenate([np.array(values) for values in repeats.values()])
        unit = _unit(everything)
        together = [np.array(values) / unit for values in repeats.values() if len(values) > 1]
        freedom = sum(len(values) - 1 for values in together)
        if not freedom or len(repeats) < _FEW_CONFIGURATIONS:
            continue
        within = float(np.sqrt(sum(np.var(values) * len(values) for values in together) / freedom))
        overall = float((everything / unit).std(ddof=1))
        if within > _DISAGREE * overall > 0:
            own_within, own_overall = (min(share * unit, float_info.max) for share in (within, overall))
            yield HealthNote(
                "repeats_disagree",
                f"repeats of one configuration differ in {name} by {own_within:.3g} (standard deviation), all runs by "
                f"{own_overall:.3g}",
                "look for what differed between the repeats; repeat promising runs, or measure more exactly, before "
                "trusting small differences",
                name,
            )


def _exhausted(fitted: Fitted) -> Iterator[HealthNote]:
    region = fitted.region()
    if not region.is_listed:
        return
    left = set(fitted.encoding.keys(region.all_rows())) - set(fitted.encoding.keys(fitted.run_rows))
    if not left:
        yield HealthNote(
            "exhausted",
            f"every {'row of the list' if region.is_of_list else 'configuration of the space'} was run",
            f"close the experiment, {'add rows' if region.is_of_list else 'widen the space'}, or repeat the best runs "
            "if they are noisy",
        )


def _borders(fitted: Fitted, insights: Insights) -> Iterator[HealthNote]:
    name, objective = primary_of(fitted.given.responses)
    is_one = len(objectives_of(fitted.given.responses)) == 1 and not isinstance(objective, Target)
    values = {run.responses[name] for run in fitted.given.runs if name in run.responses}
    if (
        fitted.given.candidates is not None
        or not is_one
        or not insights.pareto
        or len(fitted.given.runs) < _FEW_RUNS
        or len(values) == 1
    ):
        return
    summed = {
        other
        for constraint in fitted.given.constraints
        if isinstance(constraint, LinearConstraint) and constraint.relation == "=="
        for other in constraint.weights
    }
    row, covars = fitted.run_rows[insights.pareto[0]], fitted.given.runs[insights.pareto[0]].covars
    for place, column in zip(row.tolist(), fitted.encoding.columns, strict=True):
        covariate = column.covariate
        if isinstance(covariate, CatCovariate) or covariate.role != "design" or column.name not in covars:
            continue
        n = covariate.n_values
        is_wide = covariate.min < covariate.max and (n is None or n > 2)
        low = place <= _AT_BORDER
        if (
            not is_wide
            or _AT_BORDER < place < 1.0 - _AT_BORDER
            or (low and column.name in summed and not covariate.min)
        ):
            continue  # a share of nothing cannot become less
        end = f"the {'lower' if low else 'upper'} end of its range"
        if not -SAME <= place <= 1.0 + SAME:
            end = f"beyond its range of {_number(covariate.min)} to {_number(covariate.max)}"
        yield HealthNote(
            "border",
            f"the best run has {column.name} = {_number(covars[column.name])}, {end}",
            f"if a {'lower' if low else 'higher'} {column.name} is possible, widen its range",
        )


def _options(fitted: Fitted) -> Iterator[HealthNote]:
    n_free = 0
    for column in fitted.encoding.columns:
        covariate = column.covariate
        if not isinstance(covariate, CatCovariate) or covariate.role != "design":
            continue
        tried = {run.covars.get(column.name) for run in fitted.given.runs}
        untried = [option for option in covariate.options if option not in tried]
        n_free += covariate.n_values - 1
        if untried and len(fitted.given.runs) >= _FEW_RUNS:
            yield HealthNote(
                "options_not_tried",
                f"{column.name} was never {listed(untried)}",
                f"ask with {column.name} fixed to the option to have it tried, or withdraw it from the space",
            )
    if n_free > len(fitted.given.runs) >= _FEW_RUNS:
        yield HealthNote(
            "too_many_options",
            f"there are {n_free} options to compare, and {_counted(len(fitted.given.runs))}",
            "leave out options that you do not believe in, or describe options by numbers, such as a molar mass, from "
            "which the model can learn about all of them at once",
        )


def _not_varied(fitted: Fitted, names: list[str]) -> Iterator[HealthNote]:
    names = [name for name in names if fitted.encoding.space[name].n_values != 1]
    if names and len(fitted.given.runs) >= _FEW_RUNS:
        yield HealthNote(
            "not_varied",
            f"{listed(names)} had the same value in all runs that it played a part in",
            "nothing is known of what that does; vary it, or hold it as a constant on purpose",
        )


def _unit(values: Array) -> float:
    """Return the largest absolute value, or 1: in this unit squares and sums cannot overflow."""
    return float(np.abs(values).max(initial=0.0)) or 1.0


def _counted(n: int) -> str:
    return f"{n} run" if n == 1 else f"{n} runs"


def _shown(covars: Configuration) -> str:
    return listed([f"{name} = {_number(value)}" for name, value in covars.items()])


def _number(value: object) -> str:
    return f"{value + 0.0:.6g}" if isinstance(value, float) else str(value)
