"""Notebooks as pages: the cells and what they showed when they were saved. Nothing is run."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from docutils import nodes
from myst_parser.parsers.sphinx_ import MystParser
from sphinx.application import Sphinx

_FENCE = "`" * 8


class NotebookParser(MystParser):
    """Reads a notebook as the Markdown page that it amounts to."""

    supported: tuple[str, ...] = ("notebook",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        """Parse the text of a notebook."""
        super().parse(markdown_of(inputstring), document)


def markdown_of(notebook: str) -> str:
    """Return a notebook, as the text of its file, in Markdown with what its cells showed.

    Raises:
        ValueError: If a cell was saved with an error.
    """
    return "\n".join(_lines(json.loads(notebook)))


def _lines(notebook: Mapping[str, Any]) -> Iterator[str]:
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            yield f"{text}\n"
        elif text:
            yield f"{_FENCE}ipython3\n{text}\n{_FENCE}\n"
            for output in cell["outputs"]:
                yield from _shown(output)


def _shown(output: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an output showed: HTML, else a picture, else text."""
    if output["output_type"] == "error":
        raise ValueError(f"a saved notebook shows an error: {output['ename']}: {output['evalue']}")
    data = output.get("data", {"text/plain": output.get("text", "")})
    if "text/html" in data:
        yield _html("".join(data["text/html"]))
    elif "image/png" in data:
        words = "".join(data.get("text/plain", "")).replace('"', "'").partition("\n")[0]
        yield _html(f'<img alt="{words}" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">')
    else:
        yield f"{_FENCE}\n{''.join(data['text/plain']).rstrip()}\n{_FENCE}\n"


def _html(written: str) -> str:
    return f'{_FENCE}{{raw}} html\n<div class="shown">\n{written}\n</div>\n{_FENCE}\n'


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the suffix of notebooks one of pages, so that links to a notebook lead to its page."""
    app.add_source_suffix(".ipynb", "notebook")
    app.add_source_parser(NotebookParser)
    return {"parallel_read_safe": True}
