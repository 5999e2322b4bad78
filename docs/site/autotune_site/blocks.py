"""Blocks of code: the language of those that do not say, so that indented ones have colours too."""

import ast
import json
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

_SHELL = re.compile(
    r"^(?:\$PY |[A-Z_]+=\S* *$|(?:[A-Z_]+=\S+ )?(?:autotune|cd|chmod|cp|curl|docker|echo|export|git|make|mkdir|pip|"
    r"python3?|sbatch|sh|\.venv/bin/\w+) )",
    re.MULTILINE,
)


def language_of(text: str) -> str:
    """Return the language of a block as Pygments calls it; ``text`` where it is none of those that the pages have."""
    if re.search(r"^%", text, re.MULTILINE):
        return "ipython3"
    if text.startswith("{") and _is_json(text):
        return "json"
    if _SHELL.search(text):
        return "bash"
    return "python" if _is_python(text) else "text"


def _is_json(text: str) -> bool:
    # Either one document, or one on each line.
    for parts in ([text], text.splitlines()):
        try:
            return all(isinstance(json.loads(part), dict) for part in parts)
        except ValueError:
            continue
    return False


def _is_python(text: str) -> bool:
    try:
        statements = ast.parse(text).body
    except SyntaxError:
        return False
    # A list of words can be read as expressions.
    return any(not isinstance(one, ast.Expr) or isinstance(one.value, ast.Call) for one in statements)


class Languages(SphinxTransform):
    """Names the language of each block that names none."""

    default_priority = 100

    def apply(self, **_: Any) -> None:
        """Name them all."""
        for block in self.document.findall(nodes.literal_block):
            if block.get("language") in (None, "none"):
                block["language"] = language_of(block.astext())


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform."""
    app.add_transform(Languages)
    return {"parallel_read_safe": True}
