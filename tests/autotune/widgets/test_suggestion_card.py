import asyncio
import json
from base64 import b64decode

import httpx2
import pytest
from fake_service import NOW, event, observation, overview, problem, suggestion
from ipywidgets import Text

from autotune.errors import InvalidInputError
from autotune.views.outdated import outdated_text
from autotune.views.shown import Suggestion
from autotune.widgets.card import SuggestionCard
from autotune_wire.frames import Event

MIXED = {
    "t": {"vtype": "int", "guess": 80, "min": 40, "max": 120, "unit": "°C"},
    "base": {"vtype": "cat", "guess": "KOH", "options": ["KOH", "NaOH"]},
}


@pytest.fixture
def card(experiment):
    return SuggestionCard(experiment)


def _type(card, text):
    card.fields["responses.Response"].input.value = text


def test_card_shows_the_suggestion_with_where_it_came_from_and_what_is_predicted(card):
    shown = card.still()
    for text in ("0.5", "model", "it may be better", "0.900 ± 0.010"):
        assert text in shown


def test_card_shows_units_beside_the_values(client, service):
    service.trouble("GET /experiment/ask", lambda: _asked(service, {"t": 80, "base": "KOH"}))
    card = SuggestionCard(client.new("suzuki", MIXED))
    assert "80<span>°C</span>" in card.still()


@pytest.mark.parametrize(("typed", "stored"), [("0.93", 0.93), ("0,93", 0.93), (" 7 ", 7.0)])
def test_told_takes_a_point_and_a_comma(card, service, typed, stored):
    _type(card, typed)
    card.told.click()
    assert [run["response"] for run in service.runs] == [stored]
    assert card.said.startswith("Told: response")
    assert card.fields["responses.Response"].text == ""


def test_told_is_about_the_suggestion_shown_and_then_shows_the_next(card, service):
    first = card.suggestion
    _type(card, "1")
    card.told.click()
    assert service.runs[0]["suggestion_uuid"] == str(first.suggestion_uuid)
    assert card.suggestion.suggestion_uuid != first.suggestion_uuid


@pytest.mark.parametrize(("typed", "said"), [("hot", "hot is not a number"), ("1,050", "may be"), ("", "is missing")])
def test_wrong_number_is_said_beside_its_field_and_nothing_is_told(card, service, typed, said):
    _type(card, typed)
    card.told.click()
    assert said in card.fields["responses.Response"].error.value
    assert service.runs == []


def test_error_beside_a_field_goes_once_the_field_is_mended(card):
    _type(card, "hot")
    card.told.click()
    _type(card, "1")
    card.told.click()
    assert card.fields["responses.Response"].error.value == ""


def test_value_that_may_be_a_slip_is_said_and_told_all_the_same(card, experiment):
    experiment.tell_many([({"x": 0.25}, value) for value in (0.2, 0.9, 0.5, 0.7)])
    _type(card, "93")
    card.told.click()
    assert "93 lies far outside all that was measured (0.2 to 0.9)" in card.said
    assert "correct it on the Board" in card.said
    assert experiment.observations()[-1].response == 93


def test_failed_tells_a_failure(card, service):
    card.failed.click()
    assert [(run["status"], run["failed_because"]) for run in service.runs] == [("failed", None)]


def test_failed_because_keeps_the_reason(card, service):
    card.fields["reason"].input.value = "it boiled over"
    card.failed.click()
    assert [run["failed_because"] for run in service.runs] == ["it boiled over"]
    assert card.fields["reason"].text == ""


def test_skip_needs_a_reason_and_keeps_it(card, service):
    first = str(card.suggestion.suggestion_uuid)
    card.skip.click()
    assert "is missing" in card.fields["reason"].error.value
    card.fields["reason"].input.value = "no flask"
    card.skip.click()
    assert service.suggestions[first]["abandoned_because"] == "no flask"


def test_another_is_asked_with_the_values_that_are_fixed(card):
    card.fields["fixed.x"].input.value = "0,25"
    card.another.click()
    assert card.suggestion.covars == {"x": 0.25}


def test_another_sends_options_and_whole_numbers_as_such(client, service):
    card = SuggestionCard(client.new("suzuki", MIXED), fixed={"base": "NaOH"})
    card.fields["fixed.t"].input.value = "90"
    card.another.click()
    assert (card.suggestion.covars["t"], card.suggestion.covars["base"]) == (90, "NaOH")
    assert isinstance(card.suggestion.covars["t"], int)


def test_plate_takes_suggestions_and_tells_those_that_are_filled_in(card, service):
    card.fields["n"].input.value = 3
    card.take.click()
    plate = card.plate
    plate.fields["runs.1.Response"].input.value = "0,5"
    plate.wells[1].failed.value = True
    plate.tell.click()
    assert [(run["status"], run["response"]) for run in service.runs] == [("ok", 0.5), ("failed", None)]
    assert [well.is_told for well in plate.wells] == [True, True, False]
    assert "1 left" in plate.said


def test_plate_says_which_value_may_be_a_slip(card, experiment):
    experiment.tell_many([({"x": 0.25}, value) for value in (0.2, 0.9, 0.5, 0.7)])
    card.take.click()
    card.plate.fields["runs.2.Response"].input.value = "93"
    card.plate.tell.click()
    assert "2: 93 lies far outside" in card.plate.said


def test_plate_tells_nothing_if_one_field_is_wrong(card, service):
    card.take.click()
    plate = card.plate
    plate.fields["runs.1.Response"].input.value = "0.5"
    plate.fields["runs.2.Response"].input.value = "half"
    plate.tell.click()
    assert "half is not a number" in plate.fields["runs.2.Response"].error.value
    assert service.runs == []


def test_plate_says_how_many_were_told_before_the_service_refused(card, service):
    card.take.click()
    plate = card.plate
    for number in (1, 2):
        plate.fields[f"runs.{number}.Response"].input.value = "0.5"
    service.trouble(
        "POST /experiment/tell",
        lambda: service._answer(f"/experiment/tell/{card.experiment.exp_uuid}", _request(plate, 0)),
        problem(409, "experiment_closed", "it is closed"),
    )
    plate.tell.click()
    assert "it is closed" in plate.said
    assert "1 of 2 runs told" in plate.said


def test_problem_of_the_service_stands_beside_its_field(card, service):
    wrong = [{"field": "responses.Response", "message": "must be a finite number", "value": None}]
    service.trouble("POST /experiment/tell", problem(422, "invalid", "no", errors=wrong))
    _type(card, "1")
    card.told.click()
    assert "must be a finite number" in card.fields["responses.Response"].error.value


def test_dead_service_is_said_and_what_was_typed_stays(card, dead):
    _type(card, "1")
    with dead():
        card.told.click()
    assert "cannot reach the service" in card.said
    assert card.fields["responses.Response"].text == "1"
    assert not card.told.disabled


def test_card_made_while_the_service_is_dead_says_so_and_asks_again(experiment, dead):
    with dead():
        card = SuggestionCard(experiment)
    assert "cannot reach the service" in card.said
    assert card.told.disabled
    card.another.click()
    assert card.suggestion is not None


def test_told_run_is_said_even_if_the_next_ask_fails(card, service):
    service.trouble("GET /experiment/ask", problem(409, "experiment_stopped", "the budget is used up"))
    _type(card, "1")
    card.told.click()
    assert "the budget is used up" in card.said
    assert "Told: response 1" in card.said


def test_button_says_working_while_it_works_and_keeps_the_focus_of_the_keyboard(card, service):
    """A button that is disabled loses the focus to the page, whose keys cut cells."""
    seen = []

    def look():
        seen.append((card.told.disabled, card.told.description))
        return problem(409, "experiment_closed", "it is closed")

    service.trouble("POST /experiment/tell", look)
    _type(card, "1")
    card.told.click()
    assert seen == [(False, "Working …")]
    assert (card.told.disabled, card.told.description) == (False, "Told")


def _enter(card):
    """Do what the browser does at the enter key in a field."""
    card.fields["responses.Response"].input._handle_custom_msg({"event": "submit"}, [])


def test_enter_in_a_field_tells(card, service):
    _type(card, "1")
    _enter(card)
    assert [run["response"] for run in service.runs] == [1.0]


async def test_click_waits_for_the_value_that_the_kernel_may_read_behind_it(card, service, monkeypatch):
    monkeypatch.setattr("autotune.widgets.form.SOON_S", 0.0)
    card.told.click()
    _type(card, "0.93")
    for _turn in range(2):
        await asyncio.sleep(0)
    assert [run["response"] for run in service.runs] == [0.93]


async def test_press_in_a_cell_does_not_wait(card):
    _type(card, "0.93")
    assert card.press(card.told) == "Told: response 0.93."


async def test_enter_waits_for_the_value_that_the_page_sends_behind_it(card, service, monkeypatch):
    monkeypatch.setattr("autotune.widgets.form.SOON_S", 0.0)
    _enter(card)
    _type(card, "0.93")
    assert service.runs == []
    for _turn in range(2):
        await asyncio.sleep(0)
    assert [run["response"] for run in service.runs] == [0.93]


def test_fields_send_what_was_typed_as_a_whole(card):
    """Else a click while the kernel is at work would overtake all keys but the first."""
    given = [field.input for field in card.fields.values()]
    assert not any(one.continuous_update for one in given if isinstance(one, Text))


def test_second_half_of_a_double_click_tells_nothing(card, service, monkeypatch):
    monkeypatch.setattr("autotune.widgets.form.TWICE_S", 0.3)
    monkeypatch.setattr("autotune.widgets.form.monotonic", iter([1e9, 1e9 + 5, 1e9 + 5.1]).__next__)
    card.failed.click()
    card.failed.click()
    assert service.n_calls("POST /experiment/tell") == 1


def test_press_right_after_an_action_is_no_second_half_of_a_double_click(card, service, monkeypatch):
    monkeypatch.setattr("autotune.widgets.form.TWICE_S", 1e9)
    assert card.press(card.failed).startswith("Told that the run failed")
    _type(card, "7")
    assert card.press(card.told).startswith("Told: response 7")
    assert service.n_calls("POST /experiment/tell") == 2


def test_press_of_a_disabled_button_is_refused(card):
    card.suggestion = None
    card.refresh()
    with pytest.raises(InvalidInputError, match="the button 'Told' is disabled"):
        card.press(card.told)


def test_sheet_to_print_holds_the_values_and_room_for_the_response(card):
    sheet = b64decode(card._print.value.partition("base64,")[2].partition('"')[0]).decode()
    assert "<td>0.5</td>" in sheet
    assert '<th scope="col">response</th>' in sheet


def test_names_of_users_are_escaped(client):
    card = SuggestionCard(client.new("<img src=x>", {"<b>": {"vtype": "cont", "guess": 0.5, "min": 0, "max": 1}}))
    assert "<img src=x>" not in card.still()


def test_every_input_has_a_label(card):
    assert all(field.input.description for field in card.fields.values())


def _asked(service, covars):
    reply = {"exp_uuid": next(iter(service.experiments)), "time_updated": NOW, "covars_next_exp": "[]"}
    return httpx2.Response(200, json={**reply, "suggestions": [{**suggestion(), "covars": covars}]})


def _request(plate, index):
    told = {
        "covars": {"x": 0.5},
        "response": 0.5,
        "suggestion_uuid": str(plate.wells[index].suggestion.suggestion_uuid),
    }
    return httpx2.Request("POST", "http://autotune.test", content=json.dumps(told))


def test_interrupt_says_that_what_was_sent_may_be_done(card, service):
    def interrupt():
        raise KeyboardInterrupt

    service.trouble("POST /experiment/tell", interrupt)
    _type(card, "1")
    card.told.click()
    assert "may have been done all the same" in card.said
    assert (card.told.disabled, card.told.description) == (False, "Told")


def test_card_of_an_experiment_with_a_context_asks_for_its_value(client, service):
    covars = {**MIXED, "oven": {"vtype": "cat", "guess": "A", "options": ["A", "B"], "role": "context"}}
    missing = [{"field": "fixed.oven", "message": "is missing: the value of a context is needed", "value": None}]
    service.trouble("GET /experiment/ask", problem(422, "invalid", "no", errors=missing))
    card = SuggestionCard(client.new("suzuki", covars))
    assert "the value of a context is needed" in card.fields["fixed.oven"].error.value
    card.fields["fixed.oven"].input.value = "B"
    card.another.click()
    assert card.suggestion.covars["oven"] == "B"


def test_suggestion_that_went_to_the_plate_leaves_the_card(card, service):
    shown = {"suggestions": [service.suggestions[str(card.suggestion.suggestion_uuid)]]}
    reply = {"exp_uuid": str(card.experiment.exp_uuid), "time_updated": NOW, "covars_next_exp": "[]", **shown}
    service.trouble("POST /experiment/ask", httpx2.Response(200, json=reply))
    card.take.click()
    assert card.suggestion.suggestion_uuid != card.plate.wells[0].suggestion.suggestion_uuid


def _model(**changes):
    return Suggestion.model_validate(suggestion(0.5, data_seq=7, **changes))


@pytest.mark.parametrize(
    ("corrected", "said"),
    [
        ({}, ""),
        ({3: 7}, ""),
        ({3: 8}, "made before run 3 was corrected"),
        ({3: 8, 1: 9, 2: 10}, "made before runs 1, 2 and 3 were corrected"),
    ],
)
def test_suggestion_is_outdated_by_later_corrections(corrected, said):
    assert outdated_text(_model(), corrected) == said


def test_guess_is_not_outdated_by_a_correction():
    assert outdated_text(_model(source="guess"), {3: 8}) == ""


def test_card_tells_of_a_correction_and_offers_a_fresh_suggestion(card, service):
    card.suggestion = _model()
    card.refresh()
    assert card.fresh.layout.display == "none"
    told = observation({"x": 0.2}, 0.7, seq=4)
    exp_uuid = str(card.experiment.exp_uuid)
    service.overviews[exp_uuid] = overview(service.experiments[exp_uuid], Response=[0.7]) | {"seqs": [4]}
    card._corrections.see(Event.model_validate(event(8, "observation_corrected", told)))
    card._draw(card._corrections.fetch())
    assert "made before run 1 was corrected" in card._outdated.value
    assert "made before run 1 was corrected" in card.still()
    assert card.fresh.layout.display is None
    service.trouble("GET /experiment/ask", lambda: _asked(service, {"x": 0.6}))
    card.fresh.click()
    assert card.suggestion.covars == {"x": 0.6}
    assert card._outdated.value == ""
    assert card.fresh.layout.display == "none"


TWO = {"yield": "maximize", "impurity": "<= 5"}


@pytest.fixture
def card_of_two(client):
    return SuggestionCard(client.new("suzuki", {"x": "0..1"}, responses=TWO))


def test_response_that_is_left_empty_is_asked_for_once(card_of_two, service):
    card = card_of_two
    card.fields["responses.yield"].input.value = "50"
    card.told.click()
    assert "is empty: type it in, or press Told again" in card.fields["responses.impurity"].error.value
    assert service.runs == []
    card.told.click()
    assert service.runs[0]["responses"] == {"yield": 50.0}
    card.fields["responses.yield"].input.value = "60"
    card.told.click()
    assert "is empty" in card.fields["responses.impurity"].error.value


def test_response_that_is_filled_in_when_asked_for_is_told(card_of_two, service):
    card_of_two.fields["responses.yield"].input.value = "50"
    card_of_two.told.click()
    card_of_two.fields["responses.impurity"].input.value = "2"
    card_of_two.told.click()
    assert service.runs[0]["responses"] == {"yield": 50.0, "impurity": 2.0}


def test_plate_asks_once_for_the_responses_that_are_left_empty(card_of_two, service):
    card_of_two.take.click()
    plate = card_of_two.plate
    plate.fields["runs.1.yield"].input.value = "50"
    plate.wells[1].failed.value = True
    plate.tell.click()
    assert "press Tell what is filled in again" in plate.fields["runs.1.impurity"].error.value
    assert plate.fields["runs.2.impurity"].error.value == ""
    assert service.runs == []
    plate.tell.click()
    assert [run["status"] for run in service.runs] == ["ok", "failed"]


def test_wrong_fixed_value_leaves_the_suggestion_on_the_card(card):
    shown = card.suggestion
    card.fields["fixed.x"].input.value = "hot"
    card.another.click()
    assert "hot is not a number" in card.fields["fixed.x"].error.value
    assert card.suggestion is shown
    assert not card.told.disabled


def test_plate_with_runs_that_wait_stays_when_another_is_taken(card):
    card.fields["n"].input.value = 2
    card.take.click()
    first = card.plate
    first.fields["runs.1.Response"].input.value = "0.5"
    card.take.click()
    assert card.plates == [card.plate, first]
    assert card._plate_box.children == (card.plate.box, first.box)
    assert first.fields["runs.1.Response"].text == "0.5"
    for well in first.wells:
        well.failed.value = True
    first.fields["runs.1.Response"].input.value = ""
    first.tell.click()
    card.take.click()
    assert first not in card.plates


def _told_by_another(card, service):
    told = observation({"x": 0.5}, 50, suggestion_uuid=str(card.suggestion.suggestion_uuid), seq=9)
    card._see(Event.model_validate(event(9, "observation_added", told)))
    card._draw({})


def test_card_says_that_somebody_else_told_its_suggestion_and_tells_a_run_of_its_own(card, service):
    _told_by_another(card, service)
    assert "was told already, with response 50" in card._outdated.value
    assert card.fresh.layout.display is None
    _type(card, "60")
    card.told.click()
    assert [(run["response"], run["suggestion_uuid"]) for run in service.runs] == [(60.0, None)]
    assert card._outdated.value == ""


def test_card_whose_suggestion_was_told_a_moment_ago_says_so_and_keeps_what_was_typed(card, service):
    wrong = [{"field": "suggestion_uuid", "message": "was told already, with response 50.0", "value": None}]
    service.trouble("POST /experiment/tell", problem(409, "already_told", "told", errors=wrong))
    _type(card, "60")
    card.told.click()
    assert "Not stored" in card.said
    assert "was told already, with response 50.0" in card._outdated.value
    assert card.fields["responses.Response"].text == "60"
    card.told.click()
    assert [(run["response"], run["suggestion_uuid"]) for run in service.runs] == [(60.0, None)]


def test_skip_of_a_suggestion_that_somebody_else_told_goes_on(card, service):
    _told_by_another(card, service)
    first = card.suggestion
    card.skip.click()
    assert "which was told already, with response 50" in card.said
    assert card.suggestion.suggestion_uuid != first.suggestion_uuid


@pytest.mark.parametrize("code", ["already_told", "not_pending"])
def test_skip_of_a_suggestion_that_waits_no_more_goes_on(card, service, code):
    service.trouble(f"POST /experiment/{card.experiment.exp_uuid}/abandon", problem(409, code, "no"))
    first = card.suggestion
    card.fields["reason"].input.value = "no flask"
    card.skip.click()
    assert "waits for nobody any more" in card.said
    assert card.suggestion.suggestion_uuid != first.suggestion_uuid


def test_options_that_are_numbers_are_shown_as_the_card_shows_them(client):
    covars = {"eq": {"vtype": "cat", "guess": 1.0, "options": [0.5, 1.0, 2.0], "ordered": True}}
    card = SuggestionCard(client.new("suzuki", covars))
    assert [label for label, _option in card.fields["fixed.eq"].input.options] == ["any", "0.5", "1", "2"]


def test_row_of_a_list_is_shown_with_its_details(experiment, service):
    row = {"number": 17, "details": {"bottle": "A-12", "opened": True, "lot": None}}
    give = service._configuration

    def on_a_list(found, fixed):
        return {**give(found, fixed), "candidate": row}

    service._configuration = on_a_list
    card = SuggestionCard(experiment)
    assert "A-12" in card.still()
    assert "lot" not in card.still()
    card.fields["n"].input.value = 2
    card.take.click()
    assert "row 17, bottle A-12, opened yes" in card.plate.still()
    sheet = b64decode(card._print.value.partition("base64,")[2].partition('"')[0]).decode()
    assert "A-12" in sheet
