"""The live panel as HTML and as plain text.

The HTML has no scripts, fetches nothing, is readable on light and dark backgrounds, and is what a saved notebook keeps:
``panel/status.py`` has what follows from that for its words, ``panel/still.py`` for its pictures.
"""

from html import escape

from autotune.panel.curve import MAX_DOTS, WIDTH, draw_curve
from autotune.panel.front import VOLUME, by_volume, front_html, newest_on_front, volume_of
from autotune.panel.reports import WIDTH as REPORTS_WIDTH
from autotune.panel.reports import draw_reports
from autotune.panel.state import PanelState
from autotune.panel.status import as_of_text, status_text
from autotune.panel.still import image
from autotune.panel.style import framed, legend
from autotune.values import number_text, short, value_text
from autotune.views.candidates import row_texts
from autotune.views.goals import NAMELESS, expected_text, goals_text, label_of, measured_text, response_name
from autotune.views.pictures.style import grid
from autotune.views.shown import counted, labelled, origin_text, prediction_text

_NOTHING = "\N{EN DASH}"

_ORANGE = "color:#dd6b20"
MAX_ROWS = 30
"""With more covariates the table shows the first ones, as it is sent with every redraw."""
MAX_TEXT = 200
"""The longest configuration in the text, in characters."""
MAX_CELL = 48
"""The longest text in a cell, in characters."""

_LEGEND = {
    "line": ("#dd6b20", "\N{BOX DRAWINGS HEAVY HORIZONTAL}", "best so far"),
    "model": ("#2f81f7", "\N{BLACK CIRCLE}", "by the model"),
    "first": ("#8b949e", "\N{BLACK CIRCLE}", "initial or own"),
    "next": ("#2f81f7", "\N{WHITE DIAMOND}", "predicted next"),
    "broken": ("#da3633", "\N{WHITE UP-POINTING TRIANGLE}", "breaks a threshold"),
    "open": ("#8b949e", "\N{WHITE DOWN-POINTING TRIANGLE}", "lacks a threshold's response"),
    "stopped": ("#8b949e", "\N{WHITE RIGHT-POINTING TRIANGLE}", "stopped early"),
    "failed": ("#da3633", "\N{MULTIPLICATION X}", "failed"),
}
_LINES = (
    ("#2f81f7", "\N{BOX DRAWINGS HEAVY HORIZONTAL}", "under way"),
    ("#dd6b20", "\N{BOX DRAWINGS HEAVY TRIPLE DASH HORIZONTAL}", "stopped early"),
    ("#8b949e", "\N{BOX DRAWINGS HEAVY HORIZONTAL}", "ended"),
)


def panel_html(state: PanelState) -> str:
    """Write the panel as HTML."""
    stopped = ""
    if state.stopped and not state.is_closed:
        stopped = f'<div class="at-trouble">Stopped: {escape(state.stopped)}. To continue, resume the experiment.</div>'
    if state.paused is not None:
        because = f": {escape(state.paused)}" if state.paused else ""
        how = "Results are taken; to continue, resume the experiment."
        stopped += f'<div class="at-trouble">Paused{because}. {how}</div>'
    trouble = f'<div class="at-trouble">{escape(state.trouble)}</div>' if state.trouble else ""
    curve = image(
        draw_curve(by_volume(state), MAX_DOTS // 4) if state.has_front else draw_curve(state), panel_text(state), WIDTH
    )
    front = front_html(state) if state.has_front else ""
    return framed(
        f'{_head(state)}<div class="at-body"><div class="at-facts">{_tiles(state)}{_values(state)}{_why(state)}</div>'
        f'<div class="at-picture">{curve}{_legend(state)}</div></div>{front}{_reports(state)}{stopped}{trouble}'
        f'<div class="at-soft">{escape(status_text(state))}</div>'
    )


def _reports(state: PanelState) -> str:
    """Write what runs report, and which of those under way are to be stopped."""
    if not state.reports.lines:
        return ""
    running = state.reports.running
    to_stop = [line.why for line in running if line.why]
    said = f"{counted(len(running), 'run')} under way" + (f", {len(to_stop)} to be stopped" if to_stop else "")
    picture = image(draw_reports(state.reports), f"What the newest runs reported: {said}", REPORTS_WIDTH)
    whys = "".join(f'<div class="at-soft">To be stopped: {escape(why)}.</div>' for why in to_stop[:3])
    return f'<div class="at-part"><div class="at-soft">{said}</div>{picture}{legend(_LINES)}{whys}</div>'


def _legend(state: PanelState) -> str:
    kinds = ["line", "model", "first"]
    kinds += [] if state.has_front else ["next"]
    kinds += ["broken"] if any(dot.is_broken and not (dot.is_failed or dot.is_excluded) for dot in state.dots) else []
    kinds += ["open"] if any(dot.is_open and not (dot.is_failed or dot.is_excluded) for dot in state.dots) else []
    kinds += ["stopped"] if any(dot.is_stopped and not dot.is_excluded for dot in state.dots) else []
    kinds += ["failed"] if any(dot.is_failed and not dot.is_excluded for dot in state.dots) else []
    marks = [_LEGEND[kind] for kind in kinds]
    if state.has_front:
        marks[0] = (*marks[0][:2], "hypervolume so far")
    return legend(marks)


def panel_text(state: PanelState) -> str:
    """Write the panel's numbers as plain text."""
    if _is_blank(state):
        return f"{state.name}: nothing is known yet; {status_text(state)}"
    best = "no best yet"
    if state.has_front:
        n_front = len(state.progress.front)
        best = f"{n_front} on the Pareto front, hypervolume {number_text(volume_of(state) or 0.0)}"
    elif state.best is not None:
        best = f"best {number_text(state.best.response)} at {short(str(state.best.covars), MAX_TEXT)}"
    suggestion = state.suggestion
    next_run = (
        "no suggestion"
        if suggestion is None
        else f"next {short(str(suggestion.covars), MAX_TEXT)} ({suggestion.source})"
    )
    return f"{state.name}, {as_of_text(state)}: {counted(len(state.dots), 'observation')}, {best}, {next_run}"


def _head(state: PanelState) -> str:
    lifecycle = "paused" if state.paused is not None else "stopped" if state.stopped else "active"
    lifecycle = "closed" if state.is_closed else lifecycle
    goals = goals_text(state.responses) if state.responses else state.direction
    notes = (f"{lifecycle} · {goals}", as_of_text(state))
    # The comma is for readers of what is left without the style sheet.
    pills = "".join(f'<span class="at-comma">, </span><span class="at-pill">{escape(note)}</span>' for note in notes)
    return f'<div class="at-head"><b class="at-name">{escape(state.name)}</b>{pills}</div>'


def _tiles(state: PanelState) -> str:
    n_failed = sum(dot.is_failed and not dot.is_excluded for dot in state.dots)
    n_excluded = sum(dot.is_excluded for dot in state.dots)
    n_stopped = sum(dot.is_stopped and not dot.is_excluded for dot in state.dots)
    besides = f", {n_stopped} stopped early" if n_stopped else ""
    besides += (f", {n_failed} failed" if n_failed else "") + (f", {n_excluded} excluded" if n_excluded else "")
    noun = "observation" if len(state.dots) == 1 else "observations"
    tiles = _tile(_NOTHING if _is_blank(state) else str(len(state.dots)), f"{noun}{besides}")
    if state.has_front:
        volume = volume_of(state)
        tiles += _tile(str(len(state.progress.front)), "on the Pareto front", _ORANGE)
        tiles += _tile(_NOTHING if volume is None else f"{volume:.4g}", VOLUME)
    else:
        tiles += _tile(_best(state), f"best {_primary(state)}", _ORANGE)
    return f'<div class="at-tiles">{tiles}</div>'


def _tile(number: str, label: str, style: str = "") -> str:
    styled = f' style="{style}"' if style else ""
    return f'<div class="at-tile"><b{styled}>{escape(number)}</b> <span class="at-soft">{escape(label)}</span></div>'


def _values(state: PanelState) -> str:
    newest = newest_on_front(state) if state.has_front else None
    best = {} if state.best is None else state.best.covars
    if state.has_front:
        best = {} if newest is None else dict(newest.covars)
    suggestion = state.suggestion
    next_run = {} if suggestion is None else suggestion.covars
    rows = [
        (
            labelled(name, state.units.get(name)),
            *(value_text(column[name]) if name in column else _NOTHING for column in (best, next_run)),
        )
        for name in {**next_run, **best}
    ]
    texts = [] if suggestion is None else row_texts(suggestion.candidate)
    rows = [*((name, _NOTHING, text) for name, text in texts), *rows]
    shown = [tuple(short(cell, MAX_CELL) for cell in row) for row in rows[:MAX_ROWS]]
    if len(rows) > MAX_ROWS:
        shown.append((f"and {len(rows) - MAX_ROWS} more", "", ""))
    best_title = "newest on the front" if state.has_front else "best so far"
    return grid(("", best_title, "next"), shown, _totals(state))


def _totals(state: PanelState) -> list[tuple[str, str, str]]:
    suggestion = state.suggestion
    if len(state.responses) < 2:
        predicted = _NOTHING if suggestion is None or suggestion.mean is None else prediction_text(suggestion)
        return [(_primary(state), _best(state), predicted)]
    predictions = {} if suggestion is None else suggestion.predictions
    newest = newest_on_front(state)
    measured = state.best_measured if not state.has_front else {} if newest is None else newest.measured
    return [
        (
            label_of(name, goal),
            measured_text(measured[name], goal, with_bound=False) if name in measured else _NOTHING,
            expected_text(predictions[name], goal, with_bound=False) if name in predictions else _NOTHING,
        )
        for name, goal in state.responses.items()
    ]


def _is_blank(state: PanelState) -> bool:
    """Return whether nothing has come from the service yet, which may be gone."""
    return state.as_of is None and not state.dots


def _primary(state: PanelState) -> str:
    return response_name(state.responses) if state.responses else NAMELESS


def _best(state: PanelState) -> str:
    return _NOTHING if state.best is None else number_text(state.best.response)


def _why(state: PanelState) -> str:
    suggestion = state.suggestion
    if suggestion is None:
        is_held_back = _is_blank(state) or state.is_closed or state.stopped or state.paused is not None
        notice = "" if is_held_back else "The next suggestion is being computed."
        return f'<div class="at-soft">{notice}</div>'
    taken = f". {len(state.taken)} more taken by workers." if state.taken and state.waiting else ""
    return f'<div class="at-soft">Next ({origin_text(suggestion)}): {escape(suggestion.reason)}{taken}</div>'
