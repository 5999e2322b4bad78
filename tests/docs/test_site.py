"""The documentation builds as a site: links and anchors lead somewhere, and nothing is fetched from elsewhere."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import pytest
from documented import ROOT

from autotune.notebook.magics import COMMANDS
from autotune_service.settings import Settings
from autotune_wire import frames

# What a page loads by itself; a link is followed by whoever clicks it.
_LOADS = {
    ("img", "src"),
    ("script", "src"),
    ("link", "href"),
    ("source", "srcset"),
    ("iframe", "src"),
    ("object", "data"),
}


def _build(source: Path, target: Path) -> "subprocess.CompletedProcess[str]":
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-qWb",
        "html",
        "-c",
        str(ROOT / "docs" / "site"),
        str(source),
        str(target),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    built = _build(ROOT, target)
    assert built.returncode == 0, built.stderr
    return target


class _Loaded(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses |= {value or "" for name, value in attrs if (tag, name) in _LOADS}


def test_pages_load_nothing_from_elsewhere(site: Path):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    styles = [path.read_text() for path in site.rglob("*.css")]
    loaded = {address for page in pages for address in _Loaded(page.read_text()).addresses}
    loaded |= {address for style in styles for address in re.findall(r"url\([\"']?([^\"')]+)", style)}
    assert len(loaded) > 10
    assert [address for address in loaded if re.match(r"(https?:)?//", address)] == []


def test_reference_has_all_that_the_code_has(site: Path):
    def page(name: str) -> str:
        return (site / "docs" / "reference" / f"{name}.html").read_text()

    settings, magics, events = page("settings"), page("magics"), page("frames")
    assert [name for name in Settings.model_fields if f"AUTOTUNE_{name.upper()}" not in settings] == []
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
    assert [name for name in COMMANDS if f"%autotune {name}" not in magics] == []
    assert [name for name in get_args(frames.EventType) if name not in events] == []
    assert "/experiment/tell/{exp_uuid}" in page("calls")
    assert "covars_next_exp" in page("messages")
    assert "already_told" in page("problems")
    assert "autotune backup" in page("commands")
    assert "autotune_engine_seconds" in page("metrics")
    assert "autotune.AsyncExperiment" in page("python")


def test_notebook_is_a_page_with_what_it_showed(site: Path):
    page = (site / "notebooks" / "01-quickstart.html").read_text()
    assert 'src="data:image/png;base64,' in page
    assert 'href="02-lab.html"' in page


def test_what_leads_nowhere_stops_the_build(tmp_path: Path):
    pages = tmp_path / "source" / "docs"
    pages.mkdir(parents=True)
    (pages / "index.md").write_text("# Index\n\n```{toctree}\nengine\n```\n")
    (pages / "engine.md").write_text(
        "# Engine\n\n[anchor](engine.md#no-such-heading) [page](no-such-page.md) ![picture](no-such-picture.png)\n\n"
        "```{reference} no-such-part\n```\n"
    )
    (pages / "stray.md").write_text("# In no list\n")
    built = _build(tmp_path / "source", tmp_path / "site")
    assert built.returncode != 0
    for said in ("no-such-heading", "no-such-page", "no-such-picture", "no-such-part", "stray.md"):
        assert said in built.stderr
