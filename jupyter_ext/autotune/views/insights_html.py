"""The insights of an experiment as HTML: no scripts, nothing fetched, readable on light and dark."""

from html import escape

from autotune.values import number_text, spread_text, value_text
from autotune.views.bars import draw_importance, ranked
from autotune.views.front import draw_front
from autotune.views.leave_one_out import draw_leave_one_out, leave_one_out_text
from autotune.views.shown import counted, goal_text
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
    """Draw all insights; parts without data are left out."""
    parts = [
        _head(insights, name),
        _bests(insights, space, goals),
        *(_response(insights, response, space, goals) for response in goals),
        _front(insights, space, goals),
    ]
    return f'{STYLE}<div class="at-panel">{"".join(parts)}</div>'


def _head(insights: InsightsReply, name: str) -> str:
    pills = [counted(insights.n_observations, "observation")]
    if insights.feasible_share is not None:
        pills.append(f"{insights.feasible_share:.0%} of the space predicted to work and to meet every threshold")
    shown = "".join(f'<span class="at-pill">{pill}</span>' for pill in pills)
    return f'<div class="at-head"><span class="at-name">Insights: {escape(name)}</span>{shown}</div>'


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
    responses = (
        _NOTHING if observed is None else number_text(observed.response),
        _NOTHING if predicted is None else spread_text(predicted.mean, predicted.sd),
    )
    header = ("", "best observed", "best predicted")
    return _table(header, rows, (primary_of(goals)[0], *responses))


def _response(insights: InsightsReply, response: str, space: Space, goals: Responses) -> str:
    shares = insights.importance.get(response, {})
    points = insights.leave_one_out.get(response, [])
    pictures = []
    if shares:
        pictures.append(_figure("How much each covariate matters", draw_importance(shares)))
    if points:
        caption = f"Each run predicted from the other runs (leave-one-out): {leave_one_out_text(points)}"
        pictures.append(_figure(caption, draw_leave_one_out(points)))
    body = f'<div class="at-row">{"".join(pictures)}</div>{_slices(insights, response, space)}'
    if not pictures and not insights.slices.get(response):
        body = '<div class="at-soft">Too few observations yet to model this response.</div>'
    return _part(goal_text(response, goals[response]), body)


def _slices(insights: InsightsReply, response: str, space: Space) -> str:
    slices = insights.slices.get(response, {})
    if not slices:
        return ""
    rank = {name: place for place, (name, _) in enumerate(ranked(insights.importance.get(response, {})))}
    names = sorted((name for name in slices if name in space), key=lambda name: rank.get(name, len(rank)))
    best = {} if insights.best_observed is None else insights.best_observed.covars
    y = response_axis(slices[name] for name in names)
    drawn = "".join(draw_slice(name, space[name], slices[name], y, best.get(name)) for name in names[:MAX_SLICES])
    others = "at their guesses" if insights.best_predicted is None else "as in the best predicted configuration"
    caption = f"Predicted response \N{PLUS-MINUS SIGN} 1 sd along one covariate at a time, the others {others}"
    caption += "; dashed line or orange dot: the best observed run" if best else ""
    n_hidden = len(names) - MAX_SLICES
    caption += f"; {n_hidden} that matter less are not drawn" if n_hidden > 0 else ""
    return _figure(caption, f'<div class="at-row at-slices">{drawn}</div>')


def _front(insights: InsightsReply, space: Space, goals: Responses) -> str:
    objectives = objectives_of(goals)
    if len(objectives) < 2 or not insights.pareto:
        return ""
    picture = draw_front(insights.pareto, objectives, insights.reference) if len(objectives) == 2 else ""
    volume = insights.hypervolume
    n_front = len(insights.pareto)
    caption = f"{counted(n_front, 'run')} on the front: no other run is as good in every objective and better in one"
    caption += "" if volume is None else f"; hypervolume {number_text(volume)}"
    first = next(iter(objectives))
    ordered = sorted(insights.pareto, key=lambda point: point.responses.get(first, 0.0))
    header = (*goals, *space)
    rows = [
        (
            *(_NOTHING if name not in point.responses else number_text(point.responses[name]) for name in goals),
            *(_value(point.covars, name) for name in space),
        )
        for point in ordered[:MAX_ROWS]
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
