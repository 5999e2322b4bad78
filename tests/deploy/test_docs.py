"""The documentation names files that are there, and its links lead somewhere."""

import re

import pytest
from deploy_files import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
# Pages of the site's parts; those on how to do something name files that their readers make.
PARTS = sorted((ROOT / "docs").glob("*/*.md"))
ROOMS = [
    ROOT,
    ROOT / "service",
    ROOT / "service" / "autotune_pictures",
    ROOT / "service" / "autotune_service",
    ROOT / "service" / "autotune_service" / "engine",
    ROOT / "jupyter_ext" / "autotune",
    ROOT / "deploy" / "monitoring",
    ROOT / "bench",
    ROOT / "bench" / "service",
    ROOT / "bench" / "engine",
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_a_page_names_are_there(page):
    named = set(re.findall(r"`([\w./-]+\.(?:py|ipynb|sh|toml|yml))`", page.read_text()))
    named = {name for name in named if "NNNN" not in name}  # a migration that somebody is to write
    assert [name for name in sorted(named) if not any((room / name).exists() for room in ROOMS)] == []


@pytest.mark.parametrize("page", [*PAGES, *PARTS], ids=lambda page: page.name)
def test_links_of_a_page_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_pictures_are_there_each_is_used_and_all_are_small():
    named = {
        (page.parent / name).resolve()
        for page in [*PAGES, *PARTS]
        for name in re.findall(r"""(?:src|srcset)="([^"]+)"|!\[[^]]*\]\(([^)]+)\)""", page.read_text())
        for name in filter(None, name)
    }
    made = set((ROOT / "docs" / "images").glob("*"))
    assert named == {path.resolve() for path in made}
    assert sum(path.stat().st_size for path in made) < 3_000_000


@pytest.mark.parametrize(
    "page", [*PAGES, *PARTS, ROOT / "CHANGELOG.md", ROOT / "bench" / "README.md"], ids=lambda page: page.name
)
def test_prose_is_wrapped_at_one_width(page):
    prose = [line for line in page.read_text().splitlines() if not line.startswith(("|", "    ", "#", "!["))]
    assert [line for line in prose if len(line) > 120 and " " in line[:120].strip()] == []


def test_tests_that_the_page_on_security_names_are_there():
    named = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "security.md").read_text()))
    assert len(named) > 40
    missing = [
        f"{file}::{name}"
        for file, name in sorted(named)
        if not (ROOT / file).exists() or f"def {name}(" not in (ROOT / file).read_text()
    ]
    assert missing == []


def test_page_on_security_has_all_codes_that_close_a_websocket():
    frames = (ROOT / "service" / "autotune_wire" / "frames.py").read_text()
    codes = re.findall(r"^CLOSE_\w+ = (\d+)", frames, re.MULTILINE)
    page = (ROOT / "docs" / "security.md").read_text()
    assert len(codes) > 5
    assert [code for code in codes if code not in page] == []
