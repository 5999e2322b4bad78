"""Documents of experiments that come from outside: whatever does not fit is refused, with its field."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from autotune_service.domain.errors import InvalidError, MalformedError
from autotune_service.domain.portable import best_of, check_portable
from autotune_service.domain.portable_log import log_problems, renamed
from autotune_service.domain.portable_text import read_document
from autotune_wire.portable import MAX_EVENTS
from support import UNKNOWN_UUID

STORED = (Path(__file__).parent.parent / "exports" / "1.json").read_text()


@pytest.fixture
def export():
    """An experiment with all states of suggestions, corrections and a changed space."""
    return json.loads(STORED)


def read(export):
    document = read_document(json.dumps(export).encode())
    check_portable(document)
    return document


def fields_of(export):
    with pytest.raises(InvalidError) as caught:
        read(export)
    return [one.field for one in caught.value.errors]


def place(export, path):
    *parents, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in parents:
        export = export[step]
    return export, last


def first(export, name, **wanted):
    """Give the place of the first record of a list that is so."""
    return next(i for i, one in enumerate(export[name]) if all(one[key] == value for key, value in wanted.items()))


def test_stored_export_is_taken(export):
    document = read(export)
    assert len(document.events) == document.experiment.last_seq
    assert {one.state for one in document.suggestions} >= {"told", "abandoned", "leased"}
    assert {one.version for one in document.observations} == {1, 2, 3}


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("experiment/name", "a\x00b", "experiment"),
        ("experiment/name", " ", "experiment.name"),
        ("experiment/name", "a\u202eb", "experiment.name"),
        ("experiment/responses/a\x1bb", {"goal": ">=", "bound": 0}, "experiment.responses.a\x1bb"),
        ("spaces/1/covars/a\u2066b", {"vtype": "cont", "guess": 0, "min": 0, "max": 1}, "spaces.1.covars.a\u2066b"),
        ("experiment/seed", 2**31, "experiment.seed"),
        ("experiment/state", "stopped", "experiment.state"),
        ("experiment/secret", 1, "experiment.secret"),
        ("experiment/acq_func", "qKnowledgeGradient", "acq_func"),
        ("experiment/last_seq", 150, "experiment.last_seq"),
        ("experiment/n_observations", 1, "observations"),
        ("experiment/data_rev", 0, "experiment.data_rev"),
        ("experiment/fit_rev", 199_999, "experiment.data_rev"),
        ("experiment/best_observation_uuid", UNKNOWN_UUID, "experiment.best_observation_uuid"),
        ("experiment/best_observation_uuid", None, "experiment.best_observation_uuid"),
        ("experiment/responses", {}, "experiment.responses"),
        ("experiment/responses/taste", {"goal": ">=", "bound": "x"}, "experiment.responses.taste.bound"),
        ("experiment/responses/x", {"goal": ">=", "bound": 0}, "experiment.responses.x"),
        ("experiment/stop", {"target": 1}, "experiment.stop.target"),
        ("experiment/time_created", "0001-01-01T00:00:00+14:00", "experiment.time_created"),
        ("experiment/time_created", "2026-01-01T00:00:00", "experiment.time_created"),
        ("experiment/best_predicted/mean", "1", "experiment.best_predicted.mean"),
        ("experiment/best_predicted/covars/w", 1, "experiment.best_predicted.covars"),
        ("experiment/best_predicted/covars/", 1, "experiment.best_predicted.covars"),
        ("unknown", 1, "unknown"),
        ("format", 2, "format"),
        ("spaces", [], "spaces"),
        ("spaces/1/revision", 2, "spaces.1.revision"),
        ("spaces/1/seq", 3, "spaces.1.seq"),
        ("spaces/0/seq", 2, "spaces.0.seq"),
        ("spaces/1/backfill", {}, "spaces.1.backfill.z"),
        ("spaces/0/backfill", {"x": 1}, "spaces.0.backfill"),
        ("spaces/1/covars/x/log", True, "spaces.1.covars.x.min"),
        ("spaces/1/covars/y/log", False, "spaces.1.covars.y.log"),
        ("spaces/1/covars/x/min", 5, "spaces.1.covars.x.min"),
        ("spaces/1/covars/k/vtype", "real", "spaces.1.covars.k.vtype"),
        ("spaces/1/constraints/0/bound", -100, "spaces.1.constraints.0"),
        ("suggestions/0/covars/x", 40.0, "suggestions.0.covars.x"),
        ("suggestions/0/covars/w", 1, "suggestions.0.covars.w"),
        ("suggestions/0/fixed", {"x": 40.0}, "suggestions.0.fixed.x"),
        ("suggestions/0/state", "open", "suggestions.0.state"),
        ("suggestions/1/state", "told", "suggestions.1.state"),
        ("suggestions/0/state", "eaten", "suggestions.0.state"),
        ("suggestions/0/seq", 3, "suggestions.0.seq"),
        ("suggestions/0/seq", MAX_EVENTS, "suggestions.0.seq"),
        ("suggestions/0/data_rev", 199_999, "suggestions.0.data_rev"),
        ("suggestions/0/data_seq", 3, "suggestions.0.data_seq"),
        ("suggestions/0/predictions", {"smell": {"mean": 1, "sd": 1}}, "suggestions.0.predictions"),
        ("suggestions/0/suggestion_uuid", UNKNOWN_UUID, "suggestions.0.seq"),
        ("observations/0/covars/x", "0.5", "observations.0.covars.x"),
        ("observations/0/covars", {}, "observations.0.covars.x"),
        ("observations/0/responses", {"smell": 1}, "observations.0.responses.smell"),
        ("observations/0/responses", {}, "observations.0.status"),
        ("observations/0/status", "failed", "observations.0.status"),
        ("observations/0/sds", {"smell": 1}, "observations.0.sds.smell"),
        ("observations/0/sds", {"taste": -1}, "observations.0.sds.taste"),
        ("observations/0/is_excluded", 1, "observations.0.is_excluded"),
        ("observations/0/version", 2, "observations.0.version"),
        ("observations/2/version", 1, "observations.2.version"),
        ("observations/0/seq", 1, "observations.0.seq"),
        ("observations/0/suggestion_uuid", UNKNOWN_UUID, "suggestions.0.state"),
        ("versions/0/observation_uuid", UNKNOWN_UUID, "versions.0.observation_uuid"),
        ("versions/0/version", 2, "versions.0.version"),
        ("versions/1/seq", 3, "versions.1.seq"),
        ("versions/1/covars/x", "hot", "versions.1.covars.x"),
        ("versions", [], "observations.2.version"),
        ("events", [], "events"),
        ("events/1/seq", 3, "events.1.seq"),
        ("events/1/seq", 2.5, "events.1.seq"),
        ("events/1/type", "experiment_created", "events.1.type"),
        ("events/1/type", "reset", "events.1.type"),
        ("events/1/type", "eaten", "events.1.type"),
        ("events/1/data/covars", 1, "events.1.data.covars"),
        ("events/1/data/superseded", [UNKNOWN_UUID], "events.1.data"),
        ("events/0/data/exp_uuid", UNKNOWN_UUID, "events.0.data"),
        ("events/1/data/more", 2**60, "events.1"),
        ("events/1/data/more", "\x00", "events.1"),
        ("events/1/data/more", list(range(1001)), "events.1"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_field(export, path, value, field):
    parent, last = place(export, path)
    parent[last] = value
    assert field in fields_of(export)


def test_run_outside_the_space_is_taken_as_it_was(export):
    export["observations"][0]["covars"]["x"] = 40.0
    version = first(export, "versions", version=1)
    export["versions"][version]["covars"]["x"] = -40.0
    document = read(export)
    assert document.observations[0].covars["x"] == 40.0
    assert document.versions[version].covars["x"] == -40.0


@pytest.mark.parametrize("name", ["spaces", "suggestions", "observations", "versions", "events"])
def test_lists_must_be_whole(export, name):
    del export[name][-1]
    assert fields_of(export)
    del export[name]
    assert fields_of(export) == [name]


@pytest.mark.parametrize(("name", "key"), [("suggestions", "suggestion_uuid"), ("observations", "observation_uuid")])
def test_uuid_stands_once(export, name, key):
    export[name][1][key] = export[name][0][key]
    assert name in fields_of(export)


def test_suggestion_is_told_once(export):
    uuid = export["observations"][0]["suggestion_uuid"]
    export["observations"][1]["suggestion_uuid"] = uuid
    assert fields_of(export) == ["observations (suggestion_uuid)"]


def test_suggestion_comes_before_its_observation(export):
    later = export["suggestions"][-1]
    later["state"] = "told"
    export["suggestions"][0]["state"] = "expired"
    export["observations"][0]["suggestion_uuid"] = later["suggestion_uuid"]
    assert fields_of(export) == ["observations.0.suggestion_uuid"]


def test_nested_deeper_than_anything_can_be_is_refused(export):
    nest = []
    for _ in range(900):
        nest = [nest]
    export["events"][1]["data"]["more"] = nest
    assert fields_of(export) == ["events.1"]


def test_unknown_members_by_the_thousand_are_refused_at_once(export):
    export["observations"][0]["covars"] = {str(n): None for n in range(100_000)}
    assert fields_of(export) == ["observations.0"]


def test_more_events_than_there_may_be_are_refused(export):
    export["events"] = [None] * (MAX_EVENTS + 1)
    assert fields_of(export) == ["events"]


def test_first_wrong_record_of_a_list_stands_for_all(export):
    export["events"] = [{}] * MAX_EVENTS
    assert {field.split(".")[1] for field in fields_of(export)} == {"0"}


def test_wrong_record_far_down_each_list_is_named_by_its_place(export):
    n_events, n_versions = len(export["events"]), len(export["versions"])
    export["events"] += [export["events"][-1]] * 700 + [export["events"][-1] | {"seq": 0}] * 2
    export["versions"] += [export["versions"][-1]] * 300 + [export["versions"][-1] | {"version": 0}]
    assert fields_of(export) == [f"versions.{n_versions + 300}.version", f"events.{n_events + 700}.seq"]


@pytest.mark.parametrize(
    "text", ['{"format": 1, "format": 1}', '{"events": [], "events": []}', '{"events": [{"seq": 1, "seq": 1}]}']
)
def test_document_with_a_name_twice_is_refused(text):
    with pytest.raises(MalformedError, match="twice"):
        read_document(text.encode())


def test_list_may_be_written_with_blanks_and_line_breaks(export):
    document = read_document(json.dumps(export, indent=2).encode())
    check_portable(document)
    assert [event.seq for event in document.events] == [event["seq"] for event in export["events"]]


def test_best_is_the_earlier_of_two_equal_ones_that_counts(export):
    document = read(export)
    assert best_of(document).observation_uuid == document.experiment.best_observation_uuid
    for one in export["observations"]:
        one["is_excluded"] = True
    assert best_of(read_document(json.dumps(export).encode())) is None


def test_renaming_leaves_what_users_named():
    """A covariate may be called as the service's own fields are."""
    old, new = uuid4(), uuid4()
    data = {"suggestion_uuid": str(old), "superseded": [str(old)], "covars": {"suggestion_uuid": str(old)}}
    names = {"experiment": {}, "suggestion": {old: new}, "observation": {}}
    assert renamed(data, names) == {
        "suggestion_uuid": str(new),
        "superseded": [str(new)],
        "covars": {"suggestion_uuid": str(old)},
    }
    with pytest.raises(KeyError):
        renamed({"observation_uuid": str(old)}, names)


def test_renaming_reaches_the_best_that_an_event_shows():
    old, new = uuid4(), uuid4()
    names = {"experiment": {}, "suggestion": {}, "observation": {old: new}}
    best = {"observation_uuid": str(old), "response": 1.0, "covars": {"x": 0.5}}
    assert renamed({"best": best}, names) == {"best": best | {"observation_uuid": str(new)}}
    with pytest.raises(KeyError):
        renamed({"best": best}, names | {"observation": {}})


def with_another_space(export):
    """Return the export after one more change of its space, and the places of its last two spaces."""
    events, spaces = export["events"], export["spaces"]
    change = events[first(export, "events", type="space_changed")]
    seq = len(events) + 1
    events.append(change | {"seq": seq, "data": change["data"] | {"revision": len(spaces)}})
    spaces.append(spaces[-1] | {"seq": seq, "revision": len(spaces)})
    export["experiment"]["last_seq"] = seq
    return export, len(spaces) - 2, len(spaces) - 1


def problems_of_log(export):
    return [problem.field for problem in log_problems(read_document(json.dumps(export).encode()))]


def test_spaces_stand_in_the_order_of_their_events(export):
    export, earlier, later = with_another_space(export)
    assert problems_of_log(export) == []
    spaces = export["spaces"]
    spaces[earlier]["seq"], spaces[later]["seq"] = spaces[later]["seq"], spaces[earlier]["seq"]
    assert problems_of_log(export) == ["spaces"]


def test_each_space_has_an_event_of_its_own(export):
    export, earlier, later = with_another_space(export)
    export["spaces"][later]["seq"] = export["spaces"][earlier]["seq"]
    assert problems_of_log(export) == ["spaces"]
