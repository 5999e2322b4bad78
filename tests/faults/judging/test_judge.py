"""The judge finds each kind of anomaly in a small history that was made by hand, and nothing in a healthy one."""

import json
from copy import deepcopy
from typing import Any

import pytest
from judge.evidence import Attempt, Fork, History, Operation, Tables, Watched, read_history
from judge.verdict import judge

EXP = "11111111-1111-4111-8111-111111111111"
S1, S2, S3, O1, O2 = "s1", "s2", "s3", "o1", "o2"


def at(seq):
    return f"2026-01-01T00:00:{seq:02d}+00:00"


def second(seq):
    """The time of the event with this seq, as clients' clocks show it: 2026-01-01 UTC is this many seconds old."""
    return 1_767_225_600.0 + seq


def observation(uuid, seq, response, *, x, suggestion=None, version=1, is_excluded=False):
    return {
        "observation_uuid": uuid, "seq": seq, "covars": {"x": x}, "response": response, "status": "ok",
        "suggestion_uuid": suggestion, "version": version, "is_excluded": is_excluded,
    }  # fmt: skip


def suggested(uuid, data_rev, data_seq, superseded=()):
    return {"suggestion_uuid": uuid, "data_rev": data_rev, "data_seq": data_seq, "superseded": list(superseded)}


def healthy():
    """Two tells, one of a leased suggestion, and the exclusion of the better one."""
    first = observation(O1, 4, 5.0, x=0.5, suggestion=S1)
    second_one = observation(O2, 7, 9.0, x=0.25)
    excluded = observation(O2, 7, 9.0, x=0.25, version=2, is_excluded=True)
    kinds = [
        ("experiment_created", {}),
        ("suggestion_created", suggested(S1, 0, None)),
        ("suggestion_leased", {"suggestion_uuid": S1, "worker": "ada", "lease_until": at(33)}),
        ("observation_added", {**first, "n_observations": 1}),
        ("best_changed", {"observation_uuid": O1, "response": 5.0}),
        ("suggestion_created", suggested(S2, 1, 5)),
        ("observation_added", {**second_one, "n_observations": 2}),
        ("best_changed", {"observation_uuid": O2, "response": 9.0}),
        ("observation_corrected", {**excluded, "reason": "a slip"}),
        ("best_changed", {"observation_uuid": O1, "response": 5.0}),
        ("suggestion_created", suggested(S3, 3, 10, [S2])),
    ]
    events = [
        {"seq": seq, "type": kind, "created_at": at(seq), "data": data}
        for seq, (kind, data) in enumerate(kinds, start=1)
    ]
    states = {S1: "told", S2: "superseded", S3: "open"}
    suggestions = [
        {"suggestion_uuid": uuid, "state": state, "fixed_key": None, "lease_by": None, "lease_until": None}
        for uuid, state in states.items()
    ]
    experiment = {
        "name": "brownies", "state": "active", "last_seq": 11, "n_observations": 2, "best_response": 5.0,
        "best_observation_uuid": O1, "data_rev": 3, "fit_rev": 3, "n_open": 1,
    }  # fmt: skip
    versions = [{**second_one, "reason": None}, {**excluded, "seq": 9, "reason": "a slip"}]
    tables = Tables(experiment, events, [first, excluded], versions, suggestions)

    def done(kind, sent, reply, when, *, key=None, took=0.5):
        reply = deepcopy(reply)
        attempt = Attempt(0, second(when), second(when) + took, 200, reply, json.dumps(reply))
        return Operation(0, kind, EXP, sent, key, [attempt])

    leased = {"suggestion_uuid": S1, "state": "leased", "worker": "ada", "lease_until": at(33), "data_seq": None}
    run = {"covars": {"x": 0.5}, "response": 5.0, "suggestion_uuid": S1}
    operations = [
        done("create", {"name": "brownies"}, {"exp_uuid": EXP}, 1, key="k1"),
        done("ask", {"n": 1, "worker": "ada", "lease_s": 30.0}, {"suggestions": [leased]}, 3, key="k2"),
        done("tell", run, {"observations": [first]}, 4, key="k3"),
        done("tell", {"covars": {"x": 0.25}, "response": 9.0}, {"observations": [second_one]}, 7, key="k4"),
        done("read", {}, {"last_seq": 8}, 8),
        done("correct", {"version": 1, "reason": "a slip", "is_excluded": True}, excluded, 9, key="k5"),
        done("history", {}, {"observations": [first, excluded]}, 12),
    ]
    frames = [{"seq": e["seq"], "type": e["type"], "at": e["created_at"], "data": e["data"]} for e in events]
    one = Watched("one", EXP, [{"after": {}}, *({"frame": frame} for frame in frames)], {EXP: 11})
    all_frames = [{"frame": {**frame, "exp_uuid": EXP}} for frame in frames]
    start = [{"after": {}}, {"frame": {"positions": {}, "at": at(0), "seq": 0}}]
    # Cut after the seq 3; then the seq 9 comes live, before the watcher is back where it was.
    again = [{"after": {EXP: 3}}, {"frame": {"positions": {EXP: 8}}}, all_frames[8]]
    of_all = Watched("all", None, [*start, *all_frames[:3], *again, *all_frames[3:]], {EXP: 11})
    return deepcopy(History(operations, [one, of_all], {EXP: tables}))


def kinds_in(history):
    return {anomaly.kind for anomaly in judge(history)}


def test_healthy_history_has_no_anomaly():
    assert judge(healthy()) == []


def test_history_that_was_written_is_judged_as_before(tmp_path):
    history = healthy()
    history.tables[EXP].experiment["n_open"] = 2
    history.write(tmp_path / "history.json")
    found = judge(history)
    assert found
    assert judge(read_history(tmp_path / "history.json")) == found


CASES: dict[str, Any] = {}


def shows(kind):
    """Mark a function that changes the healthy history so that it shows a kind of anomaly."""

    def marked(change):
        CASES[f"{kind}: {change.__name__}"] = (kind, change)
        return change

    return marked


def reply_of(history, index):
    return history.operations[index].attempts[0].reply


def change_reply(history, index, **fields):
    attempt = history.operations[index].attempts[0]
    attempt.reply |= fields
    attempt.text = json.dumps(attempt.reply)


def send_again(history, index, status, reply, when=40.0):
    attempt = Attempt(1, second(when), second(when) + 0.1, status, reply, json.dumps(reply))
    history.operations[index].attempts.append(attempt)
    return attempt


@shows("lost")
def acknowledged_tell_is_not_stored(history):
    history.tables[EXP].observations.pop()


@shows("lost")
def acknowledged_experiment_is_not_stored(history):
    change_reply(history, 0, exp_uuid="another")


@shows("lost")
def acknowledged_correction_has_no_version(history):
    history.tables[EXP].versions.pop()


@shows("lost")
def acknowledged_lease_is_not_in_the_log(history):
    del history.tables[EXP].events[2]


@shows("lost")
def acknowledged_close_is_not_in_the_log(history):
    history.operations[4].kind = "close"
    change_reply(history, 4, state="closed")


@shows("unlike_log")
def tell_is_answered_with_another_seq(history):
    reply_of(history, 3)["observations"][0]["seq"] = 6


@shows("unlike_log")
def table_has_another_response_than_the_log(history):
    history.tables[EXP].observations[0]["response"] = 6.0


@shows("unlike_sent")
def tell_is_answered_with_another_run(history):
    history.operations[3].sent["response"] = 9.5


@shows("doubled")
def run_is_stored_twice(history):
    event = deepcopy(history.tables[EXP].events[6])
    history.tables[EXP].events.append({**event, "seq": 12, "created_at": at(12)})


@shows("doubled")
def experiment_is_created_twice(history):
    history.tables["another"] = deepcopy(history.tables[EXP])


@shows("doubled")
def correction_makes_two_versions(history):
    history.tables[EXP].versions.append({**history.tables[EXP].versions[1], "version": 3})


@shows("doubled")
def more_is_undone_than_anybody_undid(history):
    history.tables[EXP].versions[1]["reason"] = "undone"


@shows("doubled")
def ask_holds_more_than_it_asked_for(history, until=40):
    for seq, uuid in ((12, S2), (13, S3)):
        lease = {"suggestion_uuid": uuid, "worker": "ada", "lease_until": at(until)}
        event = {"seq": seq, "type": "suggestion_leased", "data": lease, "created_at": at(seq)}
        history.tables[EXP].events.append(event)


def test_ask_that_is_repeated_after_its_lease_may_hold_another_suggestion():
    history = healthy()
    ask_holds_more_than_it_asked_for(history, until=12)
    assert "doubled" not in kinds_in(history)


def test_ask_that_is_repeated_after_its_suggestion_was_told_may_hold_another():
    history = healthy()
    lease = {"suggestion_uuid": S3, "worker": "ada", "lease_until": at(40)}
    history.tables[EXP].events.append({"seq": 12, "type": "suggestion_leased", "data": lease, "created_at": at(12)})
    assert "doubled" not in kinds_in(history)


@shows("phantom")
def run_was_told_by_nobody(history):
    del history.operations[3]


@shows("answer_changed")
def key_gets_another_answer(history):
    send_again(history, 3, 202, {"observations": []})


@shows("answer_changed")
def key_that_was_done_is_refused(history):
    send_again(history, 3, 409, {"code": "already_told"})


@shows("internal_error")
def answer_is_a_500(history):
    send_again(history, 4, 500, {"code": "internal"})


@shows("refused_effect")
def refused_tell_is_stored(history):
    history.operations[3].attempts[0].status = 422


@shows("refused_effect")
def refused_correction_is_stored(history):
    history.operations[5].attempts[0].status = 409


@shows("unanswered")
def request_never_gets_its_answer(history):
    history.operations[3].attempts[0].status = 503


@shows("stale_read")
def read_does_not_know_the_tell_before_it(history):
    change_reply(history, 4, last_seq=6)


@shows("stale_read")
def history_does_not_show_the_tell_before_it(history):
    reply_of(history, 6)["observations"].pop()


@shows("stale_read")
def suggestion_does_not_know_the_tell_before_it(history):
    history.operations[4].kind = "current"
    change_reply(history, 4, suggestions=[{"data_seq": 5}])


@shows("stale_read")
def read_knows_less_than_an_earlier_one(history):
    later = deepcopy(history.operations[4])
    later.attempts[0].began, later.attempts[0].ended = second(20), second(21)
    change_reply(history, 4, last_seq=9)
    history.operations.append(later)


@shows("leased_twice")
def log_leases_what_is_leased(history):
    history.tables[EXP].events[3] |= {"type": "suggestion_leased", "data": {**history.tables[EXP].events[2]["data"]}}
    history.tables[EXP].events[3]["data"]["worker"] = "ben"


@shows("leased_twice")
def two_asks_get_one_suggestion(history):
    del history.tables[EXP].events[3]
    second_ask = deepcopy(history.operations[1])
    second_ask.sent["worker"] = "ben"
    second_ask.attempts[0].began, second_ask.attempts[0].ended = second(5), second(6)
    history.operations.append(second_ask)


@shows("lease_prolonged")
def lease_is_longer_than_its_holder_asked(history):
    reply_of(history, 1)["suggestions"][0]["lease_until"] = "2026-01-01T00:09:00+00:00"


@shows("lease_prolonged")
def lease_in_the_table_is_longer_than_its_holder_asked(history):
    lease = {"state": "leased", "lease_by": "ada", "lease_until": "2026-01-01T00:09:00+00:00"}
    history.tables[EXP].suggestions[0] |= lease


@shows("told_twice")
def suggestion_has_two_observations(history):
    history.tables[EXP].observations[1]["suggestion_uuid"] = S1


@shows("told_twice")
def log_tells_a_suggestion_again(history):
    history.tables[EXP].events[6]["data"]["suggestion_uuid"] = S1


@shows("state")
def told_suggestion_is_open_in_its_table(history):
    history.tables[EXP].suggestions[0]["state"] = "open"


@shows("state")
def suggestion_is_not_in_the_log(history):
    history.tables[EXP].suggestions.append({**history.tables[EXP].suggestions[0], "suggestion_uuid": "s4"})


@shows("state")
def lease_ends_that_nobody_held(history):
    event = {"type": "suggestion_expired", "data": {"suggestion_uuid": S2, "worker": "ada", "state": "open"}}
    history.tables[EXP].events[4] |= event


@shows("seq_gap")
def seq_is_missing(history):
    del history.tables[EXP].events[4]


@shows("seq_gap")
def observation_has_the_seq_of_another_event(history):
    history.tables[EXP].events[6]["data"]["seq"] = 6


@shows("time_back")
def event_is_older_than_the_one_before_it(history):
    history.tables[EXP].events[6]["created_at"] = at(5)


@shows("version")
def version_is_missing(history):
    history.tables[EXP].observations[1]["version"] = 3


@shows("version")
def version_names_another_event(history):
    history.tables[EXP].versions[1]["seq"] = 8


@shows("version")
def newest_version_is_unlike_the_observation(history):
    history.tables[EXP].versions[1]["response"] = 8.0


@shows("lost_correction")
def two_corrections_of_one_version_are_taken(history):
    other = deepcopy(history.operations[5])
    other.sent["reason"] = "another slip"
    history.operations.append(other)


@shows("old_after_new")
def suggestion_knows_less_than_the_one_before_it(history):
    history.tables[EXP].events[10]["data"]["data_rev"] = 0


@shows("no_rest")
def something_is_still_due(history):
    history.unrested.append("an experiment has work")


@shows("watch_gap")
def watcher_misses_an_event(history):
    del history.watchers[0].steps[4]


@shows("watch_again")
def watcher_gets_an_event_again(history):
    history.watchers[0].steps.insert(4, history.watchers[0].steps[3])


@shows("watch_again")
def watcher_of_all_goes_back_twice(history):
    steps = history.watchers[1].steps
    steps += steps[-8:]


@shows("watch_short")
def watcher_does_not_hear_of_the_last_event(history):
    history.watchers[0].steps.pop()


@shows("watch_short")
def watcher_of_all_hears_nothing_of_an_experiment(history):
    del history.watchers[1].steps[2:]


@shows("watch_unlike")
def watcher_sees_another_event_than_the_log_has(history):
    history.watchers[0].steps[5] = deepcopy(history.watchers[0].steps[5])
    history.watchers[0].steps[5]["frame"]["data"] = {"response": 6.0}


@shows("watch_unlike")
def watcher_sees_an_event_that_the_log_lacks(history):
    frame = {**history.watchers[0].steps[-1]["frame"], "seq": 12}
    history.watchers[0].steps.append({"frame": frame})


COUNTERS = {"last_seq": 12, "n_observations": 1, "best_response": 9.0, "best_observation_uuid": O2, "data_rev": 2}
COUNTERS |= {"n_open": 0, "state": "closed", "fit_rev": 4}


@pytest.mark.parametrize(("name", "value"), COUNTERS.items())
def test_judge_finds_a_counter_that_is_wrong(name, value):
    history = healthy()
    history.tables[EXP].experiment[name] = value
    assert kinds_in(history) == {"counter"}


@pytest.mark.parametrize("case", CASES)
def test_judge_finds(case):
    kind, change = CASES[case]
    history = healthy()
    change(history)
    assert kind in kinds_in(history)


def test_request_that_was_refused_may_be_done_when_it_is_sent_again():
    history = healthy()
    send_again(history, 3, 409, {"code": "experiment_closed"}, when=6.0)
    assert judge(history) == []


def test_request_that_was_refused_may_have_been_done_by_an_attempt_without_an_answer():
    history = healthy()
    history.operations[3].attempts[0].status = None
    send_again(history, 3, 409, {"code": "experiment_closed"}, when=6.0)
    assert judge(history) == []


def test_lease_may_be_renewed_for_less_though_a_failover_lost_its_event():
    history = healthy()
    history.tables[EXP].events = [event for event in history.tables[EXP].events if event["seq"] != 3]
    renewal = deepcopy(history.operations[1])
    renewal.kind, renewal.sent = "renew", {"suggestion_uuids": [S1], "worker": "ada", "lease_s": 2.0}
    renewal.attempts[0].reply["suggestions"][0]["lease_until"] = at(6)
    history.operations.append(renewal)
    assert "lease_prolonged" not in kinds_in(history)


def rolled_back(*, is_told):
    """A failover to a standby without the seqs from 7 on; a watcher is told so or not, and sees what came since."""
    history = healthy()
    tables, (watcher, _) = history.tables[EXP], history.watchers
    for rows in (tables.versions, tables.suggestions[2:]):
        rows.clear()
    del tables.events[6:], tables.observations[1:], tables.suggestions[2:], history.watchers[1:]
    tables.suggestions[1]["state"] = "open"
    tables.experiment |= {"last_seq": 7, "n_observations": 1, "best_response": 5.0, "data_rev": 1, "fit_rev": 1}
    tables.events.append({"seq": 7, "type": "experiment_renamed", "created_at": at(20), "data": {"name": "b"}})
    frame = {"seq": 7, "type": "experiment_renamed", "at": at(20), "data": {"name": "b"}}
    reset = [{"frame": {"seq": 6, "type": "reset", "data": {}, "at": at(19)}}] if is_told else []
    watcher.steps = [*watcher.steps, {"after": {EXP: 11}}, *reset, {"frame": frame}]
    watcher.ends = {EXP: 7}
    del history.operations[6]
    history.forks = [Fork(second(6.5), second(12))]
    return history


def test_failover_may_lose_what_came_while_the_standby_lagged():
    assert judge(rolled_back(is_told=True)) == []


def test_failover_must_tell_a_watcher_of_the_loss():
    assert kinds_in(rolled_back(is_told=False)) == {"watch_again", "watch_unlike"}


def test_failover_may_not_lose_what_was_there_before():
    history = rolled_back(is_told=True)
    history.forks = [Fork(second(11), second(12))]
    assert "lost" in kinds_in(history)
