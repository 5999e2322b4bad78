"""What a saved notebook keeps of a form: a still of it.

A saved widget shows nothing but an error once its kernel is gone. So a form is two outputs below each other: the still,
as HTML, and the widget. The page shows the still where the widget cannot be drawn: in a notebook that was opened again
or sent to somebody, which is where GitHub and nbconvert show it too.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from typing import Any

from autotune.panel.outlet import Outlet

VIEW = "application/vnd.jupyter.widget-view+json"

# JupyterLab and Notebook 7 put each output into a `.jp-OutputArea-child`. Where a widget is drawn its output has
# children; where its model is gone the output itself is marked as a widget, and holds the text of an error.
_CHOICE = """<style>
.jp-OutputArea-child:has(.atw-still):has(+.jp-OutputArea-child .widget-box),
.jp-OutputArea-child:has(.atw-still)+.jp-OutputArea-child:has(>.jp-OutputArea-output.jupyter-widgets){display:none}
</style>"""


class Keeper:
    """The two outputs of a form.

    Args:
        still: Writes the form as HTML.
        text: Writes the form as plain text.
    """

    def __init__(self, still: Callable[[], str], text: Callable[[], str]) -> None:
        self._still = still
        self._text = text
        self._outlet = Outlet(self.keep)
        self._kept = ""

    def show(self, box: Any) -> None:
        """Display the still and the widget below the running cell."""
        from IPython.display import display

        self._kept = self._still()
        self._outlet.show(self._bundle())
        # The empty HTML is for what draws no widgets, and would show a text such as VBox(...) in its place.
        display({VIEW: box._repr_mimebundle_()[VIEW], "text/html": ""}, raw=True)

    def keep(self) -> None:
        """Draw the still anew, if it is shown and what it shows has changed."""
        still = self._still() if self._kept else ""
        if still != self._kept:
            self._kept = still
            self._outlet.update(self._bundle())

    def _bundle(self) -> dict[str, str]:
        as_of = f"As of {datetime.now(UTC):%H:%M} UTC, {datetime.now(UTC):%d %b %Y}. Run the cell again for the form."
        note = f'<div class="atw-still atw-soft">{escape(as_of)}</div>'
        return {"text/html": f"{_CHOICE}{self._kept}{note}", "text/plain": self._text()}
