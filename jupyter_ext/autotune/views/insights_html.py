"""The insights of an experiment as HTML: no scripts, nothing fetched, readable on light and dark."""

import sys
from html import escape
from math import hypot

from autotune.values import spread_text, value_text
from autotune.views.bests import context_table
from autotune.views.fronts import MAX_ROWS, Front, FrontRun, front_caption, front_table, judged
from autotune.views.goals import (
    expected_text,
    label_of,
    measured_text,
    response_name,
)
from autotune.views.pictures.front import draw_front, front_legend
from autotune.views.pictures.style import figure, framed, grid, head, part
from autotune.views.shown import counted
from autotune_pictures.parts.dominance import gains_of
from autotune_wire.base import Configuration
from autotune_wire.insights import InsightsReply
from autotune_wire.responses import Responses, objectives_of, primary_of
from autotune_wire.space import Space
from autotune_wire.suggestions import Predicted

_NOTHING = "\N{EN DASH}"


def insights_html(insights: InsightsReply, name: str, space: Space, goals: Responses) -> str:
    """Write the insights that are texts and tables, and draw the front; parts without data are left out."""
    parts = [
        _head(insights, name),
        _verdict(insights),
        _bests(insights, space, goals),
        _by_context(insights, goals),
        _front(insights, space, goals),
        _without_model(insights, goals),
        *(f'<div class="at-soft">{escape(text)}</div>' for text in earlier_texts(insights)),
    ]
    return framed("".join(parts))


def used_text(insights: InsightsReply) -> str:
    """Write how many of the observations the models use; empty where they use all."""
    if insights.n_used is None or insights.n_used >= insights.n_observations:
        return ""
    return f"the models behind these insights use {insights.n_used} representatives of the observations"


def earlier_texts(insights: InsightsReply) -> list[str]:
    """Write a sentence for each earlier experiment and response: how much the one counts for the other."""
    return [
        f"learns {one.response} from {one.name}: its weight is {one.weight:.2f} \N{PLUS-MINUS SIGN} {one.sd:.2f} "
        f"(0: it tells nothing, 1: the same shape{', below 0: the opposite' if one.weight < 0 else ''})"
        for one in insights.earlier
    ]


def _head(insights: InsightsReply, name: str) -> str:
    notes = [counted(insights.n_observations, "observation")]
    if insights.feasible_share is not None:
        notes.append(f"{insights.feasible_share:.0%} of the space predicted to work and to meet every threshold")
    return head(f"Insights: {name}", [*notes, *filter(None, [used_text(insights)])])


def _verdict(insights: InsightsReply) -> str:
    verdict = f'<div class="at-verdict">{escape(insights.verdict)}</div>' if insights.verdict else ""
    notes = "".join(
        f"<div><b>{escape(note.finding)}</b> \N{RIGHTWARDS ARROW} {escape(note.advice)}</div>"
        for note in insights.health
    )
    return verdict + (f'<div class="at-health">{notes}</div>' if notes else "")


def _bests(insights: InsightsReply, space: Space, goals: Responses) -> str:
    observed, predicted = insights.best_observed, insights.best_predicted
    if observed is None and predicted is None:
        return '<div class="at-soft">There is no best observation yet.</div>'
    columns = [{} if best is None else best.covars for best in (observed, predicted)]
    rows = [
        (name, *(_value(column, name) for column in columns))
        for name in space
        if any(name in column for column in columns)
    ]
    primary = primary_of(goals)[0]
    measured = {} if observed is None else observed.responses | {primary: observed.response}
    expected: dict[str, Predicted] = {}
    if predicted is not None:
        expected = predicted.predictions | {primary: Predicted(mean=predicted.mean, sd=predicted.sd)}
    totals = [
        (
            label_of(name, goal),
            measured_text(measured[name], goal, with_bound=False) if name in measured else _NOTHING,
            expected_text(expected[name], goal, with_bound=False) if name in expected else _NOTHING,
        )
        for name, goal in goals.items()
        if name == primary or name in measured or name in expected
    ]
    alone = f" in {primary}" if len(objectives_of(goals)) > 1 else ""
    table = grid(("", f"best observed{alone}", f"best predicted{alone}"), rows, totals)
    return table + _next_measurement(insights, primary)


def _next_measurement(insights: InsightsReply, primary: str) -> str:
    predicted, noise_sd = insights.best_predicted, insights.noise_sds.get(primary, 0.0)
    if predicted is None or noise_sd <= 0:
        return ""
    total = min(hypot(predicted.sd, noise_sd), sys.float_info.max)
    expected = spread_text(predicted.mean, total)
    return (
        '<div class="at-soft">Best predicted: the response to expect on average, \N{PLUS-MINUS SIGN} 1 sd. A next '
        f"measurement there, its noise included: {expected}.</div>"
    )


def _by_context(insights: InsightsReply, goals: Responses) -> str:
    if not insights.best_by_context:
        return ""
    header, rows = context_table(insights.best_by_context, response_name(goals))
    return part("Best predicted in each context", grid(header, rows))


def _without_model(insights: InsightsReply, goals: Responses) -> str:
    """Name the responses that have no model yet, and so no picture."""
    missing = [name for name in goals if not insights.leave_one_out.get(name) and not insights.slices.get(name)]
    if not missing:
        return ""
    return f'<div class="at-soft">Too few observations yet to model {escape(", ".join(missing))}.</div>'


def _front(insights: InsightsReply, space: Space, goals: Responses) -> str:
    objectives = objectives_of(goals)
    if len(objectives) < 2 or not insights.pareto:
        return ""
    front = _front_of(insights, goals)
    picture = f'<div class="at-row">{draw_front(front, objectives, insights.reference)}</div>{front_legend(front)}'
    more = len(front.runs) - MAX_ROWS
    rest = f'<div class="at-soft">and {more} more</div>' if more > 0 else ""
    table = grid(*front_table(front, goals, list(space)))
    return part("Pareto front", figure(front_caption(front, goals), f"{picture}{table}{rest}"))


def _front_of(insights: InsightsReply, goals: Responses) -> Front:
    """Find the runs to draw: those on the front, and of the others what the leave-one-out predictions tell of them."""
    objectives = objectives_of(goals)
    measured: dict[object, dict[str, float]] = {}
    for response, points in insights.leave_one_out.items():
        for point in points:
            measured.setdefault(point.observation_uuid, {})[response] = point.observed
    on_front = {point.observation_uuid for point in insights.pareto}
    known = {name: goal for name, goal in goals.items() if name in insights.leave_one_out}
    others = [
        judged(FrontRun(responses, {}), known)
        for uuid, responses in measured.items()
        if uuid not in on_front and objectives.keys() <= responses.keys()
    ]
    newest = insights.pareto[-1].observation_uuid if len(insights.pareto) > 1 else None
    runs = [
        FrontRun(point.responses, point.covars, is_newest=point.observation_uuid == newest) for point in insights.pareto
    ]
    runs.sort(key=lambda run: gains_of(objectives, run.responses) or (), reverse=True)
    return Front(runs, others, insights.hypervolume, insights.reference or {})


def _value(covars: Configuration, name: str) -> str:
    return value_text(covars[name]) if name in covars else _NOTHING
