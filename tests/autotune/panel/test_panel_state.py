from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from fake_service import event, observation, suggestion

from autotune.panel.state import Change, Dot, PanelState, caught_up, stopped, with_event, with_link
from autotune_wire.frames import Event
from autotune_wire.responses import Objective, Response, Threshold

AT = datetime(2026, 1, 2, 10, 2, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
FIRST, SECOND = uuid4(), uuid4()


def _after(*facts, state: PanelState | None = None) -> PanelState:
    state = state or PanelState("brownies", "maximize")
    for kind, data in facts:
        state = with_event(state, Event.model_validate(event(state.last_seq + 1, kind, data)))
    return state


def _created(uuid: UUID, *superseded: UUID, **changes):
    return ("suggestion_created", {**suggestion(uuid=uuid, **changes), "superseded": [str(old) for old in superseded]})


def _leased(uuid: UUID):
    return ("suggestion_leased", {"suggestion_uuid": str(uuid)})


def _told(response: float | None, uuid: UUID | None = None, **told):
    return ("observation_added", observation({"x": 0.5}, response, str(uuid) if uuid else None, **told))


def _corrected(told, response: float | None, **changes):
    uuid = told[1]["observation_uuid"]
    return ("observation_corrected", {**observation({"x": 0.5}, response, observation_uuid=uuid, **changes)})


def _best(told=None):
    if told is None:
        return ("best_changed", {"observation_uuid": None, "covars": None, "response": None})
    return ("best_changed", {name: told[1][name] for name in ("observation_uuid", "covars", "response")})


def _expired(uuid: UUID, state: str):
    return ("suggestion_expired", {"suggestion_uuid": str(uuid), "worker": "w", "state": state})


def _lab() -> PanelState:
    responses: dict[str, Response] = {
        "yield": Objective(goal="maximize"),
        "impurity": Threshold(goal="<=", bound=0.05),
    }
    return PanelState("lab", "maximize", responses)


@pytest.mark.parametrize("end", ["pause_ended", "experiment_closed"])
def test_state_is_paused_until_the_pause_ends(end):
    paused = ("experiment_paused", {"reason": "lunch"})
    assert _after(paused).paused == "lunch"
    assert _after(("experiment_paused", {"reason": None})).paused == ""
    assert _after(paused, ("experiment_resumed", {"stop": None})).paused == "lunch"  # a stop ended, not the pause
    assert _after(paused, (end, {})).paused is None


def test_note_on_a_run_moves_the_panel_only_on():
    told = _told(0.5)
    noted = ("observation_noted", {"observation_uuid": told[1]["observation_uuid"], "note": "cloudy", "tags": []})
    assert _after(told, noted).dots == _after(told).dots
    assert _after(told, noted).last_seq == 2


def test_state_shows_the_suggestion_that_was_created():
    assert _after(_created(FIRST)).suggestion.suggestion_uuid == FIRST


def test_state_shows_the_newer_suggestion():
    assert _after(_created(FIRST), _created(SECOND)).suggestion.suggestion_uuid == SECOND


def test_state_forgets_superseded_suggestions():
    assert list(_after(_created(FIRST), _created(SECOND, FIRST)).waiting) == [SECOND]


def test_state_forgets_what_is_superseded_by_nothing_yet():
    superseded = ("suggestion_superseded", {"superseded": [str(FIRST)]})
    assert list(_after(_created(FIRST), _created(SECOND), superseded).waiting) == [SECOND]


def test_state_prefers_a_suggestion_that_nobody_took():
    assert _after(_created(FIRST), _created(SECOND), _leased(SECOND)).suggestion.suggestion_uuid == FIRST


def test_state_shows_a_taken_suggestion_where_none_waits():
    assert _after(_created(FIRST), _leased(FIRST)).suggestion.suggestion_uuid == FIRST


def test_state_passes_over_the_lease_of_an_unknown_suggestion():
    assert _after(_leased(FIRST)).taken == {}


@pytest.mark.parametrize("facts", [[_created(FIRST)], [_created(FIRST), _leased(FIRST)]])
def test_state_ends_a_suggestion_with_its_observation(facts):
    assert _after(*facts, _told(1.0, FIRST)).suggestion is None


def test_state_keeps_other_suggestions_when_one_is_told():
    assert list(_after(_created(FIRST), _created(SECOND), _told(1.0, FIRST)).waiting) == [SECOND]


def test_state_collects_responses_with_their_source():
    state = _after(_created(FIRST, source="sobol"), _told(1.0, FIRST), _told(2.0))
    assert [(dot.response, dot.source) for dot in state.dots] == [(1.0, "sobol"), (2.0, None)]


def test_state_knows_the_best():
    best = {"observation_uuid": str(uuid4()), "covars": {"x": 0.1}, "response": 3.0}
    assert _after(("best_changed", best)).best.response == 3.0


def test_state_collects_runs_that_failed():
    [dot] = _after(_told(None, status="failed")).dots
    assert (dot.response, dot.is_failed) == (None, True)


@pytest.mark.parametrize(
    ("measured", "is_broken", "is_open"),
    [
        ({"yield": 1.0, "impurity": 0.05}, False, False),
        ({"yield": 1.0, "impurity": 0.06}, True, False),
        ({"yield": 1.0}, False, True),
        ({"impurity": 0.01}, False, False),
    ],
)
def test_state_knows_which_runs_break_a_threshold_and_which_leave_it_open(measured, is_broken, is_open):
    [dot] = _after(_told(None, responses=measured, names=["yield"]), state=_lab()).dots
    assert (dot.response, dot.is_broken, dot.is_open) == (measured.get("yield"), is_broken, is_open)
    assert (dot.counted is None) == (is_broken or is_open)


def test_state_keeps_all_that_was_measured_of_the_best():
    told = _told(None, responses={"yield": 3.0, "impurity": 0.01}, names=["yield"])
    best = {"observation_uuid": told[1]["observation_uuid"], "covars": {"x": 0.5}, "response": 3.0}
    state = _after(told, ("best_changed", best), _told(1.0), state=_lab())
    assert state.best_measured == {"yield": 3.0, "impurity": 0.01}


def test_state_corrects_an_observation_in_its_place():
    first, second = _told(1.0, FIRST), _told(2.0)
    state = _after(_created(FIRST, source="sobol"), first, second, _corrected(first, 7.0))
    assert [(dot.response, dot.source) for dot in state.dots] == [(7.0, "sobol"), (2.0, None)]


def test_state_knows_that_a_corrected_run_failed_or_breaks_a_threshold():
    first, second = (_told(None, responses={"yield": 1.0, "impurity": 0.01}, names=["yield"]) for _ in range(2))
    broken = _corrected(second, None, responses={"yield": 1.0, "impurity": 0.9}, names=["yield"])
    state = _after(first, second, _corrected(first, None, status="failed"), broken, state=_lab())
    assert [(dot.is_failed, dot.is_broken) for dot in state.dots] == [(True, False), (False, True)]


def test_state_excludes_an_observation_and_restores_it():
    told = _told(1.0)
    excluded = _after(told, _corrected(told, 1.0, is_excluded=True))
    restored = _after(_corrected(told, 1.0, is_excluded=False), state=excluded)
    assert [state.dots[0].is_excluded for state in (excluded, restored)] == [True, False]


def test_state_of_which_a_correction_left_no_best_has_none():
    told = _told(1.0)
    assert _after(told, _best(told), _corrected(told, 1.0, is_excluded=True), _best()).best is None


def test_state_knows_what_an_older_run_measured_that_is_the_best_again():
    first = _told(None, responses={"yield": 2.0, "impurity": 0.02}, names=["yield"])
    second = _told(None, responses={"yield": 3.0, "impurity": 0.01}, names=["yield"])
    excluded = _corrected(second, None, responses={"yield": 3.0}, names=["yield"], is_excluded=True)
    state = _after(first, _best(first), second, _best(second), excluded, _best(first), state=_lab())
    assert state.best_measured == {"yield": 2.0, "impurity": 0.02}


def test_state_corrects_the_configuration_of_the_best():
    told = _told(1.0)
    moved = ("observation_corrected", {**told[1], "covars": {"x": 0.125}})
    assert _after(told, _best(told), moved).best.covars == {"x": 0.125}


def test_state_offers_a_suggestion_again_whose_lease_ended():
    state = _after(_created(FIRST), _leased(FIRST), _expired(FIRST, "open"))
    assert (list(state.waiting), state.taken) == ([FIRST], {})
    assert list(_after(_leased(FIRST), state=state).taken) == [FIRST]


def test_state_forgets_a_suggestion_whose_lease_ended_after_newer_data():
    assert _after(_created(FIRST), _leased(FIRST), _expired(FIRST, "expired")).suggestion is None


@pytest.mark.parametrize("facts", [[_created(FIRST)], [_created(FIRST), _leased(FIRST)]])
def test_state_forgets_an_abandoned_suggestion(facts):
    abandoned = ("suggestion_abandoned", {"suggestion_uuid": str(FIRST), "worker": None, "reason": ""})
    assert _after(*facts, abandoned).suggestion is None


def test_state_forgets_suggestions_that_a_change_of_the_space_superseded():
    changed = {"changes": ["x: a number from 0 to 2"], "superseded": [str(FIRST)]}
    state = _after(_created(FIRST), _leased(FIRST), _created(SECOND), _told(1.0), ("space_changed", changed))
    assert list(state.waiting) == [SECOND]
    assert state.changes == (Change(1, ("x: a number from 0 to 2",)),)
    assert _after(_created(FIRST), ("space_changed", changed)).suggestion is None


def test_state_says_that_a_stop_rule_was_met_until_somebody_resumes():
    stopped = _after(("stop_rule_fired", {"rule": "budget", "reason": "3 runs were told"}))
    assert stopped.stopped == "3 runs were told (budget)"
    assert _after(("experiment_resumed", {"stop": None}), state=stopped).stopped == ""


def test_state_shows_a_failed_engine_until_the_next_suggestion():
    failed = _after(("engine_failed", {"reason": "no model", "data_rev": 3}))
    assert failed.trouble == "The engine failed: no model"
    assert _after(_created(FIRST), state=failed).trouble == ""


def test_state_of_a_closed_experiment_suggests_nothing():
    closed = _after(_created(FIRST), ("experiment_closed", {}))
    assert (closed.is_closed, closed.suggestion) == (True, None)


def test_state_of_a_reopened_experiment_suggests_what_it_did_before():
    events = [_created(FIRST), ("experiment_closed", {}), ("experiment_reopened", {})]
    reopened = _after(*events)
    assert (reopened.is_closed, reopened.suggestion) == (False, _after(events[0]).suggestion)


def test_state_of_a_renamed_experiment_has_its_new_name():
    assert _after(("experiment_renamed", {"name": "cookies"})).name == "cookies"


def test_state_moves_on_at_an_event_it_does_not_know():
    before = _after(_created(FIRST))
    after = _after(("of_tomorrow", {"x": 1}), state=before)
    assert (after.last_seq, after.waiting) == (2, before.waiting)


def test_state_is_not_changed_in_place():
    before = _after(_created(FIRST))
    _after(_leased(FIRST), _told(1.0, FIRST), state=before)
    assert (list(before.waiting), before.dots) == ([FIRST], ())


@pytest.mark.parametrize(
    ("link", "is_live", "then"),
    [
        ("connecting", True, "live"),
        ("connecting", False, "connecting"),
        ("live", False, "reconnecting"),
        ("reconnecting", True, "live"),
        ("stopped", False, "stopped"),
        ("stopped", True, "stopped"),
    ],
)
def test_link_follows_the_connection(link, is_live, then):
    assert with_link(PanelState("n", "maximize", link=link), is_live, AT).link == then


TWO: dict[str, Response] = {"yield": Objective(goal="maximize"), "cost": Objective(goal="minimize")}


def _measured(reached: float, cost: float, **told):
    return _told(None, responses={"yield": reached, "cost": cost}, names=list(TWO), **told)


def test_state_of_several_objectives_has_the_front():
    state = _after(
        _measured(1.0, 1.0), _measured(2.0, 2.0), _measured(0.5, 2.0), state=PanelState("n", "maximize", TWO)
    )
    assert [number for number, _ in state.progress.front] == [1, 2]
    assert [dict(dot.covars) for dot in state.dots] == [{"x": 0.5}] * 3


def test_state_forgets_a_run_on_the_front_that_was_excluded():
    first = _measured(1.0, 1.0)
    before = _after(first, _measured(0.5, 2.0), state=PanelState("n", "maximize", TWO))
    assert [number for number, _ in before.progress.front] == [1]
    uuid, values = first[1]["observation_uuid"], first[1]["responses"]
    told = observation({"x": 0.5}, observation_uuid=uuid, responses=values, names=list(TWO), is_excluded=True)
    after = _after(("observation_corrected", told), state=before)
    assert [number for number, _ in after.progress.front] == [2]


def test_state_of_one_objective_has_no_front():
    assert _after(_told(1.0)).progress.front == ()


def test_state_is_as_of_when_the_connection_was_lost():
    live = with_link(PanelState("n", "maximize"), True, AT)
    lost = with_link(live, False, LATER)
    assert (lost.link, lost.as_of, lost.link_at) == ("reconnecting", LATER, LATER)
    again = with_link(lost, False, LATER + timedelta(hours=1))  # an attempt that failed
    assert (again.as_of, again.link_at) == (LATER, LATER)
    ended = stopped(again, LATER + timedelta(hours=2), "no such experiment")
    assert (ended.link, ended.as_of, ended.trouble) == ("stopped", LATER, "no such experiment")


def test_state_counts_the_events_that_came_late():
    live = with_link(PanelState("n", "maximize", last_seq=7), True, AT)
    assert caught_up(live).n_missed == 0
    back = with_link(with_link(live, False, AT), True, LATER)
    missed = caught_up(_after(_told(1.0), _told(2.0), state=back))
    assert (missed.n_missed, missed.link_at) == (2, LATER)
    assert caught_up(_after(_told(3.0), state=missed)).n_missed == 2


def test_state_corrects_a_run_that_it_knows_by_its_seq_alone():
    state = PanelState("n", "maximize", dots=(Dot(1.0, "model", seq=2), Dot(2.0, None, seq=5)))
    told = {**observation({"x": 0.5}, 7.0, seq=5), "version": 2}
    assert [dot.response for dot in _after(("observation_corrected", told), state=state).dots] == [1.0, 7.0]
