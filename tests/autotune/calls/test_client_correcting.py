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


def test_correct_takes_a_failure(experiment, service):
    experiment.correct(experiment.tell({"x": 0.5}, 7), reason="it was burnt", failed=True)
    assert _sent(service) == {"version": 1, "reason": "it was burnt", "status": "failed"}


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


def test_correct_of_what_another_corrected_meanwhile_gives_the_newest_version(experiment):
    told = experiment.tell({"x": 0.5}, 70)
    newest = experiment.correct(told, reason="a comma", response=7)
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
