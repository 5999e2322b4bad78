"""The reference, written from the code whenever the site is built, so that it cannot say what the code no longer does.

A page of ``docs/reference`` has a directive, ``{reference} settings``, in the place of what is written here.
"""

from collections.abc import Callable, Iterable

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from autotune_site.reference import calls, commands, frames, magics, messages, metrics, problems, python, settings

PARTS: dict[str, Callable[[], Iterable[str]]] = {
    "calls": calls.lines,
    "commands": commands.lines,
    "frames": frames.lines,
    "magics": magics.lines,
    "messages": messages.lines,
    "metrics": metrics.lines,
    "problems": problems.lines,
    "python": python.lines,
    "settings": settings.lines,
}
"""The parts of the reference: what writes each, as lines of Markdown."""


class Reference(SphinxDirective):
    """Stands for a part of the reference."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Write the part, and read it as a part of the page."""
        part = self.arguments[0]
        if part not in PARTS:
            raise self.error(f"there is no part {part!r} of the reference: it is one of {', '.join(PARTS)}")
        self.env.note_reread()  # what the page says depends on the code, which Sphinx does not watch
        return self.parse_text_to_nodes("\n".join(PARTS[part]()), allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the directive."""
    app.add_directive("reference", Reference)
    return {"parallel_read_safe": True}
