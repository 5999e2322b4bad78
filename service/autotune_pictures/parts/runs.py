"""The runs of an experiment as rows of a picture's data, each with a mark and all its values to hover over."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from autotune_pictures.parts.goals import label_of
from autotune_pictures.parts.texts import SECONDS, number_text, spoken, value_text
from autotune_wire.base import Configuration, Value
from autotune_wire.experiments import Experiment
from autotune_wire.observations import Observation
from autotune_wire.reports import reported_of
from autotune_wire.responses import breaks_threshold, meets_thresholds, merit, primary_of
from autotune_wire.space import CatCovariate, Covariate

MAX_RUNS = 1000
"""Most runs that a picture draws, so that it stays small; of more, every so many are drawn, and those that matter."""
MAX_HOVERED = 24
"""Most covariates whose values a run shows when the mouse points at it."""

NOTHING = "\N{EN DASH}"
"""What is shown of a value that a run lacks: of a field that is missing, Vega shows the word undefined."""

MEASURED, BEST, FRONT, BROKEN = "measured", "best", "on the front", "breaks a threshold"
ELSEWHERE, UNMEASURED, OPEN = "in another context", "not measured", "lacks a threshold's response"
FAILED, EXCLUDED, STOPPED = "failed", "excluded", "stopped early"

TOPS = frozenset({BEST, FRONT})
_NEAR = 0.1  # of a context's range: two numbers are hardly ever equal


@dataclass(frozen=True)
class Run:
    """An observation with its number, 1 for the oldest, and the mark that a picture gives it."""

    number: int
    observation: Observation
    mark: str

    @property
    def covars(self) -> Configuration:
        """The configuration that was run."""
        return self.observation.covars

    def value(self, response: str) -> float | None:
        """Return what was measured of a response; None if it was not."""
        return self.observation.responses.get(response)


def marked(
    experiment: Experiment,
    observations: Sequence[Observation],
    response: str,
    context: Configuration | None = None,
    front: Iterable[int] | None = None,
) -> list[Run]:
    """Number the observations and mark each: failed, excluded, breaking a threshold, best and so on.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first.
        response: The response that the picture is about.
        context: The context that the picture is about; if not given, that of the newest run.
        front: The numbers of the runs on the Pareto front, which are marked so; if not given, the best run of any
            context is marked, if the response is the first objective.
    """
    contexts = {name: covariate for name, covariate in experiment.covars.items() if covariate.role == "context"}
    here = context or (observations[-1].covars if observations else {})
    filled = [_with_primary(experiment, observation) for observation in observations]
    runs = [
        Run(number, run, _mark(experiment, run, response, not _is_near(contexts, run.covars, here)))
        for number, run in enumerate(filled, start=1)
    ]
    top, chosen = (BEST, _best(experiment, runs, response)) if front is None else (FRONT, set(front))
    return [Run(run.number, run.observation, top) if run.number in chosen else run for run in runs]


def counts(run: Run) -> bool:
    """Return whether a run can be the best: it is measured, not excluded, and meets every threshold."""
    return run.mark not in {FAILED, EXCLUDED, STOPPED, UNMEASURED, BROKEN, OPEN}


def drawn(runs: Sequence[Run], most: int = MAX_RUNS) -> list[Run]:
    """Return the runs to draw: all, or of very many every so many, with the best and the newest; the best last."""
    every = -(-len(runs) // most) or 1
    last = len(runs) - 1
    kept = [run for place, run in enumerate(runs) if place in {0, last} or place % every == 0 or run.mark in TOPS]
    return sorted(kept, key=lambda run: run.mark in TOPS)


def drawn_note(n_drawn: int, n_runs: int) -> list[str]:
    """Write how many of the runs are drawn, if not all are."""
    return [f"{n_drawn:,} of {n_runs:,} runs drawn"] if n_drawn < n_runs else []


@dataclass(frozen=True)
class Hover:
    """What a run shows when the mouse points at it; the fields of the data are numbered, so that any name will do.

    Attributes:
        covariates: The covariates that are shown.
        responses: All responses.
        n_more: How many covariates are not shown.
        reported: The response that runs report while they are under way.
    """

    covariates: Mapping[str, Covariate]
    responses: Sequence[str]
    n_more: int
    reported: str

    def row(self, run: Run) -> dict[str, Any]:
        """Return the fields of a run: its number, its mark, and its values as texts."""
        row: dict[str, Any] = {"run": run.number, "mark": run.mark}
        row |= {
            f"c{place}": value_text(run.covars[name]) if name in run.covars else NOTHING
            for place, name in enumerate(self.covariates)
        }
        row |= {f"r{place}": self._measured(run, name) for place, name in enumerate(self.responses)}
        row["outside"] = ", ".join(run.observation.outside) or NOTHING
        return row | {"told": run.observation.time_created.strftime(SECONDS)}

    def _measured(self, run: Run, response: str) -> str:
        value, sd = run.value(response), run.observation.sds.get(response)
        stopped = run.observation.stopped_value
        if value is None and stopped is not None and response == self.reported:
            return f"{number_text(stopped)}, stopped at step {run.observation.stopped_step:,}"
        if value is None:
            return NOTHING
        return number_text(value) if sd is None else f"{number_text(value)} ± {number_text(sd)}"

    def tooltip(self, runs: Iterable[Run], more: Mapping[str, str] | None = None) -> list[dict[str, str]]:
        """Return the tooltip channel of Vega-Lite.

        Args:
            runs: The runs that are drawn; what none of them has is left out.
            more: Titles of further fields, by field.
        """
        listed = list(runs)
        covariates = {name for run in listed for name in run.covars}
        measured = {name for run in listed for name in run.observation.responses}
        titles = {"run": "run", "mark": "it is"} | dict(more or {})
        titles |= {f"c{place}": name for place, name in enumerate(self.covariates) if name in covariates}
        titles |= {f"r{place}": label_of(name) for place, name in enumerate(self.responses) if name in measured}
        if any(run.observation.outside for run in listed):
            titles["outside"] = "outside the space"
        titles["told"] = "told"
        return hovered(titles)


def hover_of(experiment: Experiment) -> Hover:
    """Return what the runs of an experiment show."""
    shown = dict(list(experiment.covars.items())[:MAX_HOVERED])
    reported, _ = reported_of(experiment.early_stop, experiment.responses)
    return Hover(shown, list(experiment.responses), len(experiment.covars) - len(shown), reported)


def hovered(titles: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a tooltip channel of texts by title; of equal titles the later get spaces, or they would be lost."""
    seen: set[str] = set()
    channel = []
    for field, title in titles.items():
        shown = spoken(title if len(title) <= 40 else f"{title[:39]}\N{HORIZONTAL ELLIPSIS}")
        while shown in seen:
            shown += " "
        seen.add(shown)
        channel.append({"field": field, "type": "nominal", "title": shown})
    return channel


def jitter(number: int) -> float:
    """Return a shift from -0.25 to 0.25 for the runs of one option, the same each time and spread evenly."""
    return (number * 0.6180339887498949) % 1 / 2 - 0.25


def _with_primary(experiment: Experiment, observation: Observation) -> Observation:
    # A service of the first version sent the primary response alone.
    if observation.responses or observation.response is None:
        return observation
    return observation.model_copy(update={"responses": {primary_of(experiment.responses)[0]: observation.response}})


def _mark(experiment: Experiment, run: Observation, response: str, is_elsewhere: bool) -> str:
    if run.is_excluded:
        return EXCLUDED
    if run.status == "failed":
        return FAILED
    if response not in run.responses:
        return UNMEASURED if run.stopped_step is None else STOPPED
    if run.stopped_step is not None:
        return STOPPED
    if breaks_threshold(experiment.responses, run.responses):
        return BROKEN
    if not meets_thresholds(experiment.responses, run.responses):
        return OPEN
    return ELSEWHERE if is_elsewhere else MEASURED


def _best(experiment: Experiment, runs: Sequence[Run], response: str) -> set[int]:
    primary, objective = primary_of(experiment.responses)
    if response != primary:
        return set()
    good = [(run.observation.responses[primary], run.number) for run in runs if counts(run)]
    key = partial(merit, objective)
    return {max(good, key=lambda pair: (key(pair[0]), -pair[1]))[1]} if good else set()


def _is_near(contexts: Mapping[str, Covariate], one: Configuration, other: Configuration) -> bool:
    return all(_are_near(covariate, one.get(name), other.get(name)) for name, covariate in contexts.items())


def _are_near(covariate: Covariate, one: Value | None, other: Value | None) -> bool:
    if isinstance(covariate, CatCovariate) or isinstance(one, str | None) or isinstance(other, str | None):
        return one == other
    return abs(one - other) <= _NEAR * (covariate.max - covariate.min)
