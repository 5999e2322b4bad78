"""The insights of an experiment as HTML: no scripts, nothing fetched, readable on light and dark."""

from html import escape

from autotune.values import number_text, spread_text, value_text
from autotune.views.bars import draw_importance, ranked
from autotune.views.foretold import draw_foretold, foretold_text
from autotune.views.front import draw_front
from autotune.views.shown import goal_text
from autotune.views.slices import draw_slice, response_axis
from autotune.views.style import STYLE
from autotune_wire.base import Configuration
from autotune_wire.insights import InsightsReply
from autotune_wire.responses import Responses, objectives_of, primary_of
from autotune_wire.space import Space

MAX_SLICES = 8
MAX_ROWS = 20
_NOTHING = "\N{EN DASH}"


def insights_html(insights: InsightsReply, name: str, space: Space, goals: Responses) -> str:
    """Draw everything; parts that have no data yet are left out."""
    parts = [
        _head(insights, name),
        _bests(insights, space, goals),
        *(_response(insights, response, space, goals) for response in goals),
        _front(insights, space, goals),
    ]
    return f'{STYLE}<div class="at-panel">{"".join(parts)}</div>'


def _head(insights: InsightsReply, name: str) -> str:
    pills = [f"{insights.n_observations} observations"]
    if insights.feasible_share is not None:
        pills.append(f"{insights.feasible_share:.0%} of the space predicted to be feasible")
    shown = "".join(f'<span class="at-pill">{pill}</span>' for pill in pills)
    return f'<div class="at-head"><span class="at-name">Insights: {escape(name)}</span>{shown}</div>'


def _bests(insights: InsightsReply, space: Space, goals: Responses) -> str:
    observed, predicted = insights.best_observed, insights.best_predicted
    if observed is None and predicted is None:
        return '<div class="at-soft">There is no best observation yet.</div>'
    columns = [{} if one is None else one.covars for one in (observed, predicted)]
    rows = [(name, *(_value(column, name) for column in columns)) for name in space if any(name in c for c in columns)]
    responses = (
        _NOTHING if observed is None else number_text(observed.response),
        _NOTHING if predicted is None else spread_text(predicted.mean, predicted.sd),
    )
    header = ("", "best observed", "best by the model")
    return _table(header, rows, (primary_of(goals)[0], *responses))


def _response(insights: InsightsReply, response: str, space: Space, goals: Responses) -> str:
    shares = insights.importance.get(response, {})
    points = insights.leave_one_out.get(response, [])
    pictures = []
    if shares:
        pictures.append(_figure("What matters", draw_importance(shares)))
    if points:
        pictures.append(_figure(f"Each run foretold by the others: {foretold_text(points)}", draw_foretold(points)))
    body = f'<div class="at-row">{"".join(pictures)}</div>{_slices(insights, response, space)}'
    if not pictures and not insights.slices.get(response):
        body = '<div class="at-soft">Too few observations to say anything.</div>'
    return (
        f'<div class="at-part"><div class="at-title">{escape(goal_text(response, goals[response]))}</div>{body}</div>'
    )


def _slices(insights: InsightsReply, response: str, space: Space) -> str:
    slices = insights.slices.get(response, {})
    if not slices:
        return ""
    rank = {name: place for place, (name, _) in enumerate(ranked(insights.importance.get(response, {})))}
    names = sorted((name for name in slices if name in space), key=lambda name: rank.get(name, len(rank)))
    best = {} if insights.best_observed is None else insights.best_observed.covars
    y = response_axis(slices[name] for name in names)
    drawn = "".join(draw_slice(name, space[name], slices[name], y, best.get(name)) for name in names[:MAX_SLICES])
    left_out = len(names) - MAX_SLICES
    more = f"; {left_out} that matter less are not drawn" if left_out > 0 else ""
    caption = f"One covariate at a time, the others as in the best run \N{PLUS-MINUS SIGN} 1 sd{more}"
    return _figure(caption, f'<div class="at-row at-slices">{drawn}</div>')


def _front(insights: InsightsReply, space: Space, goals: Responses) -> str:
    objectives = objectives_of(goals)
    if len(objectives) < 2 or not insights.pareto:
        return ""
    picture = draw_front(insights.pareto, objectives, insights.reference) if len(objectives) == 2 else ""
    volume = insights.hypervolume
    n_front = len(insights.pareto)
    caption = f"{n_front} run{'' if n_front == 1 else 's'} that no other beats in every objective"
    caption += "" if volume is None else f"; hypervolume {number_text(volume)}"
    header = (*goals, *space)
    rows = [
        (
            *(_NOTHING if name not in one.responses else number_text(one.responses[name]) for name in goals),
            *(_value(one.covars, name) for name in space),
        )
        for one in sorted(insights.pareto, key=lambda one: one.responses.get(next(iter(objectives)), 0.0))[:MAX_ROWS]
    ]
    more = n_front - MAX_ROWS
    rest = f'<div class="at-soft">and {more} more</div>' if more > 0 else ""
    body = f'<div class="at-row">{picture}</div>{_table(header, rows)}{rest}'
    return _part("Pareto front", _figure(caption, body))


def _part(title: str, body: str) -> str:
    return f'<div class="at-part"><div class="at-title">{escape(title)}</div>{body}</div>'


def _figure(caption: str, picture: str) -> str:
    return f'<div class="at-figure"><div class="at-soft">{escape(caption)}</div>{picture}</div>'


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]], total: tuple[str, ...] = ()) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    last = f'<tr class="at-sum">{_cells(total)}</tr>' if total else ""
    return (
        f'<div class="at-scroll"><table class="at-values"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}{last}</tbody></table></div>"
    )


def _cells(row: tuple[str, ...]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in row)


def _value(covars: Configuration, name: str) -> str:
    return value_text(covars[name]) if name in covars else _NOTHING
