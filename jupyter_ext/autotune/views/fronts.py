"""Runs of several objectives, parted into those on the Pareto front and the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from autotune.values import number_text, value_text
from autotune.views.goals import goal_text, measured_text
from autotune_pictures.parts.dominance import front_of, gains_of, hypervolume, reference_of
from autotune_wire.base import Configuration
from autotune_wire.responses import (
    AnyObjective,
    Response,
    Responses,
    Target,
    breaks_threshold,
    lacks_threshold,
    merit,
    objectives_of,
)

MAX_ROWS = 20
_NOTHING = "\N{EN DASH}"


@dataclass(frozen=True)
class FrontRun:
    """A run that measured all objectives.

    Attributes:
        responses: The measured responses, by name.
        covars: What was run.
        label: What identifies the run for people, such as ``run 12``; may be empty.
        is_broken: Whether the run breaks a threshold, and so cannot be on the front.
        is_open: Whether the run left a response with a threshold unmeasured, and so cannot be on the front either.
        is_newest: Whether the run is the newest of several on the front.
    """

    responses: Mapping[str, float]
    covars: Configuration
    label: str = ""
    is_broken: bool = False
    is_open: bool = False
    is_newest: bool = False

    @property
    def is_out(self) -> bool:
        """Whether the run cannot be on the front for its thresholds."""
        return self.is_broken or self.is_open


@dataclass(frozen=True)
class Front:
    """The Pareto front of some runs.

    Attributes:
        runs: The runs on the front, the best in the first objective first.
        others: The other runs that measured all objectives.
        volume: The hypervolume that the front dominates; None where it is not known.
        reference: The reference point of the hypervolume, by objective; empty where it is not known.
    """

    runs: Sequence[FrontRun] = ()
    others: Sequence[FrontRun] = ()
    volume: float | None = None
    reference: Mapping[str, float] = field(default_factory=dict)


def judged(run: FrontRun, goals: Responses) -> FrontRun:
    """Return a run with what its thresholds say of it."""
    measured = run.responses
    return replace(run, is_broken=breaks_threshold(goals, measured), is_open=lacks_threshold(goals, measured))


def front_among(runs: Sequence[FrontRun], goals: Responses) -> Front:
    """Find the Pareto front among runs, oldest first; runs that did not measure all objectives are left out."""
    objectives = objectives_of(goals)
    pairs = [(judged(run, goals), gains) for run in runs if (gains := gains_of(objectives, run.responses)) is not None]
    counted = [pair for pair in pairs if not pair[0].is_out]
    chosen = [counted[index] for index in front_of([gains for _, gains in counted])]
    if not chosen:
        return Front(others=[run for run, _ in pairs])
    points = [gains for _, gains in counted]
    reference = reference_of(points, objectives)
    on_front = {id(run) for run, _ in chosen}
    newest = chosen[-1][0] if len(chosen) > 1 else None
    ordered = sorted(chosen, key=lambda pair: pair[1], reverse=True)
    return Front(
        runs=[replace(run, is_newest=run is newest) for run, _ in ordered],
        others=[run for run, _ in pairs if id(run) not in on_front],
        volume=hypervolume([gains for _, gains in chosen], reference),
        reference=named_reference(objectives, reference),
    )


def named_reference(objectives: Mapping[str, AnyObjective], reference: Sequence[float]) -> dict[str, float]:
    """Return a reference point of numbers to be maximized by objective, as the service sends it.

    The number of a response to minimize is its value again. That of a target stays a distance below 0.
    """
    return {
        name: -worst if objective.goal == "minimize" else worst
        for (name, objective), worst in zip(objectives.items(), reference, strict=True)
    }


def front_table(
    front: Front, goals: Responses, covariates: Sequence[str]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Write the header and the rows of the front's table: the run, its responses, its configuration.

    The best value of each objective and the newest run are marked, and each threshold stands beside its bound. Of a
    large front the first runs are shown.
    """
    objectives = objectives_of(goals)
    best = {
        name: max((run.responses[name] for run in front.runs), key=partial(merit, objective))
        for name, objective in objectives.items()
        if len(front.runs) > 1
    }
    has_labels = any(run.label or run.is_newest for run in front.runs)
    header = (*(("",) if has_labels else ()), *(goal_text(name, goal) for name, goal in goals.items()), *covariates)
    rows = []
    for run in front.runs[:MAX_ROWS]:
        label = ", ".join(filter(None, (run.label, "newest" if run.is_newest else "")))
        values = [_cell(run, name, goals, best) for name in goals]
        values += [value_text(run.covars[name]) if name in run.covars else _NOTHING for name in covariates]
        rows.append((*((label,) if has_labels else ()), *values))
    return header, rows


def front_caption(front: Front, goals: Responses) -> str:
    """Write how many runs are on the front, what that means, and the hypervolume."""
    n = len(front.runs)
    caption = f"{n} {'run' if n == 1 else 'runs'} on the front: no other run is as good in every objective and better "
    caption += "in one"
    caption += "" if front.volume is None else f"; hypervolume {number_text(front.volume)}"
    if front.volume is not None and front.reference:
        worst = ", ".join(_worst_text(name, value, goals.get(name)) for name, value in front.reference.items())
        caption += f" above the reference point {worst}"
    if front.volume == 0:
        caption += " (no run is better than that in every objective yet)"
    return caption


def _worst_text(name: str, value: float, goal: Response | None) -> str:
    if isinstance(goal, Target):
        return f"{name} {-value:.3g} from {number_text(goal.target)}"
    return f"{name} {value:.3g}"


def _cell(run: FrontRun, name: str, goals: Responses, best: Mapping[str, float]) -> str:
    if name not in run.responses:
        return _NOTHING
    text = measured_text(run.responses[name], goals[name], with_bound=False)
    return f"{text} (best)" if best.get(name) == run.responses[name] else text
