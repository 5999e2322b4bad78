import pytest
from fake_service import PASSWORD, SPACE
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from autotune import load_ipython_extension
from support import run_cell


@pytest.fixture
def shell(service, monkeypatch) -> InteractiveShell:
    """A shell of IPython with the magics, whose client speaks to the fake service."""
    monkeypatch.setattr(
        "autotune.notebook.session.open_client",
        lambda url, credentials: service.client(credentials=credentials, url=url),
    )
    monkeypatch.setenv("AUTOTUNE_USERNAME", "a@b.c")
    monkeypatch.setenv("AUTOTUNE_PASSWORD", PASSWORD)
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    load_ipython_extension(shell)
    shell.user_ns["space"] = SPACE
    return shell


@pytest.fixture
def run(shell):
    """Run a line of ``%autotune``."""
    return lambda line: shell.run_line_magic("autotune", line)


@pytest.fixture
def cell(shell, capsys):
    """Run a whole cell as a notebook does, and return what it shows and whether it succeeded."""
    return lambda text: run_cell(shell, capsys, text)
