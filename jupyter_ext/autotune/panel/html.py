"""The live panel as HTML and as plain text.

The HTML has no scripts, fetches nothing and is readable on light and dark backgrounds.
"""

from html import escape

from autotune.panel.curve import draw_curve
from autotune.panel.state import PanelState
from autotune.values import number_text, value_text
from autotune.views.shown import counted, goals_text, origin_text, predicted_text, prediction_text
from autotune.views.style import STYLE
from autotune_wire.responses import primary_of

_NOTHING = "\N{EN DASH}"

_LEGEND = (
    '<span><svg><path class="at-best" d="M1 5H17"/></svg>best so far</span>'
    '<span><svg><circle class="at-dot at-model" cx="9" cy="5" r="3.4"/></svg>by the model</span>'
    '<span><svg><circle class="at-dot at-first" cx="9" cy="5" r="3.4"/></svg>initial or own</span>'
    '<span><svg class="at-next"><path class="at-diamond" d="M9 0l5 5l-5 5l-5 -5z"/></svg>predicted next</span>'
)
_FAILED = '<span><svg><path class="at-cross" d="M5.5 1.5l7 7m0 -7l-7 7"/></svg>failed</span>'
_BROKEN = '<span><svg><circle class="at-dot at-broken" cx="9" cy="5" r="3.4"/></svg>breaks a threshold</span>'


def panel_html(state: PanelState) -> str:
    """Write the panel as HTML."""
    stopped = ""
    if state.stopped and not state.is_closed:
        stopped = f'<div class="at-trouble">Stopped: {escape(state.stopped)}. To continue, resume the experiment.</div>'
    trouble = f'<div class="at-trouble">{escape(state.trouble)}</div>' if state.trouble else ""
    return (
        f'{STYLE}<div class="at-panel">{_head(state)}<div class="at-body">'
        f'<div class="at-facts">{_tiles(state)}{_values(state)}{_why(state)}</div>'
        f'<div class="at-picture">{draw_curve(state)}{_legend(state)}</div></div>{stopped}{trouble}</div>'
    )


def _legend(state: PanelState) -> str:
    drawn = [dot for dot in state.dots if not dot.is_excluded]
    failed = _FAILED if any(dot.is_failed for dot in drawn) else ""
    broken = _BROKEN if any(dot.is_broken and not dot.is_failed for dot in drawn) else ""
    return f'<div class="at-legend">{_LEGEND}{broken}{failed}</div>'


def panel_text(state: PanelState) -> str:
    """Write the panel's numbers as plain text."""
    best = "no best yet" if state.best is None else f"best {number_text(state.best.response)} at {state.best.covars}"
    suggestion = state.suggestion
    next_run = "no suggestion" if suggestion is None else f"next {suggestion.covars} ({suggestion.source})"
    return f"{state.name}: {counted(len(state.dots), 'observation')}, {best}, {next_run}"


def _head(state: PanelState) -> str:
    lifecycle = "closed" if state.is_closed else "stopped" if state.stopped else "active"
    goals = goals_text(state.responses) if state.responses else state.direction
    return (
        f'<div class="at-head"><span class="at-name">{escape(state.name)}</span>'
        f'<span class="at-pill">{lifecycle} · {escape(goals)}</span>'
        f'<span class="at-pill at-{state.link}"><i></i>{state.link}</span></div>'
    )


def _tiles(state: PanelState) -> str:
    n_failed = sum(dot.is_failed and not dot.is_excluded for dot in state.dots)
    n_excluded = sum(dot.is_excluded for dot in state.dots)
    besides = (f", {n_failed} failed" if n_failed else "") + (f", {n_excluded} excluded" if n_excluded else "")
    noun = "observation" if len(state.dots) == 1 else "observations"
    name = "response" if len(state.responses) < 2 else primary_of(state.responses)[0]
    return (
        f'<div class="at-tiles"><div class="at-tile"><b>{len(state.dots)}</b>'
        f'<span class="at-soft">{noun}{besides}</span></div>'
        f'<div class="at-tile"><b style="color:var(--at-orange)">{_best(state)}</b>'
        f'<span class="at-soft">best {escape(name)}</span></div></div>'
    )


def _values(state: PanelState) -> str:
    best = {} if state.best is None else state.best.covars
    suggestion = state.suggestion
    next_run = {} if suggestion is None else suggestion.covars
    rows = [
        (name, *(value_text(column[name]) if name in column else _NOTHING for column in (best, next_run)))
        for name in {**next_run, **best}
    ]
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    totals = "".join(f'<tr class="at-sum">{_cells(row)}</tr>' for row in _totals(state))
    return (
        '<div class="at-scroll"><table class="at-values"><thead><tr><th></th><th>best so far</th><th>next</th></tr>'
        f"</thead><tbody>{body}{totals}</tbody></table></div>"
    )


def _totals(state: PanelState) -> list[tuple[str, str, str]]:
    suggestion = state.suggestion
    if len(state.responses) < 2:
        predicted = _NOTHING if suggestion is None or suggestion.mean is None else prediction_text(suggestion)
        return [("response", _best(state), predicted)]
    predictions = {} if suggestion is None else suggestion.predictions
    return [
        (
            name,
            number_text(state.best_measured[name]) if name in state.best_measured else _NOTHING,
            predicted_text(predictions[name]) if name in predictions else _NOTHING,
        )
        for name in state.responses
    ]


def _best(state: PanelState) -> str:
    return _NOTHING if state.best is None else number_text(state.best.response)


def _cells(row: tuple[str, ...]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in row)


def _why(state: PanelState) -> str:
    suggestion = state.suggestion
    if suggestion is None:
        notice = "" if state.is_closed or state.stopped else "The next suggestion is being computed."
        return f'<div class="at-why">{notice}</div>'
    taken = f" {len(state.taken)} more taken by workers." if state.taken and state.waiting else ""
    return f'<div class="at-why">Next ({origin_text(suggestion)}): {escape(suggestion.reason)}{taken}</div>'
