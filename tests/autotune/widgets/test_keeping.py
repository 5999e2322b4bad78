"""A form is two outputs: a still, which the notebook keeps, and the widget."""

from types import SimpleNamespace
from typing import Any

import pytest
from ipywidgets import VBox

from autotune.widgets.keeping import VIEW, Keeper


class Publisher:
    """Notes what is drawn anew."""

    def __init__(self) -> None:
        self.updates: list[tuple[str, str]] = []

    def publish(self, *, data: dict[str, str], transient: dict[str, str], **_rest: Any) -> None:
        self.updates.append((transient["display_id"], data["text/html"]))


@pytest.fixture
def shell(monkeypatch):
    """Stand in for the shell of a kernel."""
    publisher = Publisher()
    events = SimpleNamespace(register=lambda *_given: None)
    own = SimpleNamespace(
        kernel=object(), display_pub=publisher, display_pub_class=Publisher, events=events, get_parent=dict, shown=[]
    )
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: own)
    monkeypatch.setattr(
        "IPython.display.display", lambda data, *, raw, display_id=None: own.shown.append((display_id, data))
    )
    return own


@pytest.fixture
def form():
    return SimpleNamespace(html="<b>first</b>")


@pytest.fixture
def keeper(form):
    return Keeper(lambda: form.html, lambda: "Form(first)")


def test_form_is_shown_as_a_still_and_a_widget_below(keeper, shell):
    keeper.show(VBox())
    [(still_id, still), (widget_id, widget)] = shell.shown
    assert set(still) == {"text/html", "text/plain"}
    assert "<b>first</b>" in still["text/html"]
    assert "As of " in still["text/html"]
    assert still["text/plain"] == "Form(first)"
    assert still_id is not None
    assert widget_id is None
    # Any text beside the widget would stand a second time where no widget is drawn.
    assert set(widget) == {VIEW, "text/html"}
    assert widget["text/html"] == ""


def test_still_is_drawn_anew_when_it_changed(keeper, form, shell):
    keeper.keep()
    keeper.show(VBox())
    keeper.keep()
    assert shell.display_pub.updates == []
    form.html = "<b>second</b>"
    keeper.keep()
    [(display_id, html)] = shell.display_pub.updates
    assert display_id == shell.shown[0][0]
    assert "<b>second</b>" in html
