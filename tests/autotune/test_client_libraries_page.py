"""Every block of docs/libraries.md runs as it is printed, in order."""

import re
import textwrap
from pathlib import Path

import optuna
import pytest
from fake_service import PASSWORD
from served import serving

PAGE = Path(__file__).parents[2] / "docs" / "libraries.md"


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_blocks_of_the_page_run(service, monkeypatch, capsys):
    blocks = [textwrap.dedent(block) for block in re.findall(r"(?:^(?: {4}.*)?\n)+", PAGE.read_text(), re.MULTILINE)]
    names: dict[str, object] = {}
    with serving(service) as served:
        for name, value in {"URL": served.url, "USERNAME": "a@b.c", "PASSWORD": PASSWORD}.items():
            monkeypatch.setenv(f"AUTOTUNE_{name}", value)
        for block in filter(str.strip, blocks):
            exec(block, names)
    # One by hand and six by run, ten of the search, ten trials, and these ten again.
    assert len(service.runs) == 1 + 6 + 10 + 10 + 10
    assert "Best(" in capsys.readouterr().out
