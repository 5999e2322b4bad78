import contextvars
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from autotune.panel.outlet import Outlet

parent: contextvars.ContextVar[str] = contextvars.ContextVar("parent")
FIRST, SECOND = {"text/plain": "first"}, {"text/plain": "second"}


class Publisher:
    """Notes what is published, and to which cell the message belongs: that of the thread, else the last one."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bool, str]] = []
        self.ids: set[str] = set()

    def publish(self, *, data: dict[str, str], transient: dict[str, str], update: bool, **_rest: Any) -> None:
        self.sent.append((data["text/plain"], update, parent.get("the last cell")))
        self.ids.add(transient["display_id"])


class Shell:
    """Stands in for the shell of a kernel."""

    display_pub_class: type = Publisher

    def __init__(self) -> None:
        self.kernel = object()
        self.display_pub: Any = Publisher()
        self.page = "page 1"
        self.hooks: list[Any] = []
        self.events = SimpleNamespace(
            register=lambda _name, hook: self.hooks.append(hook),
            unregister=lambda _name, hook: self.hooks.remove(hook),
        )

    def get_parent(self) -> dict[str, Any]:
        return {"header": {"session": self.page}}

    def end_cell(self, text: str) -> None:
        for hook in self.hooks:
            hook(SimpleNamespace(info=SimpleNamespace(raw_cell=text)))


@pytest.fixture
def shell(monkeypatch) -> Shell:
    own = Shell()

    def display(bundle: dict[str, str], *, raw: bool, display_id: str) -> None:
        own.display_pub.publish(data=bundle, transient={"display_id": display_id}, update=not raw)

    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: own)
    monkeypatch.setattr("IPython.display.display", display)
    return own


def test_outlet_draws_anew_what_it_showed(shell):
    outlet = Outlet(lambda: None)
    outlet.show(FIRST)
    outlet.update(SECOND)
    assert [(text, update) for text, update, _ in shell.display_pub.sent] == [("first", False), ("second", True)]
    assert len(shell.display_pub.ids) == 1


def test_outlet_draws_for_the_cell_that_runs_whatever_cell_the_thread_comes_from(shell):
    """Other messages are not read, while a cell runs, by what runs notebooks without a page."""
    parent.set("the cell of the panel")
    outlet = Outlet(lambda: None)
    outlet.show(FIRST)
    context = contextvars.copy_context()
    thread = Thread(target=lambda: context.run(outlet.update, SECOND))
    thread.start()
    thread.join()
    assert shell.display_pub.sent[-1] == ("second", True, "the last cell")


def test_outlet_knows_that_the_page_was_loaded_again(shell):
    outlet = Outlet(lambda: None)
    assert not outlet.is_elsewhere
    outlet.show(FIRST)
    assert not outlet.is_elsewhere
    shell.page = "page 2"
    assert outlet.is_elsewhere
    outlet.show(SECOND)
    assert not outlet.is_elsewhere


@pytest.mark.parametrize(
    ("cell", "is_command"),
    [
        ("%autotune ask", True),
        ("x = 1\n  %autotune tell x", True),
        ("%%autotune run -n 3\nx", True),
        ("import autotune", False),
        ("%load_ext autotune", False),
        (None, False),
    ],
)
def test_outlet_calls_back_after_each_cell_with_a_command(shell, cell, is_command):
    called: list[str] = []
    outlet = Outlet(lambda: called.append("called"))
    outlet.show(FIRST)
    outlet.show(FIRST)
    shell.end_cell(cell)
    assert called == ["called"] * is_command


@pytest.mark.parametrize("place", ["terminal", "capture"])
def test_outlet_draws_once_where_nothing_can_be_drawn_again(shell, place):
    if place == "terminal":
        del shell.kernel
    else:
        shell.display_pub = SimpleNamespace(publish=lambda **_: None)
    outlet = Outlet(lambda: None)
    outlet.show(FIRST)
    outlet.update(SECOND)
    assert shell.hooks == []
    if place == "terminal":
        assert [text for text, _, _ in shell.display_pub.sent] == ["first"]


def test_outlet_that_is_closed_draws_no_more(shell):
    outlet = Outlet(lambda: None)
    outlet.show(FIRST)
    outlet.close()
    outlet.update(SECOND)
    assert (len(shell.display_pub.sent), shell.hooks, outlet.is_elsewhere) == (1, [], False)
