import pytest
from fake_service import suggestion
from pydantic import TypeAdapter

from autotune.panel.html import panel_html
from autotune.panel.state import PanelState, with_event
from autotune.views.shown import Suggestion, covariate_text, with_units
from autotune_wire.frames import Event
from autotune_wire.space import Covariate, Space

HEAT = {"vtype": "int", "guess": 80, "min": 40, "max": 120, "step": 5, "unit": "°C"}


@pytest.fixture
def heated(client):
    x = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0, "unit": "mol/L"}
    return client.new("reaction", {"x": x})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "40 to 120 °C in steps of 5"),
        ({"min": 80, "max": 80}, "always 80 °C"),
        ({"min": 40, "max": 120, "step": None, "log": True, "role": "context"}, "40 to 120 °C, log scale; context"),
    ],
)
def test_covariate_is_described_with_its_unit(changes, text):
    assert covariate_text(TypeAdapter(Covariate).validate_python(HEAT | changes)) == text


def test_options_are_described_with_their_unit():
    covariate = {"vtype": "cat", "guess": 200, "options": [200, 400], "ordered": True, "unit": "rpm"}
    assert covariate_text(TypeAdapter(Covariate).validate_python(covariate)) == "200, 400 rpm (in this order)"


def test_suggestion_is_written_to_about_a_thousandth_of_a_range(client, service):
    share = {"vtype": "cont", "guess": 0.5, "min": 0.0, "max": 1.0}
    space = {"share": share, "load": share | {"max": 45.0}, "fine": share | {"step": 0.125}}
    space |= {"rate": share | {"min": 0.001, "log": True}, "x": share}
    covars = {"share": 0.284983, "load": 1.590342, "fine": 0.125, "rate": 0.0123456, "x": 0.5}
    reply = {"uuid": None, **covars}
    shown = with_units([Suggestion(**suggestion(**reply))], TypeAdapter(Space).validate_python(space))[0]
    assert repr(shown).startswith("Suggestion(x=0.5, share=0.285, load=1.59, fine=0.125, rate=0.01235, ")
    assert ">0.285</td>" in shown._repr_html_()
    assert shown.covars == covars


def test_suggestion_shows_units_and_is_told_without_them(heated, service):
    asked = heated.ask()
    assert repr(asked).startswith("Suggestion(x=0.5 mol/L, ")
    assert '<td style="text-align:left">0.5 mol/L</td>' in asked._repr_html_()
    [taken] = heated.ask(1)
    assert "x=0.5 mol/L" in repr(taken)
    heated.tell(taken, 1.0)
    assert service.runs[0]["covars"] == {"x": 0.5}


def test_panel_shows_units_and_follows_their_change():
    created = {
        "suggestion_uuid": "00000000-0000-0000-0000-000000000001",
        "covars": {"t": 80},
        "source": "guess",
        "reason": "the guess",
        "state": "open",
        "data_rev": 0,
        "mean": None,
        "sd": None,
        "time_created": "2026-01-02T03:04:05+00:00",
    }
    at = "2026-01-02T03:04:05+00:00"
    state = PanelState("reaction", "maximize", units={"t": "°C"})
    state = with_event(state, Event(seq=1, type="suggestion_created", at=at, data=created))
    assert "<td>t (°C)</td>" in panel_html(state)
    changed = {"covars": {"t": {**HEAT, "unit": "K"}}, "changes": ["t: unit °C is now K"]}
    state = with_event(state, Event(seq=2, type="space_changed", at=at, data=changed))
    assert "<td>t (K)</td>" in panel_html(state)


def test_text_of_a_covariate_names_what_describes_its_options():
    known = {"DMAc": {"polarity": 37.8, "bp": 165}, "BuCN": {"polarity": 24.8, "bp": 117.6}}
    covariate = {"vtype": "cat", "guess": "DMAc", "options": ["DMAc", "BuCN"], "descriptors": known, "role": "context"}
    text = covariate_text(TypeAdapter(Covariate).validate_python(covariate))
    assert text == "DMAc, BuCN; described by polarity, bp; context"
