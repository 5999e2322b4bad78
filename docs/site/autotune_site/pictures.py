"""Pictures that are light or dark: ``<picture>`` of a page, which a host of repositories shows, as two images here."""

from html.parser import HTMLParser
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform


class _Picture(HTMLParser):
    """Reads one ``<picture>``: its text, and the files of its light and its dark form."""

    def __init__(self, written: str) -> None:
        super().__init__()
        self.text = self.light = self.dark = ""
        self.feed(written)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what a tag says."""
        given = {name: value or "" for name, value in attrs}
        if tag == "source" and "dark" in given.get("media", ""):
            self.dark = given["srcset"]
        if tag == "img":
            self.text, self.light = given["alt"], given["src"]


class BothForms(SphinxTransform):
    """Replaces each ``<picture>`` by two images, of which the theme shows one. So the files are copied and checked."""

    default_priority = 100

    def apply(self, **_: Any) -> None:
        """Replace them all."""
        for raw in [node for node in self.document.findall(nodes.raw) if node.astext().startswith("<picture>")]:
            picture = _Picture(raw.astext())
            images = [
                nodes.image(uri=uri, alt=" ".join(picture.text.split()), classes=[f"only-{theme}"])
                for theme, uri in (("light", picture.light), ("dark", picture.dark))
            ]
            raw.replace_self(nodes.paragraph("", "", *images))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform."""
    app.add_transform(BothForms)
    return {"parallel_read_safe": True}
