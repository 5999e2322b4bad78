"""The bar chart of how much each covariate matters."""

from collections.abc import Mapping
from html import escape

from autotune.views.chart import short, svg, text

WIDTH, ROW, LEFT, RIGHT = 380, 22, 130, 46
MAX_ROWS = 12


def draw_importance(shares: Mapping[str, float]) -> str:
    """Draw a bar for each covariate, the longest first; with more than a dozen, the smallest share one bar.

    Args:
        shares: The importance of each covariate, from 0 to 1.
    """
    rows = ranked(shares)
    if len(rows) > MAX_ROWS:
        others = rows[MAX_ROWS - 1 :]
        rows = [*rows[: MAX_ROWS - 1], (f"{len(others)} others", sum(share for _, share in others))]
    longest = max((share for _, share in rows), default=0.0) or 1.0
    parts = [_bar(index, name, share, share / longest) for index, (name, share) in enumerate(rows)]
    return svg(WIDTH, ROW * len(rows), parts, "How much each covariate matters")


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
