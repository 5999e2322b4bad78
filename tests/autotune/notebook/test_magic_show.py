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

        def contour(self, x=None, y=None, *, response=None, at=None):
            calls.append(("contour", x, y, response, at))

        def ternary(self, shares=(), *, response=None, at=None):
            calls.append(("ternary", shares, at))

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


def test_show_takes_what_a_picture_is_of(run, drawn, shell):
    shell.user_ns["best"] = {"base": "KOH"}
    for line in (
        "show contour lr leaf",
        "show contour 'learning rate', leaf --response yield --at {'base': 'KOH'}",
        "show contour lr --at $best",
        "show ternary water dioxane toluene --at best",
        "show history impurity",
    ):
        run(line)
    assert drawn == [
        ("contour", "lr", "leaf", None, None),
        ("contour", "learning rate", "leaf", "yield", {"base": "KOH"}),
        ("contour", "lr", None, None, {"base": "KOH"}),
        ("ternary", ["water", "dioxane", "toluene"], {"base": "KOH"}),
        ("history", "impurity"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "show",
            "of the picture is missing: %autotune show PICTURE [NAME ...]\n"
            "the pictures are compare, contour, history, pareto, ternary, timeline",
        ),
        ("show histroy", "there is no picture 'histroy'; did you mean history?\nthe pictures are compare"),
        ("show _private", "there is no picture '_private'"),
        ("show pareto x", "the picture pareto takes no 'x'\n"),
        ("show compare", "the picture compare needs the name of another experiment"),
        ("show compare Cookie", "you have no experiment named 'Cookie'"),
        ("show pareto --response x", "the picture pareto is not about one response\nleave --response out"),
        ("show history a --response b", "the response is given twice, by 'a' and by --response\ngive it once"),
        ("show history --at {'x': 1}", "the picture history has no values that are held\nleave --at out"),
        ("show contour --at 5", "5 is not a dict of values\n"),
        ("show contour a b c", "the picture contour takes no 'c'\n"),
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
