import json

import numpy as np
import pytest
from fake_service import SPACE

import autotune
from autotune.errors import InvalidInputError, VersionConflictError

CORRECT = "POST /experiment"


def _sent(service):
    return json.loads(service.bodies[-1])


def test_correct_sends_what_is_different_with_version_and_reason(experiment, service):
    told = experiment.tell({"x": 0.5}, 70)
    corrected = experiment.correct(told, reason="a comma", response=np.float64(7), sd=0.5)
    assert _sent(service) == {"version": 1, "reason": "a comma", "response": 7.0, "sd": 0.5}
    assert (corrected.response, corrected.version) == (7.0, 2)


def test_correct_takes_the_version_that_correct_gave(experiment):
    corrected = experiment.correct(experiment.tell({"x": 0.5}, 70), reason="a comma", response=7)
    assert experiment.correct(corrected, reason="after all", response=70).version == 3


def test_correct_takes_a_configuration(experiment, service):
    experiment.correct(experiment.tell({"x": 0.5}, 7), reason="misread", covars={"x": np.float64(0.25)})
    assert _sent(service) == {"version": 1, "reason": "misread", "covars": {"x": 0.25}}


@pytest.mark.parametrize(("given", "option"), [(256, "256"), ("256", "256"), (True, "True")])
def test_correct_takes_what_pandas_made_of_an_option(client, service, given, option):
    space = {**SPACE, "k": {"vtype": "cat", "guess": "128", "options": ["128", "256", "True"]}}
    lab = client.new("lab", space)
    told = lab.tell({"x": 0.5, "k": 128}, 7)
    lab.correct(told, reason="misread", covars={"x": 0.25, "k": given})
    assert _sent(service)["covars"] == {"x": 0.25, "k": option}


def test_correct_takes_a_failure(experiment, service):
    experiment.correct(experiment.tell({"x": 0.5}, 7), reason="it was burnt", failed=True)
    assert _sent(service) == {"version": 1, "reason": "it was burnt", "status": "failed"}


def test_correct_takes_why_a_run_failed(experiment, service):
    experiment.correct(experiment.tell({"x": 0.5}, 7), reason="a slip", failed=True, failed_because="it was burnt")
    assert _sent(service)["failed_because"] == "it was burnt"
    with pytest.raises(InvalidInputError, match="give it together with failed=True"):
        experiment.correct(1, reason="a slip", response=7, failed_because="it was burnt")


def test_correct_keeps_the_responses_that_it_does_not_name(client, service):
    lab = client.new("lab", SPACE, responses={"yield": "maximize", "impurity": "<= 0.05"})
    told = lab.tell({"x": 0.5}, {"yield": 70.0, "impurity": 0.01})
    corrected = lab.correct(told, reason="a comma", response={"yield": 7.0})
    assert _sent(service) == {"version": 1, "reason": "a comma", "responses": {"yield": 7.0}}
    assert corrected.responses == {"yield": 7.0, "impurity": 0.01}
    lab.correct(told, reason="never measured", response={"yield": 7.5, "impurity": None})
    assert _sent(service)["responses"] == {"yield": 7.5, "impurity": None}
    lab.correct(told, reason="never measured", response={"impurity": None})
    assert _sent(service)["responses"] == {"impurity": None}
    with pytest.raises(InvalidInputError, match=r"responses\.yeild: is not a response"):
        lab.correct(told, reason="a comma", response={"yeild": None})


def test_correct_takes_several_responses(client, service):
    lab = client.new("lab", SPACE, responses={"yield": "maximize", "impurity": "<= 0.05"})
    told = lab.tell({"x": 0.5}, {"yield": 7.0})
    lab.correct(told, reason="late", response={"yield": 7.0, "impurity": 0.01}, sd={"yield": 0.1})
    changes = {"responses": {"yield": 7.0, "impurity": 0.01}, "sds": {"yield": 0.1}}
    assert _sent(service) == {"version": 1, "reason": "late", **changes}
    with pytest.raises(InvalidInputError, match=r"responses\.yeild: is not a response"):
        lab.correct(told, reason="late", response={"yeild": 7.0})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reason": "r"}, "nothing is corrected"),
        ({"reason": "r", "sd": 0.5}, "give the response together with its sd"),
        ({"reason": "r", "response": 1, "failed": True}, "give response or failed"),
        ({"reason": "", "response": 1}, "reason"),
        ({"reason": None, "response": 1}, "reason"),
        ({"reason": "r", "response": float("nan")}, "response"),
        ({"reason": "r", "covars": {"x": None}}, r"covars\.x"),
    ],
)
def test_correct_refuses_what_does_not_fit_before_it_is_sent(experiment, service, given, message):
    told = experiment.tell({"x": 0.5}, 7)
    n_calls = len(service.calls)
    with pytest.raises(InvalidInputError, match=message):
        experiment.correct(told, **given)
    assert len(service.calls) == n_calls


@pytest.mark.parametrize("given", [None, {"x": 0.5}, "00000000-0000-0000-0000-000000000000"])
def test_correct_refuses_what_is_no_observation(experiment, given):
    for call in (experiment.exclude, experiment.restore, lambda observation, _: experiment.versions(observation)):
        with pytest.raises(InvalidInputError, match="give an observation"):
            call(given, "r")


def test_correct_takes_a_version_that_this_client_has_replaced(client, experiment):
    told = experiment.tell({"x": 0.5}, 70)
    experiment.correct(told, reason="a comma", response=7)
    assert experiment.exclude(told, "burnt").version == 3
    same = client.experiment(experiment.exp_uuid)
    assert same.restore(told, "it was not").version == 4
    assert (told.version, told.response) == (1, 70)


def test_correct_does_not_pass_over_what_another_made_of_it(service, experiment):
    told = experiment.tell({"x": 0.5}, 70)
    corrected = experiment.correct(told, reason="a comma", response=7)
    with service.client() as another:
        newest = another.experiment(experiment.exp_uuid).exclude(corrected, "burnt")
    with pytest.raises(autotune.VersionConflictError) as caught:
        experiment.correct(told, reason="a point", response=0.7)
    assert caught.value.current == newest


def test_restore_takes_what_undo_has_taken_back(experiment):
    told = experiment.tell({"x": 0.5}, 70)
    experiment.undo()
    assert experiment.restore(told, "it was right").version == 3


def test_correct_of_what_another_corrected_meanwhile_gives_the_newest_version(service, experiment):
    told = experiment.tell({"x": 0.5}, 70)
    with service.client() as another:
        newest = another.experiment(experiment.exp_uuid).correct(told, reason="a comma", response=7)
    with pytest.raises(autotune.VersionConflictError) as caught:
        experiment.exclude(told, "burnt")
    assert caught.value.current == newest
    assert caught.value._render_traceback_()[-1] == "The observation is now stored as Observation(x=0.5, response 7)"
    assert experiment.exclude(caught.value.current, "burnt").is_excluded


def test_correct_whose_reply_is_lost_is_done_once(experiment, service):
    told = experiment.tell({"x": 0.5}, 70)
    service.lose(f"POST /experiment/{experiment.exp_uuid}/observation")
    assert experiment.correct(told, reason="a comma", response=7).version == 2
    assert service.runs[0]["version"] == 2


def test_exclude_and_restore(experiment):
    excluded = experiment.exclude(experiment.tell({"x": 0.5}, 7), "burnt")
    assert repr(excluded) == "Observation(x=0.5, response 7, status excluded)"
    restored = experiment.restore(excluded, "it was not")
    assert (restored.is_excluded, restored.version) == (False, 3)


def test_history_has_a_column_for_excluded_runs_where_there_are_any(experiment):
    told = experiment.tell({"x": 0.5}, 7)
    assert "excluded" not in experiment.history().columns
    experiment.exclude(told, "burnt")
    assert list(experiment.history()["excluded"]) == [True]


def test_history_tells_a_covariate_called_excluded_from_the_excluded_runs(client):
    experiment = client.new("n", {"excluded": {"vtype": "int", "guess": 1, "min": 0, "max": 9}})
    experiment.exclude(experiment.tell({"excluded": 3}, 7), "burnt")
    row = experiment.history().iloc[0]
    assert (row["covars.excluded"], row["excluded"]) == (3, True)


def test_versions_show_what_it_was_and_why(experiment):
    told = experiment.tell({"x": 0.5}, 70)
    experiment.exclude(experiment.correct(told, reason="<i>a comma", response=7), "burnt")
    found = experiment.versions(told)
    assert [(version.version, version.response, version.reason) for version in found] == [
        (1, 70.0, None),
        (2, 7.0, "<i>a comma"),
        (3, 7.0, "burnt"),
    ]
    assert repr(found).splitlines()[2] == "3  x=0.5  response 7, status excluded  burnt  2026-01-02 03:04 UTC"
    assert "&lt;i&gt;a comma" in found._repr_html_()


def test_version_conflict_is_an_error_of_the_service():
    assert issubclass(VersionConflictError, autotune.ServiceError)


def test_correct_exclude_and_restore_take_an_id(experiment, service):
    for response in (1, 80, 3):
        experiment.tell({"x": 0.5}, response)
    assert experiment.correct(2, reason="a comma", response=0.8).response == 0.8
    excluded = experiment.exclude(np.int64(2), "burnt")
    assert (excluded.seq, excluded.version, excluded.is_excluded) == (2, 3, True)
    assert experiment.restore(2, "it was not").version == 4
    assert [version.version for version in experiment.versions(2)] == [1, 2, 3, 4]
    assert experiment.observation(3).response == 3
    assert [run["response"] for run in service.runs] == [1, 0.8, 3]


@pytest.mark.parametrize("given", [0, -1, 4, 10**30])
def test_correct_says_where_an_unknown_id_is_to_be_looked_up(experiment, given):
    experiment.tell({"x": 0.5}, 7)
    with pytest.raises(InvalidInputError, match=r"no observation with the id .*history\(\) shows the ids"):
        experiment.exclude(given, "burnt")


def test_undo_takes_back_the_newest_and_frees_its_suggestion(experiment):
    first, suggestion = experiment.tell({"x": 0.25}, 0.7), experiment.ask()
    experiment.tell(suggestion, 80)
    (undone,) = experiment.undo()
    assert (undone.response, undone.is_excluded, undone.suggestion_uuid) == (80, True, None)
    assert experiment.tell(suggestion, 0.8).suggestion_uuid == suggestion.suggestion_uuid
    undone = experiment.undo(2)
    assert [one.response for one in undone] == [0.8, 0.7]
    assert [one.suggestion_uuid for one in undone.suggestions] == [suggestion.suggestion_uuid]
    assert not experiment.restore(first.seq, "it was right").is_excluded


@pytest.mark.parametrize("n", [0, 1001, 1.5, True, "2"])
def test_undo_refuses_a_number_that_is_none(experiment, service, n):
    n_calls = len(service.calls)
    with pytest.raises(InvalidInputError, match="n:"):
        experiment.undo(n)
    assert len(service.calls) == n_calls


def test_undo_of_nothing_is_refused(experiment):
    with pytest.raises(autotune.ServiceError, match="nothing_to_undo"):
        experiment.undo()
