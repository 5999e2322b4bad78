"""The bar chart of how much each covariate matters."""

from collections.abc import Mapping, Sequence
from html import escape

from autotune.views.pictures.chart import short, svg, text

WIDTH, ROW, LEFT, RIGHT = 380, 22, 130, 46
MAX_ROWS, MAX_UNKNOWN = 12, 4
NOT_VARIED = "not varied yet"


def draw_importance(shares: Mapping[str, float], not_varied: Sequence[str] = ()) -> str:
    """Draw a bar for each covariate, the longest first; with more than a dozen, the smallest share one bar.

    Args:
        shares: The importance of each covariate, from 0 to 1.
        not_varied: The covariates that had one value in all runs. They have no bar: nobody knows how much they matter.
    """
    rows = ranked({name: share for name, share in shares.items() if name not in not_varied})
    if len(rows) > MAX_ROWS:
        others = rows[MAX_ROWS - 1 :]
        rows = [*rows[: MAX_ROWS - 1], (f"{len(others)} others", sum(share for _, share in others))]
    longest = max((share for _, share in rows), default=0.0) or 1.0
    parts = [_bar(index, name, share, share / longest) for index, (name, share) in enumerate(rows)]
    unknown = list(not_varied)
    if len(unknown) > MAX_UNKNOWN:
        unknown = [*unknown[: MAX_UNKNOWN - 1], f"{len(unknown) - MAX_UNKNOWN + 1} others"]
    parts += [_no_bar(len(rows) + index, name) for index, name in enumerate(unknown)]
    return svg(WIDTH, ROW * len(parts), parts, "How much each covariate matters")


def ranked(shares: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return the covariates with their shares, the largest share first."""
    return sorted(shares.items(), key=lambda item: -item[1])


def _bar(index: int, name: str, share: float, of_longest: float) -> str:
    top = index * ROW
    length = max(of_longest, 0.0) * (WIDTH - LEFT - RIGHT)
    return (
        f"<g><title>{escape(name)}: {share:.1%}</title>"
        + text(LEFT - 8, top + 15, short(name, 20), "end")
        + f'<rect class="at-bar" x="{LEFT}" y="{top + 4}" height="{ROW - 8}" width="{max(length, 1):.1f}" rx="2"/>'
        + text(LEFT + max(length, 1) + 6, top + 15, f"{share:.0%}", "start")
        + "</g>"
    )


def _no_bar(index: int, name: str) -> str:
    top = index * ROW
    label, note = text(LEFT - 8, top + 15, short(name, 20), "end"), text(LEFT, top + 15, NOT_VARIED, "start")
    return f"<g><title>{escape(name)}: {NOT_VARIED}</title>{label}{note}</g>"
