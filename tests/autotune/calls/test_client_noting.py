import json

import pytest

from autotune.errors import InvalidInputError
from autotune.inputs.loading import read_runs

FAILED = {"x": 0.25}


def _sent(service):
    return json.loads(service.bodies[-1])


def test_fail_keeps_the_reason_and_shows_it(experiment, service):
    failed = experiment.fail(FAILED, reason="it boiled over")
    assert _sent(service)["failed_because"] == "it boiled over"
    assert "status failed: it boiled over" in repr(failed)


@pytest.mark.parametrize(("reason", "said"), [("", "must not be empty"), ("x" * 1001, "at most 1000"), (7, "a text")])
def test_fail_refuses_a_reason_that_cannot_be(experiment, service, reason, said):
    with pytest.raises(InvalidInputError, match=f"failed_because: .*{said}"):
        experiment.fail(FAILED, reason=reason)
    assert service.runs == []


def test_note_takes_an_observation_or_its_id_and_sends_what_is_given(experiment, service):
    told = experiment.tell({"x": 0.5}, 7)
    experiment.note(told, "cloudy")
    assert _sent(service) == {"note": "cloudy"}
    experiment.note(1, tags=("slow", "batch 7"))
    assert _sent(service) == {"tags": ["slow", "batch 7"]}
    noted = experiment.note(1, None, tags="slow")
    assert _sent(service) == {"note": None, "tags": ["slow"]}
    assert "slow" in noted._repr_html_()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "give note, tags or both"),
        ({"note": "x" * 5001}, "note: must have at most 5000 characters"),
        ({"tags": ["a", "b, c"]}, r"tags\.1: must not .* a comma"),
        ({"tags": "x" * 41}, r"tags\.0: must have at most 40 characters"),
        ({"tags": [f"t{n}" for n in range(11)]}, "tags: must have at most 10 members"),
    ],
)
def test_note_that_cannot_be_is_refused_before_it_is_sent(experiment, service, given, said):
    experiment.tell({"x": 0.5}, 7)
    with pytest.raises(InvalidInputError, match=said):
        experiment.note(1, **given)
    assert service.n_calls("POST /experiment") == 2  # the new experiment, and the tell


def test_history_has_columns_for_remarks_only_where_there_are_any(experiment):
    experiment.tell({"x": 0.5}, 7)
    assert not {"failed_because", "note", "tags"} & set(experiment.history().columns)
    experiment.fail(FAILED, reason="it boiled over")
    experiment.note(1, "cloudy", tags=["slow", "batch 7"])
    table = experiment.history()[["failed_because", "note", "tags"]].fillna("")
    assert [*table["failed_because"]] == ["", "it boiled over"]
    assert [*table["note"], *table["tags"]] == ["cloudy", "", "slow, batch 7", ""]


def test_history_that_is_loaded_again_keeps_why_runs_failed(experiment):
    experiment.tell({"x": 0.5}, 7)
    experiment.fail(FAILED, reason="it boiled over")
    experiment.note(1, "cloudy")
    for data in (experiment.history(), experiment.history().to_csv(index=False)):
        runs = read_runs(data, experiment.covars, experiment.responses)
        assert [told.failed_because for told in runs.told] == [None, "it boiled over"]
        assert runs.notices == []


def test_reason_of_a_run_that_did_not_fail_is_refused_by_its_row(experiment):
    data = [{"x": 0.5, "Response": 1.0, "failed_because": "it did not"}]
    with pytest.raises(InvalidInputError, match=r"row 0\.failed_because: .* set status to failed"):
        experiment.add_history(data)


def test_paused_experiment_says_so(experiment, service):
    assert experiment.paused is None
    experiment.pause("lunch")
    assert experiment.paused.reason == "lunch"
    assert "state paused" in repr(experiment)
    assert "lunch (since 2026-01-02 03:04 UTC)" in experiment._repr_html_()
    experiment.resume()
    assert experiment.paused is None
    with pytest.raises(InvalidInputError, match="reason: must not be empty"):
        experiment.pause("")
