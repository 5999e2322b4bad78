"""Puts a picture into HTML so that it is drawn wherever a notebook is read.

A notebook that is not trusted, and GitHub's viewer, strip ``<svg>`` and ``<style>`` from HTML, but draw an ``<img>``
that holds its picture. Nothing reaches into an ``<img>``, so the picture has its own style sheet and no titles, and
cannot follow the theme: its colours and texts are of a middle lightness, which is readable on white and on near-black.
"""

import base64
import re
from html import escape

_TITLE = re.compile(r"<title>.*?</title>")

_MARKS = """<style>
text{fill:#7a7a7a;font:11px system-ui,sans-serif}path,circle{fill:none}
.at-grid{stroke:#808080;stroke-opacity:.25}.at-mark{stroke:#808080;stroke-dasharray:3 3}
.at-model,.at-first{stroke-width:7;stroke-linecap:round}.at-small{stroke-width:4.4}
.at-model{stroke:#2f81f7;stroke-opacity:.8}.at-first{stroke:#8b949e}
.at-broken,.at-cross{stroke:#da3633;stroke-width:1.6}.at-tail{stroke:#8b949e;stroke-width:1.6}
.at-best{stroke:#dd6b20;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.at-top{fill:#dd6b20}.at-next path{stroke:#2f81f7;stroke-width:1.4}
.at-pale{fill:#8b949e;fill-opacity:.5}.at-ring{stroke:#dd6b20}
</style>"""


def image(svg: str, description: str, width: int) -> str:
    """Return an ``<img>`` that holds a picture.

    Args:
        svg: The picture: an ``<svg>`` whose marks have the classes of the style sheet above.
        description: The text alternative.
        width: The width in pixels; on a narrower page the picture shrinks.
    """
    opened = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    whole = _TITLE.sub("", opened).replace(">", f">{_MARKS}", 1)
    content = base64.b64encode(whole.encode()).decode()
    shown = f'alt="{escape(description)}" width="{width}"'
    return f'<img class="at-image" src="data:image/svg+xml;base64,{content}" {shown}>'
