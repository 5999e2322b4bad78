"""Puts a picture into HTML so that it is drawn wherever a notebook is read.

A notebook that is not trusted, and GitHub's viewer, strip ``<svg>`` and ``<style>`` from HTML, but draw an ``<img>``
that holds its picture. Nothing reaches into an ``<img>``, so the picture has its own style sheet and no titles, and
cannot follow the theme: its colours and texts are of a middle lightness, which is readable on white and on near-black.
"""

import base64
import re
from collections.abc import Sequence
from html import escape

_TITLE = re.compile(r"<title>.*?</title>")
_CIRCLE = re.compile(r'<circle class="(at-dot [^"]*)" r="([^"]*)" cx="([^"]*)" cy="([^"]*)"></circle>')

_MARKS = """<style>
text{fill:#7a7a7a;font:11px system-ui,sans-serif}path,circle{fill:none}
.at-grid{stroke:#808080;stroke-opacity:.25}.at-mark{stroke:#808080;stroke-dasharray:3 3}
.at-model,.at-first{stroke-width:7;stroke-linecap:round}.at-small{stroke-width:4.4}
.at-model{stroke:#2f81f7;stroke-opacity:.8}.at-first{stroke:#8b949e}
.at-broken,.at-cross{stroke:#da3633;stroke-width:1.6}.at-open,.at-tail{stroke:#8b949e;stroke-width:1.6}
.at-best{stroke:#dd6b20;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.at-top{fill:#dd6b20;stroke:#dd6b20}.at-dot{stroke-linecap:round}.at-next path{stroke:#2f81f7;stroke-width:1.4}
.at-under,.at-halted,.at-past{stroke-width:1.6;stroke-linejoin:round}.at-past{stroke:#8b949e;stroke-opacity:.6}
.at-under{stroke:#2f81f7}.at-halted{stroke:#dd6b20;stroke-dasharray:5 3}
path.at-end{stroke-width:6;stroke-linecap:round;stroke-dasharray:none}
.at-pale{stroke:#8b949e;stroke-opacity:.5}.at-ring{stroke:#dd6b20}
</style>"""


def image(svg: str, description: str, width: int) -> str:
    """Return an ``<img>`` that holds a picture.

    Args:
        svg: The picture: an ``<svg>`` whose marks have the classes of the style sheet above.
        description: The text alternative.
        width: The width in pixels; on a narrower page the picture shrinks.
    """
    opened = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    whole = _with_dots_joined(_TITLE.sub("", opened)).replace(">", f">{_MARKS}", 1)
    content = base64.b64encode(whole.encode()).decode()
    shown = f'alt="{escape(description)}" width="{width}"'
    return f'<img class="at-image" src="data:image/svg+xml;base64,{content}" {shown}/>'


def beside(svgs: Sequence[str], width: int, height: int) -> str:
    """Return one picture with several of the same size beside each other."""
    frames = [
        svg.replace("<svg ", f'<svg x="{place * width}" width="{width}" height="{height}" ', 1)
        for place, svg in enumerate(svgs)
    ]
    return f'<svg viewBox="0 0 {width * len(svgs)} {height}">{"".join(frames)}</svg>'


def _with_dots_joined(svg: str) -> str:
    """Return a picture in which the dots of a kind are one path, which is a fifth as long as an element for each."""
    places: dict[tuple[str, str], list[str]] = {}
    for kind, radius, x, y in _CIRCLE.findall(svg):
        places.setdefault((kind, radius), []).append(f"M{x} {y}h0")

    def joined(circle: re.Match[str]) -> str:
        path = "".join(places.pop((circle[1], circle[2]), []))
        return f'<path class="{circle[1]}" style="stroke-width:{2 * float(circle[2]):g}" d="{path}"/>' if path else ""

    return _CIRCLE.sub(joined, svg)
