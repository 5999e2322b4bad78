"""The convergence curve of the primary objective, as SVG.

Every observation is a dot, and the best so far is a step line. A failed run is a cross on the x axis. A run that did
not measure the primary objective is a short tick on the x axis, and one that was stopped early a triangle there. The
place of an excluded run stays empty.

All marks of a kind are one path: the picture is sent with every redraw, and a dot of its own element is six times as
long.
"""

from collections.abc import Sequence
from html import escape
from itertools import accumulate, pairwise
from typing import NamedTuple

from autotune.panel.state import Change, Dot, PanelState
from autotune.panel.status import as_of_text
from autotune.views.pictures.chart import label, ticks
from autotune_pictures.parts.ranges import clamped, widened
from autotune_wire.responses import RESPONSE, AnyObjective, Target, merit, primary_of

WIDTH, HEIGHT = 560, 260
LEFT, RIGHT, TOP, BOTTOM = 58, 14, 14, 38
MAX_DOTS = 300
"""With more observations only some dots are drawn, to keep the picture small; the line still uses all of them."""
MAX_CHANGES = 20
"""Of more changes of the space only the newest are drawn."""
MAX_STEPS = 100
"""With more steps the line has only some of them, and its end."""


class PlotArea(NamedTuple):
    """The ends of both axes.

    Attributes:
        n: The number of places on the x axis, one for each observation and free ones after them.
        low: The lower end of the y axis, in the unit of the response.
        high: The upper end of the y axis.
    """

    n: int
    low: float
    high: float

    def x(self, number: float) -> float:
        """Return the pixel of an observation by its number, counted from 1."""
        return LEFT + (number - 0.5) / self.n * (WIDTH - LEFT - RIGHT)

    def y(self, response: float) -> float:
        """Return the pixel of a response; a response outside the axis is placed at its edge."""
        share = (response - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - min(max(share, 0.0), 1.0) * (HEIGHT - TOP - BOTTOM)


def draw_curve(state: PanelState, n_dots: int = MAX_DOTS) -> str:
    """Draw the observations, the best so far and the prediction for the next run; without observations, empty axes.

    Args:
        state: The state of the panel.
        n_dots: How many observations are drawn at most.
    """
    area, good = _plot_area(state), _good(state.dots)
    parts = [
        _grid(area),
        _name(state),
        _as_of(state),
        *(_change(change, area) for change in state.changes[-MAX_CHANGES:]),
        _target(state, area),
        _line(state, good, area),
        _dots(state.dots, area, n_dots),
        _top(state, good, area),
        _prediction(state, area),
    ]
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'


def best_so_far(responses: Sequence[float], objective: AnyObjective) -> list[float]:
    """Return the best response up to each observation."""
    merits = [merit(objective, response) for response in responses]

    def better(best: int, place: int) -> int:
        return place if merits[place] > merits[best] else best

    return [responses[place] for place in accumulate(range(len(merits)), better)]


def _plot_area(state: PanelState) -> PlotArea:
    n_shown = max(len(state.dots) + 1, 10)
    responses = [dot.response for dot in state.dots if dot.response is not None and not dot.is_excluded]
    if not responses:
        return PlotArea(n_shown, 0.0, 1.0)
    low, high = widened(clamped(min(responses)), clamped(max(responses)))
    span = high - low
    low_end, high_end = _whisker(state) or (low, high)
    # A prediction with a large sd must not flatten the observations: it widens the axis by half their span at most.
    low, high = max(min(low, low_end), low - span / 2), min(max(high, high_end), high + span / 2)
    margin = (high - low) * 0.06
    return PlotArea(n_shown, low - margin, high + margin)


def _whisker(state: PanelState) -> tuple[float, float] | None:
    suggestion = state.suggestion
    if suggestion is None or suggestion.mean is None:
        return None
    sd = suggestion.sd or 0.0
    return clamped(suggestion.mean - sd), clamped(suggestion.mean + sd)


def _grid(area: PlotArea) -> str:
    rows = ticks(area.low, area.high, 5)
    y_step = rows[1] - rows[0] if len(rows) > 1 else area.high - area.low
    parts = [
        f'<line class="at-grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{area.y(row):.1f}" y2="{area.y(row):.1f}"/>'
        f'<text class="at-tick" x="{LEFT - 8}" y="{area.y(row) + 4:.1f}" text-anchor="end">{label(row, y_step)}</text>'
        for row in rows
    ]
    parts += [
        f'<text class="at-tick" x="{area.x(number):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
        f"{number:.0f}</text>"
        for number in ticks(1, area.n, 8)
        if number >= 1 and number == int(number)
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="at-tick" x="{middle}" y="{HEIGHT - 5}" text-anchor="middle">observation</text>')
    return "".join(parts)


def _name(state: PanelState) -> str:
    if not state.responses or list(state.responses) == [RESPONSE]:
        return ""
    return f'<text class="at-tick" x="{LEFT}" y="10">{escape(primary_of(state.responses)[0])}</text>'


def _as_of(state: PanelState) -> str:
    """Write in the picture itself as of when it is: it may be copied without the text around it."""
    if state.as_of is None:
        return ""
    return f'<text class="at-tick" x="{WIDTH - RIGHT}" y="10" text-anchor="end">{as_of_text(state)}</text>'


def _change(change: Change, area: PlotArea) -> str:
    return f'<path class="at-mark" d="M{area.x(change.n_before + 0.5):.1f} {TOP}V{HEIGHT - BOTTOM}"/>'


def _dots(dots: Sequence[Dot], area: PlotArea, n_most: int) -> str:
    every = -(-len(dots) // n_most) or 1
    size = "" if len(dots) <= 100 else " at-small"
    marks: dict[str, list[str]] = {}
    for number in sorted({*range(every, len(dots) + 1, every), len(dots)} - {0}):
        dot = dots[number - 1]
        if not dot.is_excluded:
            kind, mark = _mark(number, dot, area)
            marks.setdefault(kind, []).append(mark)
    return "".join(f'<path class="{kind}{size}" d="{"".join(paths)}"/>' for kind, paths in marks.items())


def _mark(number: int, dot: Dot, area: PlotArea) -> tuple[str, str]:
    """Return the class and the path of the mark of an observation; a line of no length is drawn as a dot."""
    x, axis = area.x(number), HEIGHT - BOTTOM
    if dot.is_failed:
        return "at-cross", f"M{x - 3.5:.1f} {axis - 3.5}l7 7m0 -7l-7 7"
    if dot.is_stopped:
        return "at-open", f"M{x - 2.5:.1f} {axis - 8}l6 4l-6 4z"
    if dot.response is None:
        return "at-tail", f"M{x:.1f} {axis - 5}v5"
    y = area.y(dot.response)
    if dot.is_broken:
        return "at-broken", f"M{x:.1f} {y - 3.5:.1f}l3.5 6h-7z"
    if dot.is_open:
        return "at-open", f"M{x:.1f} {y + 3.5:.1f}l3.5 -6h-7z"
    return "at-model" if dot.source == "model" else "at-first", f"M{x:.1f} {y:.1f}h0"


def _good(dots: Sequence[Dot]) -> list[tuple[int, float]]:
    """Return number and response of the observations that can be the best."""
    return [
        (number, dot.response)
        for number, dot in enumerate(dots, start=1)
        if dot.response is not None and not dot.is_out
    ]


def _top(state: PanelState, good: Sequence[tuple[int, float]], area: PlotArea) -> str:
    if not good:
        return ""
    number, best = max(good, key=lambda numbered: merit(state.primary, numbered[1]))
    return f'<circle class="at-top" cx="{area.x(number):.1f}" cy="{area.y(best):.1f}" r="4.6"/>'


def _target(state: PanelState, area: PlotArea) -> str:
    objective = state.primary
    if not isinstance(objective, Target) or not area.low <= objective.target <= area.high:
        return ""
    return f'<path class="at-mark" d="M{LEFT} {area.y(objective.target):.1f}H{WIDTH - RIGHT}"/>'


def _line(state: PanelState, good: Sequence[tuple[int, float]], area: PlotArea) -> str:
    if not good:
        return ""
    bests = best_so_far([response for _, response in good], state.primary)
    steps = [
        (number, best) for (number, _), (before, best) in zip(good[1:], pairwise(bests), strict=True) if best != before
    ]
    every = -(-len(steps) // MAX_STEPS) or 1
    path = [f"M{area.x(good[0][0]):.1f} {area.y(bests[0]):.1f}"]
    path += [f"H{area.x(number):.1f}V{area.y(best):.1f}" for number, best in [*steps[:-1:every], *steps[-1:]]]
    path.append(f"H{area.x(len(state.dots)):.1f}")
    return f'<path class="at-best" d="{"".join(path)}"/>'


def _prediction(state: PanelState, area: PlotArea) -> str:
    ends = _whisker(state)
    if ends is None or state.suggestion is None or state.suggestion.mean is None or not state.dots:
        return ""
    x, y = area.x(len(state.dots) + 1), area.y(state.suggestion.mean)
    low, high = area.y(ends[0]), area.y(ends[1])
    return (
        f'<g class="at-next"><path d="M{x:.1f} {low:.1f}V{high:.1f}M{x - 4:.1f} {low:.1f}h8M{x - 4:.1f} {high:.1f}h8"/>'
        f'<path class="at-diamond" d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"/></g>'
    )
