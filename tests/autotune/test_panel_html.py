from html.parser import HTMLParser
from uuid import uuid4

import pytest
from fake_service import suggestion

from autotune.panel_html import panel_html, panel_text
from autotune.panel_state import Dot, PanelState
from autotune_wire.experiments import Best
from autotune_wire.suggestions import Suggestion

EVIL = "<img src=x onerror=alert(1)>"


class _Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def _state(**changes) -> PanelState:
    told = Suggestion.model_validate(suggestion(0.25))
    best = Best(observation_uuid=uuid4(), covars={"x": 0.75}, response=0.98)
    whole = {"dots": (Dot(0.5, "guess"), Dot(0.98, "model")), "best": best, "waiting": {told.suggestion_uuid: told}}
    return PanelState("brownies", "maximize", **{**whole, **changes})


def test_panel_shows_count_best_and_next():
    html = panel_html(_state())
    for shown in ("brownies", "<b>2</b>", "0.98", "0.75", "0.25", "0.900 ± 0.010", "model", "it may be better"):
        assert shown in html


@pytest.mark.parametrize("link", ["connecting", "live", "reconnecting", "stopped"])
def test_panel_shows_its_connection(link):
    assert f"<i></i>{link}</span>" in panel_html(_state(link=link))


def test_panel_shows_that_the_experiment_is_closed():
    assert "closed · maximize" in panel_html(_state(is_closed=True, waiting={}))


def test_panel_says_that_the_next_suggestion_is_being_computed():
    assert "being computed" in panel_html(_state(waiting={}))


def test_panel_shows_trouble():
    assert "The engine failed: no model" in panel_html(_state(trouble="The engine failed: no model"))


def test_panel_counts_suggestions_that_workers_took():
    taken = Suggestion.model_validate(suggestion())
    assert "1 more taken by workers" in panel_html(_state(taken={taken.suggestion_uuid: taken}))


def test_panel_escapes_what_users_wrote():
    told = Suggestion.model_validate({**suggestion(), "covars": {EVIL: EVIL}, "reason": EVIL})
    best = Best(observation_uuid=uuid4(), covars={EVIL: EVIL}, response=1)
    state = PanelState(EVIL, "maximize", best=best, waiting={told.suggestion_uuid: told}, trouble=EVIL)
    assert "img" not in _Tags(panel_html(state)).tags


def test_panel_runs_and_fetches_nothing():
    html = panel_html(_state())
    assert not {"script", "img", "link", "iframe", "image", "use"} & set(_Tags(html).tags)
    assert "url(" not in html
    assert "http" not in html


@pytest.mark.parametrize("state", [_state(), PanelState("n", "minimize")])
def test_panel_closes_every_tag(state):
    assert _Tags(panel_html(state)).open == []


def test_panel_as_text_says_the_same():
    assert panel_text(_state()) == ("brownies: 2 observations, best 0.98 at {'x': 0.75}, next {'x': 0.25} (model)")
