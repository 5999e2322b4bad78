"""The program ``autotune`` as a whole: its help, its exit codes, and what it loads."""

import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from autotune.shell import refusals
from autotune_cli import main as program
from autotune_cli.main import EXIT_CODES, SECTIONS, main
from autotune_service import cli
from autotune_service.commands.common import OTHER_VERSION
from processes import environment

PLACES = {name: place for section in SECTIONS.values() for name, place in section.items()}
HEAVY = {"numpy", "pandas", "torch", "scipy", "IPython", "ipywidgets"}
OF_SERVICE = {"quart", "sqlalchemy", "asyncpg", "hypercorn", "autotune_service.app", "autotune_service.settings"}
OF_CLIENT = {"autotune", "httpx2", "pydantic"}


@pytest.mark.parametrize("name", PLACES)
def test_command_is_where_the_help_says_and_describes_itself(name):
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_service_alone_has_all_its_own_commands():
    assert set(cli.main.commands) == {
        name for name, place in PLACES.items() if place.module.startswith("autotune_service.")
    }


def test_help_has_every_command_in_its_section_and_every_exit_code():
    shown = CliRunner().invoke(main, ["--help"]).stdout
    sections = dict(re.findall(r"^(\S[^\n]*):\n((?:  .*\n)+)", shown, re.MULTILINE))
    for title, places in SECTIONS.items():
        assert re.findall(r"^  (\S+)", sections[title], re.MULTILINE) == list(places)
    assert [int(code) for code in re.findall(r"^  (\d)  ", sections["Exit codes"], re.MULTILINE)] == list(EXIT_CODES)
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_every_exit_code_is_described_in_the_help_and_on_the_page(root):
    ended_with = {
        value for name, value in vars(refusals).items() if name.isupper() and isinstance(value, int) and name[0] != "_"
    }
    assert {0, OTHER_VERSION, *ended_with} == set(EXIT_CODES)
    page = (root / "docs" / "command-line.md").read_text()
    told = re.findall(r"^\| (\d) \| (.+) \|$", page.partition("## Exit codes")[2], re.MULTILINE)
    assert [int(code) for code, _ in told] == list(EXIT_CODES)
    unnamed = [name for name in PLACES if f"`{name}" not in page]
    assert unnamed == []


def loaded_by(*arguments):
    script = (
        "import sys\nfrom autotune_cli.main import main\n"
        f"main({list(arguments)!r}, standalone_mode=False)\nprint(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, timeout=120, check=True
    )
    return set(ended.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (("--help",), HEAVY | OF_SERVICE | OF_CLIENT),
        (("ask", "--help"), HEAVY | OF_SERVICE),
        (("serve", "--help"), HEAVY | {"autotune", "httpx2"}),
    ],
)
def test_help_of_a_command_loads_no_more_than_the_command_needs(arguments, unwanted):
    assert loaded_by(*arguments) & unwanted == set()


def test_command_whose_part_is_not_installed_says_how_to_install_it(monkeypatch):
    def missing(module):
        raise ModuleNotFoundError(f"No module named 'quart' in {module}", name="quart")

    monkeypatch.setattr(program, "import_module", missing)
    ended = CliRunner().invoke(main, ["serve"])
    assert ended.exit_code == 1
    assert "autotune serve needs quart, which is not installed" in ended.stderr
    assert "autotune-bo[service]" in ended.stderr


def test_unknown_command_is_a_usage_error():
    ended = CliRunner().invoke(main, ["aks"])
    assert ended.exit_code == 2
    assert "No such command 'aks'" in ended.stderr
