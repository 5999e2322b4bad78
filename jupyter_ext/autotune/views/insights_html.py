"""The insights of an experiment as HTML: no scripts, nothing fetched, readable on light and dark."""

from html import escape
from math import hypot

from autotune.values import spread_text, value_text
from autotune.views.bests import context_table
from autotune.views.fronts import MAX_ROWS, Front, FrontRun, front_caption, front_table
from autotune.views.goals import (
    expected_text,
    goal_text,
    label_of,
    measured_text,
    response_name,
)
from autotune.views.pictures.bars import draw_importance, ranked
from autotune.views.pictures.front import draw_front, front_legend
from autotune.views.pictures.leave_one_out import draw_leave_one_out, leave_one_out_text
from autotune.views.pictures.slices import draw_slice, lies_beyond, refusals, response_axis
from autotune.views.pictures.style import figure, framed, grid, head, part
from autotune.views.shown import counted
from autotune_pictures.parts.dominance import gains_of
from autotune_pictures.parts.goals import meets_thresholds
from autotune_wire.base import Configuration
from autotune_wire.insights import InsightsReply
from autotune_wire.responses import Responses, objectives_of, primary_of
from autotune_wire.space import Space
from autotune_wire.suggestions import Predicted

MAX_SLICES = 8
MAX_REFUSALS = 6
_NOTHING = "\N{EN DASH}"


def insights_html(insights: InsightsReply, name: str, space: Space, goals: Responses) -> str:
    """Draw all insights; parts without data are left out."""
    parts = [
        _head(insights, name),
        _verdict(insights),
        _bests(insights, space, goals),
        _by_context(insights, goals),
        _front(insights, space, goals),
        *(_response(insights, response, space, goals) for response in goals),
    ]
    return framed("".join(parts))


def used_text(insights: InsightsReply) -> str:
    """Write how many of the observations the models use; empty where they use all."""
    if insights.n_used is None or insights.n_used >= insights.n_observations:
        return ""
    return f"the models behind these insights use {insights.n_used} representatives of the observations"


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
    expected = spread_text(predicted.mean, hypot(predicted.sd, noise_sd))
    return (
        '<div class="at-soft">Best predicted: the response to expect on average, \N{PLUS-MINUS SIGN} 1 sd. A next '
        f"measurement there, its noise included: {expected}.</div>"
    )


def _by_context(insights: InsightsReply, goals: Responses) -> str:
    if not insights.best_by_context:
        return ""
    header, rows = context_table(insights.best_by_context, response_name(goals))
    return part("Best predicted in each context", grid(header, rows))


def _response(insights: InsightsReply, response: str, space: Space, goals: Responses) -> str:
    shares = insights.importance.get(response, {})
    points = insights.leave_one_out.get(response, [])
    pictures = []
    if shares or (points and insights.not_varied):
        importance = draw_importance(shares, insights.not_varied)
        pictures.append(figure("How much each covariate matters", importance))
    if points:
        caption = f"Each run predicted from the other runs (leave-one-out): {leave_one_out_text(points)}"
        caption += "; \N{PLUS-MINUS SIGN} 1 sd of a measurement, its noise included"
        pictures.append(figure(caption, draw_leave_one_out(points, _kept(insights, response, goals))))
    slices = _slices(insights, response, space, _kept(insights, response, goals))
    body = f'<div class="at-row">{"".join(pictures)}</div>{slices}'
    if not pictures and not insights.slices.get(response):
        body = '<div class="at-soft">Too few observations yet to model this response.</div>'
    return part(goal_text(response, goals[response]), body)


def _kept(insights: InsightsReply, response: str, goals: Responses) -> list[float]:
    """Return the values of the best runs, which no axis leaves out."""
    observed, predicted = insights.best_observed, insights.best_predicted
    is_primary = response == primary_of(goals)[0]
    found = []
    if observed is not None and (is_primary or response in observed.responses):
        found.append(observed.response if is_primary else observed.responses[response])
    if predicted is not None and (is_primary or response in predicted.predictions):
        found.append(predicted.mean if is_primary else predicted.predictions[response].mean)
    return found


def _slices(insights: InsightsReply, response: str, space: Space, kept: list[float]) -> str:
    slices = insights.slices.get(response, {})
    if not slices:
        return ""
    rank = {name: place for place, (name, _) in enumerate(ranked(insights.importance.get(response, {})))}
    names = sorted((name for name in slices if name in space), key=lambda name: rank.get(name, len(rank)))
    shown = names[:MAX_SLICES]
    # The others are as in this configuration, so that the curves go through its prediction.
    best = {} if insights.best_predicted is None else insights.best_predicted.covars
    noise_sd = insights.noise_sds.get(response, 0.0)
    measured = [point.observed for point in insights.leave_one_out.get(response, [])]
    y = response_axis((slices[name] for name in names), measured, kept, noise_sd)
    drawn = "".join(draw_slice(name, space[name], slices[name], y, best.get(name), noise_sd) for name in shown)
    others = "at their guesses" if insights.best_predicted is None else "as in the best predicted configuration"
    caption = f"Predicted response \N{PLUS-MINUS SIGN} 1 sd along one covariate at a time, the others {others}"
    caption += "; the paler band: a next measurement, its noise included" if noise_sd > 0 else ""
    caption += "; dashed line or orange dot: this configuration" if best else ""
    caption += "; triangle: beyond the axis" if any(lies_beyond(slices[name], y) for name in shown) else ""
    n_hidden = len(names) - MAX_SLICES
    caption += f"; {n_hidden} that matter less are not drawn" if n_hidden > 0 else ""
    reasons = [f"{name} {reason}" for name in shown for reason in refusals(space[name], slices[name])]
    notes = ""
    if reasons:
        lines = ["Grey dashes or a hollow dot: a run there would not be suggested.", *reasons[:MAX_REFUSALS]]
        lines += [f"and {len(reasons) - MAX_REFUSALS} more reasons"] if len(reasons) > MAX_REFUSALS else []
        notes = f'<div class="at-soft at-notes">{"".join(f"<div>{escape(line)}</div>" for line in lines)}</div>'
    return figure(caption, f'<div class="at-row at-slices">{drawn}</div>{notes}')


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
    others = [
        FrontRun(responses, {}, is_broken=not meets_thresholds(goals, responses))
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
