import builtins
import io
import re
import sys

import pytest
from fake_service import SPACE

import autotune
from autotune.running.progress import progress_of
from autotune.views.shown import Observation


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Put a terminal in place of stderr; pytest would undo that before the test if it were a fixture."""
    found = Terminal()
    monkeypatch.setattr(sys, "stderr", found)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delattr(builtins, "__IPYTHON__", raising=False)  # other tests leave a shell behind
    return found


def _measure(configuration):
    return configuration["x"]


def _shown(text: str) -> str:
    """Leave out what moves the cursor and colours the text."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_lines_say_what_was_told_and_the_best(experiment, capsys):
    outcomes = iter([1.0, autotune.RunFailed, 0.25])

    def measure(_configuration):
        outcome = next(outcomes)
        if isinstance(outcome, float):
            return outcome
        raise outcome

    told = []
    experiment.run(measure, 3, told.append, progress=True)
    assert re.sub(r"after \d+ s(, about \d+ s left)?", "after ... s", capsys.readouterr().err).splitlines() == [
        "1 of 3 told after ... s: response 1; best 1",
        "2 of 3 told after ... s: status failed; best 1",
        "3 of 3 told after ... s: response 0.25; best 1",
    ]
    assert len(told) == 3


def test_best_is_that_of_earlier_runs_too(experiment, capsys):
    experiment.tell({"x": 0.5}, 3.0)
    experiment.state()
    experiment.run(_measure, 1, progress=True)
    assert "response 0.5; best 3" in capsys.readouterr().err


def _seen(value):
    return Observation.model_construct(response=value, responses={"y": value}, sds={}, status="ok", is_excluded=False)


@pytest.mark.parametrize(
    ("responses", "best"), [({"y": "minimize"}, 2), ({"y": "= 4"}, 5), ({"y": "maximize"}, 9), (None, 9)]
)
def test_best_is_meant_as_the_goal_says(client, capsys, responses, best):
    experiment = client.new("goal", SPACE, responses=responses)
    with progress_of(experiment, 3, None, wanted=True) as report:
        for value in (9.0, 5.0, 2.0):
            report(_seen(value))
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"best {best}")


def test_terminal_shows_a_bar_with_rich(experiment, monkeypatch):
    terminal = _terminal(monkeypatch)
    experiment.run(_measure, 3)
    shown = _shown(terminal.getvalue())
    assert "3/3" in shown
    assert "response 0.5; best 0.5" in shown


def test_terminal_shows_lines_without_rich(experiment, monkeypatch):
    terminal = _terminal(monkeypatch)
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    experiment.run(_measure, 2)
    assert len(terminal.getvalue().splitlines()) == 2


@pytest.mark.parametrize("wanted", [None, False])
def test_nothing_is_shown_in_a_log_or_unasked(experiment, capsys, wanted):
    experiment.run(_measure, 2, progress=wanted)
    assert capsys.readouterr().err == ""


def test_nothing_is_shown_in_ipython_unasked(experiment, monkeypatch):
    terminal = _terminal(monkeypatch)
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    experiment.run(_measure, 2)
    assert terminal.getvalue() == ""
