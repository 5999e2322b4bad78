import pytest
from fake_service import SPACE, problem

from autotune.errors import InvalidInputError
from autotune.widgets.board import Board
from autotune.widgets.card import SuggestionCard
from autotune.widgets.experiments import Experiments
from autotune.widgets.space_editor import SpaceEditor


@pytest.fixture
def widget(client):
    client.new("older", SPACE)
    client.new("newer", SPACE)
    return Experiments(client)


def _choose(widget, name):
    widget.chosen.value = next(str(one.exp_uuid) for one in widget.listed if one.name == name)


def test_list_is_newest_first_with_date_state_and_count(widget):
    texts = [text for text, _uuid in widget.chosen.options]
    assert texts == [
        "newer · 2026-01-02 · active, maximize · 0 runs · best none yet",
        "older · 2026-01-02 · active, maximize · 0 runs · best none yet",
    ]


def test_line_of_several_objectives_is_short_whatever_the_name(client):
    experiment = client.new("a; the best in b", SPACE, responses={"strength": "maximize", "cost": "minimize"})
    experiment.tell({"x": 0.5}, {"strength": 5, "cost": 2})
    ((text, _uuid),) = Experiments(client).chosen.options
    goals = "maximize strength, minimize cost"
    assert text == f"a; the best in b · 2026-01-02 · active, {goals} · 1 run · best strength 5, cost 2"


@pytest.mark.parametrize(
    ("form", "given", "wanted"),
    [(Board, "brownies", "an experiment"), (SuggestionCard, None, "an experiment"), (SpaceEditor, 3, "a client"),
     (Experiments, "brownies", "a client")],
)  # fmt: skip
def test_form_of_something_else_says_what_it_needs(form, given, wanted):
    with pytest.raises(InvalidInputError, match=rf"^{form.__name__} needs {wanted}, not {given!r}\ngive it what "):
        form(given)


def test_open_shows_the_board_and_gives_the_experiment(widget):
    with pytest.raises(InvalidInputError, match="no experiment was opened"):
        _ = widget.experiment
    _choose(widget, "older")
    widget.open.click()
    assert widget.experiment.name == "older"
    assert isinstance(widget.opened, Board)


def test_copy_opens_an_editor_with_the_same_space(widget):
    _choose(widget, "older")
    widget.copy.click()
    assert isinstance(widget.opened, SpaceEditor)
    assert widget.opened.name.text == "older (copy)"


def test_rename_changes_the_name_in_the_list_and_keeps_the_choice(widget):
    _choose(widget, "older")
    widget.fields["name"].input.value = "oldest"
    widget.rename.click()
    assert [one.name for one in widget.listed] == ["newer", "oldest"]
    assert widget.chosen.label.startswith("oldest")


def test_close_is_seen_in_the_list(widget):
    widget.close.click()
    assert "closed" in widget.chosen.label
    assert "Closed newer" in widget.said


def test_delete_needs_the_name(widget, service):
    widget.fields["name"].input.value = "older"
    widget.delete.click()
    assert "must be newer to delete it" in widget.fields["name"].error.value
    assert len(service.experiments) == 2
    widget.fields["name"].input.value = "newer"
    widget.delete.click()
    assert [one["name"] for one in service.experiments.values()] == ["older"]
    assert [one.name for one in widget.listed] == ["older"]


def test_name_to_rename_to_is_needed(widget):
    widget.rename.click()
    assert "is missing" in widget.fields["name"].error.value


def test_name_that_the_service_refuses_is_said_beside_the_field(widget, service):
    wrong = [{"field": "name", "message": "is taken", "value": None}]
    service.trouble("POST /experiment", problem(422, "invalid", "no", errors=wrong))
    widget.fields["name"].input.value = "x"
    widget.rename.click()
    assert "is taken" in widget.fields["name"].error.value


def test_user_without_experiments_can_only_look_again(client):
    widget = Experiments(client)
    assert [button.disabled for button in (widget.open, widget.delete, widget.look_again)] == [True, True, False]
    client.new("first", SPACE)
    widget.look_again.click()
    assert not widget.open.disabled


def test_dead_service_is_said_and_the_list_stays(widget, dead):
    with dead():
        widget.look_again.click()
    assert "cannot reach the service" in widget.said
    assert len(widget.chosen.options) == 2


def test_still_lists_the_experiments(widget):
    assert "older" in widget.still()
    assert "2 experiments of a@b.c" in repr(widget)


def test_list_made_while_the_service_is_dead_says_so_and_looks_again(client, dead):
    client.new("older", SPACE)
    with dead():
        widget = Experiments(client)
    assert "cannot reach the service" in widget.said
    assert widget.open.disabled
    widget.look_again.click()
    assert [one.name for one in widget.listed] == ["older"]
    assert not widget.open.disabled


def test_list_of_a_service_that_is_away_counts_nothing(client, dead):
    with dead():
        widget = Experiments(client)
    assert repr(widget) == f"Experiments(those of {client.username} are not known yet)"
    widget.look_again.click()
    assert repr(widget) == f"Experiments(0 experiments of {client.username})"
