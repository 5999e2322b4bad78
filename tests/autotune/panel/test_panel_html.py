import base64
import re
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4
from xml.etree import ElementTree as ET

import pytest
from fake_service import event, observation, suggestion
from tags import Tags

from autotune.panel.front import by_volume
from autotune.panel.html import panel_html, panel_text
from autotune.panel.state import Change, Dot, PanelState, with_event
from autotune_wire.experiments import Best
from autotune_wire.frames import Event
from autotune_wire.responses import Objective, Response, Threshold
from autotune_wire.suggestions import Suggestion

AS_OF = datetime(2026, 1, 2, 10, 2, 59, tzinfo=UTC)
EVIL = "<img src=x onerror=alert(1)>"


def _pictures(html: str) -> list[ET.Element]:
    found = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', html)
    return [ET.fromstring(base64.b64decode(content)) for content in found]


def _state(**changes) -> PanelState:
    told = Suggestion.model_validate(suggestion(0.25))
    best = Best(observation_uuid=uuid4(), covars={"x": 0.75}, response=0.98)
    whole = {"dots": (Dot(0.5, "guess"), Dot(0.98, "model")), "best": best, "waiting": {told.suggestion_uuid: told}}
    return PanelState("brownies", "maximize", **{**whole, **changes})


def test_panel_shows_count_best_and_next():
    html = panel_html(_state())
    for shown in ("brownies", "<b>2</b>", "0.98", "0.75", "0.25", "0.900 ± 0.010", "model", "it may be better"):
        assert shown in html


def test_panel_says_that_it_is_paused_and_why():
    html = panel_html(_state(paused="<lunch>", waiting={}))
    assert "Paused: &lt;lunch&gt;. Results are taken; to continue, resume the experiment." in html
    assert "paused ·" in html
    assert "being computed" not in html
    assert "Paused. Results" in panel_html(_state(paused=""))


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("connecting", "10:03 UTC: connecting to the service."),
        ("live", "While it is followed, this picture is redrawn at every change and every minute."),
        ("reconnecting", "10:03 UTC: the service cannot be reached, reconnecting."),
        ("stopped", "10:03 UTC: not followed any more. %autotune panel follows again."),
    ],
)
def test_panel_says_as_of_when_it_is_and_how_it_is_followed(link, said):
    html = panel_html(_state(link=link, as_of=AS_OF, link_at=AS_OF + timedelta(minutes=1)))
    assert "as of 10:02 UTC, 02 Jan 2026</span>" in html
    assert said in html


@pytest.mark.parametrize("link", ["connecting", "live", "reconnecting", "stopped"])
def test_panel_never_says_what_a_saved_notebook_could_not_take_back(link):
    html = panel_html(_state(link=link, as_of=AS_OF, link_at=AS_OF))
    assert not re.search(r"\blive\b", html.replace("at-live-panel", ""))
    assert html.count("reconnecting") == html.count("10:02 UTC: the service cannot be reached, reconnecting")


def test_panel_says_how_many_events_came_late():
    html = panel_html(_state(link="live", link_at=AS_OF, n_missed=12))
    assert "10:02 UTC: caught up 12 events." in html


def test_panel_before_its_first_contact_says_that_nothing_is_known():
    assert "not known yet</span>" in panel_html(PanelState("n", "minimize"))


def test_panel_tells_its_times_in_utc():
    local = AS_OF.astimezone(timezone(timedelta(hours=9)))
    assert "as of 10:02 UTC, 02 Jan 2026" in panel_html(_state(as_of=local))


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
    state = PanelState(
        EVIL,
        "maximize",
        {EVIL: Objective(goal="maximize"), EVIL * 2: Threshold(goal=">=", bound=1.0)},
        best=best,
        changes=(Change(0, (EVIL,)),),
        waiting={told.suggestion_uuid: told},
        trouble=EVIL,
        stopped=EVIL,
    )
    html = panel_html(state)
    assert Tags(html).tags.count("img") == 1  # the curve
    assert all(element.tag.rpartition("}")[2] != "img" for picture in _pictures(html) for element in picture.iter())


def _lab(**changes) -> PanelState:
    predictions = {"yield": {"mean": 0.9, "sd": 0.01}, "impurity": {"mean": 0.031, "sd": 0.004}}
    told = Suggestion.model_validate(suggestion(0.25, predictions=predictions, seconds=0.31))
    best = Best(observation_uuid=uuid4(), covars={"x": 0.75}, response=0.98)
    top = Dot(0.98, "model", measured={"yield": 0.98, "impurity": 0.02}, uuid=str(best.observation_uuid))
    responses: dict[str, Response] = {
        "yield": Objective(goal="maximize"),
        "impurity": Threshold(goal="<=", bound=0.05),
    }
    whole = {
        "dots": (Dot(None, "sobol", is_failed=True), Dot(0.99, "sobol", is_broken=True), top),
        "best": best,
        "waiting": {told.suggestion_uuid: told},
    }
    return PanelState("lab", "maximize", responses, **{**whole, **changes})


def test_panel_shows_every_response_of_the_best_and_the_next():
    html = panel_html(_lab())
    assert "<td>yield</td><td>0.98</td><td>0.900 ± 0.010</td>" in html
    assert "<td>impurity &lt;= 0.05</td><td>0.02 (met)</td><td>0.0310 ± 0.0040 (met)</td>" in html


def test_panel_shows_what_is_wanted_of_the_responses():
    html = panel_html(_lab())
    assert "active · maximize yield, impurity &lt;= 0.05" in html
    assert "best yield" in html


def test_panel_explains_the_marks_that_it_shows():
    html = panel_html(_lab())
    assert "</span>\N{NO-BREAK SPACE}breaks a threshold" in html
    assert "</span>\N{NO-BREAK SPACE}failed" in html
    assert "observations, 1 failed" in html
    assert "</span>\N{NO-BREAK SPACE}failed" not in panel_html(_state())


def test_panel_counts_excluded_observations_apart_and_explains_no_mark_of_theirs():
    html = panel_html(_lab(dots=(Dot(None, "sobol", is_failed=True, is_excluded=True), Dot(0.98, "model"))))
    assert "<b>2</b>" in html
    assert "observations, 1 excluded" in html
    assert "</span>\N{NO-BREAK SPACE}failed" not in html


def test_panel_shows_how_long_the_engine_took():
    assert "Next (model, 0.31 s): it may be better" in panel_html(_lab())


def test_panel_shows_the_stop_rule_that_was_met():
    html = panel_html(_lab(stopped="3 runs were told (budget)", waiting={}))
    assert "stopped · maximize" in html
    assert "Stopped: 3 runs were told (budget). To continue, resume the experiment." in html
    assert "being computed" not in html


def test_panel_shows_covariates_that_only_the_best_has():
    told = Suggestion.model_validate(suggestion(0.25))
    best = Best(observation_uuid=uuid4(), covars={"x": 0.75, "width": 3.5}, response=0.98)
    assert "<td>width</td><td>3.5</td><td>\N{EN DASH}</td>" in panel_html(_state(best=best, waiting={uuid4(): told}))


def test_panel_runs_and_fetches_nothing():
    html = panel_html(_state())
    assert not {"script", "link", "iframe", "image", "use"} & set(Tags(html).tags)
    assert "url(" not in html
    assert "http" not in html
    [picture] = _pictures(html)
    assert {element.tag.rpartition("}")[2] for element in picture.iter()} <= {
        "svg",
        "style",
        "line",
        "text",
        "path",
        "g",
        "circle",
    }


def test_panel_draws_its_picture_where_inline_svg_and_style_sheets_are_stripped():
    """As in a notebook that is not trusted, and on GitHub."""
    html = re.sub(r"<style>.*?</style>", "", panel_html(_state(as_of=AS_OF)), flags=re.DOTALL)
    assert "<svg" not in html
    [picture] = _pictures(html)
    assert picture.find("{http://www.w3.org/2000/svg}style") is not None
    assert 'alt="brownies' in html
    assert "as of 10:02 UTC, 02 Jan 2026" in ET.tostring(picture, "unicode")


def test_panel_of_much_is_a_small_message():
    """Of all there may be many, and each redraw sends all that is drawn."""
    names = [f"covariate {'x' * 40} {n}" for n in range(100)]
    told = Suggestion.model_validate({**suggestion(), "covars": dict.fromkeys(names, "o" * 200), "reason": "r" * 300})
    dots = tuple(Dot((n * 7919 % 5003) / 5003 + n / 5000, ("model", "sobol")[n % 2]) for n in range(5000))
    html = panel_html(_state(dots=dots, waiting={told.suggestion_uuid: told}))
    assert len(html.encode()) < 20_000


def test_panel_of_a_large_front_is_a_small_message():
    goals: dict[str, Response] = {name: Objective(goal="maximize") for name in ("strength", "cost", "time")}
    runs = [(float(n), float((300 - n) ** 2), float(n * 37 % 300)) for n in range(300)]
    assert len(panel_html(_after_runs(*runs, goals=goals)).encode()) < 20_000


@pytest.mark.parametrize("state", [_state(), PanelState("n", "minimize"), _lab(stopped="s")])
def test_panel_closes_every_tag(state):
    assert Tags(panel_html(state)).open == []


def test_panel_as_text_says_the_same():
    assert panel_text(_state(as_of=AS_OF)) == (
        "brownies, as of 10:02 UTC, 02 Jan 2026: 2 observations, best 0.98 at {'x': 0.75}, next {'x': 0.25} (model)"
    )


GOALS: dict[str, Response] = {
    "yield": Objective(goal="maximize", reference=0),
    "cost": Objective(goal="minimize", reference=4),
    "impurity": Threshold(goal="<=", bound=5),
}


def _after_runs(*runs: tuple[float, float, float], goals=GOALS) -> PanelState:
    state = PanelState("alloy", "maximize", goals)
    for number, values in enumerate(runs, start=1):
        told = observation({"x": number / 8}, responses=dict(zip(goals, values, strict=True)), names=list(goals))
        state = with_event(state, Event.model_validate(event(number, "observation_added", told)))
    return state


def test_panel_of_several_objectives_shows_the_front_and_its_hypervolume():
    # Above yield 0 and cost 4: 1 x 2, then 2 x 1, of which 1 x 1 was there already. The first run beats the third.
    state = _after_runs((1.0, 2.0, 1.0), (2.0, 3.0, 4.0), (0.5, 3.0, 1.0))
    html = panel_html(state)
    assert "on the Pareto front" in html
    assert "<b>3</b>" in html
    assert "hypervolume 3 above the reference point yield 0, cost 4" in html
    assert "<td>run 2, newest</td><td>2 (best)</td><td>3</td><td>4 (met)</td><td>0.25</td>" in html
    assert panel_text(state).startswith("alloy, not known yet: 3 observations, 2 on the Pareto front, hypervolume 3, ")
    assert Tags(html).open == []


def test_panel_of_several_objectives_shows_the_newest_run_on_the_front_beside_the_next():
    html = panel_html(_after_runs((1.0, 2.0, 1.0), (2.0, 3.0, 4.0), (0.5, 3.0, 1.0)))
    assert "<th>newest on the front</th><th>next</th>" in html
    assert "<td>impurity &lt;= 5</td><td>4 (met)</td><td>\N{EN DASH}</td>" in html


def test_panel_of_several_objectives_draws_the_hypervolume_by_observation():
    state = _after_runs((1.0, 2.0, 1.0), (9.0, 0.0, 9.0), (2.0, 3.0, 4.0))
    by_run = by_volume(state)
    assert [dot.response for dot in by_run.dots] == [2.0, 2.0, 3.0]
    assert [dot.is_broken for dot in by_run.dots] == [False, True, False]
    html = panel_html(state)
    assert "hypervolume so far" in html
    assert "predicted next" not in html


def test_panel_of_several_objectives_without_a_front_says_none():
    html = panel_html(_after_runs((9.0, 0.0, 9.0)))
    assert '<b style="color:#dd6b20">0</b>' in html
    assert "<b>Pareto front</b>" not in html


def test_panel_passes_over_runs_that_did_not_measure_all_objectives():
    told = observation({"x": 0.5}, responses={"yield": 1.0, "impurity": 1.0}, names=list(GOALS))
    state = with_event(_after_runs((1.0, 2.0, 1.0)), Event.model_validate(event(2, "observation_added", told)))
    assert [dot.response for dot in by_volume(state).dots] == [2.0, None]


def test_panel_of_three_objectives_draws_each_pair():
    goals: dict[str, Response] = {name: Objective(goal="maximize") for name in ("a", "b", "c")}
    html = panel_html(_after_runs((1.0, 2.0, 3.0), (3.0, 2.0, 1.0), goals=goals))
    assert html.count("Pareto front of ") == 3
    _, pairs = _pictures(html)
    assert [frame.get("x") for frame in pairs.findall("{http://www.w3.org/2000/svg}svg")] == ["0", "331", "662"]
