import pytest
from IPython.core.error import UsageError

from autotune.errors import ConnectionFailedError
from autotune.notebook.completion import Completer
from autotune.notebook.expressions import Expressions
from autotune.notebook.magics import COMMANDS


@pytest.fixture
def drawn(run, monkeypatch):
    """What was drawn: the name of each picture and its arguments. The pictures have tests of their own."""
    made = run("new brownies space")
    calls = []

    class Plots:
        def history(self, response=None):
            calls.append(("history", response))

        def pareto(self):
            calls.append(("pareto",))

        def timeline(self):
            raise ConnectionFailedError("cannot reach the service at http://there")

        def compare(self, other):
            calls.append(("compare", other.name))

    monkeypatch.setattr(type(made), "plot", Plots(), raising=False)
    return calls


def test_show_draws_a_picture_by_name(run, drawn):
    run("new cookies space")
    for line in ("show history", "show history --response 'total yield'", "show pareto", "show compare brownies"):
        run(line)
    assert drawn == [("history", None), ("history", "total yield"), ("pareto",), ("compare", "brownies")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "show",
            "of the picture is missing: %autotune show PICTURE\nthe pictures are compare, history, pareto, timeline",
        ),
        ("show histroy", "there is no picture 'histroy'; did you mean history?\nthe pictures are compare"),
        ("show _private", "there is no picture '_private'"),
        ("show pareto x", "the picture pareto takes no 'x'\n"),
        ("show compare", "the picture compare needs the name of another experiment"),
        ("show compare Cookie", "you have no experiment named 'Cookie'"),
        ("show pareto --response x", "the picture pareto is not about one response\nleave --response out"),
    ],
)
def test_show_says_which_pictures_there_are(run, drawn, line, message):
    with pytest.raises(UsageError) as caught:
        run(line)
    assert message in str(caught.value)
    assert drawn == []


def test_show_names_a_service_that_is_gone(cell, drawn):
    shown, is_right = cell("%autotune show timeline")
    assert not is_right
    [error, advice] = shown.splitlines()
    assert error == "ConnectionFailedError: cannot reach the service at http://there"
    assert advice.startswith("run the command again once the service is up")


def test_tab_completes_pictures(shell, drawn):
    session = shell.magics_manager.registry["AutotuneMagics"].session
    offered = Completer(COMMANDS, session, Expressions(shell)).offered
    assert offered("%autotune show hi") == ("hi", ["history"])
    assert offered("%autotune show history --re") == ("--re", ["--response"])
    session.close()
    assert offered("%autotune show hi") == ("hi", [])
