import re

import pytest
from fake_service import SPACE
from IPython.core.error import UsageError

from autotune.notebook.help import help_of
from autotune.notebook.magics import COMMANDS, AutotuneMagics


@pytest.mark.parametrize("line", ["", "help"])
def test_help_names_every_command(run, capsys, line):
    run(line)
    assert set(re.findall(r"^  %autotune (\w+)", capsys.readouterr().out, re.MULTILINE)) == {*COMMANDS, "help"}


def test_help_is_what_the_question_mark_shows(run, capsys):
    run("help")
    assert AutotuneMagics.autotune.__doc__ == capsys.readouterr().out


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_fits_a_terminal_of_80_columns(run, capsys, name):
    run(f"help {name}")
    assert [line for line in capsys.readouterr().out.split("\n") if len(line) > 79] == []


@pytest.mark.parametrize("line", ["help load", "load --help", "load -h"])
def test_help_of_a_command_names_its_options(run, capsys, line):
    run(line)
    shown = capsys.readouterr().out
    assert shown == help_of(COMMANDS["load"])
    assert re.findall(r"^  (--\w+)", shown, re.MULTILINE) == ["--ignore", "--decimal", "--again"]


def test_help_of_an_unknown_command_offers_one(run):
    with pytest.raises(UsageError, match="there is no command 'rnu'; did you mean run\\?"):
        run("help rnu")


def test_examples_of_the_help_run(run, shell):
    shell.user_ns["space"] = {name: {**SPACE["x"]} for name in "ab"}
    examples = re.findall(r"^  %autotune (.*)$", COMMANDS["new"].more + COMMANDS["edit"].more, re.MULTILINE)
    shell.user_ns["df"] = [{"solvent": "DMF", "t": 60, "bottle": "A-12"}, {"solvent": "NMP", "t": 80, "bottle": "B-1"}]
    assert len(examples) == 4
    for example in examples:
        assert run(example).n_observations == 0
