import json
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from threading import Event
from uuid import uuid4

import numpy as np
import pytest
from fake_service import SPACE, problem, suggestion

from autotune.calls.leasing import Heartbeat
from autotune.errors import ConnectionFailedError, InvalidInputError, ServiceError
from autotune.views.shown import Suggestion


def _sent(service):
    return json.loads(service.bodies[-1])


def _suggestion(**changes) -> Suggestion:
    return Suggestion.model_validate(suggestion(**changes))


def test_ask_names_the_worker_and_the_length_of_the_lease(experiment, service):
    [taken] = experiment.ask(1, worker="robot 1", lease_s=np.int64(90))
    assert _sent(service) == {"n": 1, "worker": "robot 1", "lease_s": 90}
    assert (taken.worker, taken.state) == ("robot 1", "leased")


def test_ask_leaves_the_lease_to_the_service(experiment, service):
    experiment.ask(1)
    assert _sent(service) == {"n": 1}


@pytest.mark.parametrize(("given", "option"), [(128, "128"), (np.float64(256), "256"), (True, "True")])
def test_ask_takes_what_pandas_made_of_an_option(client, service, given, option):
    space = {**SPACE, "k": {"vtype": "cat", "guess": "128", "options": ["128", "256", "True"]}}
    lab = client.new("lab", space)
    assert lab.ask(fixed={"k": given}).covars["k"] == option
    lab.ask(1, fixed={"k": given})
    assert _sent(service) == {"n": 1, "fixed": {"k": option}}
    lab.run(lambda covars: covars["x"], 1, fixed={"k": given})
    assert service.runs[-1]["covars"]["k"] == option
    with ThreadPoolExecutor(1) as executor:
        lab.run(lambda covars: covars["x"], 1, fixed={"k": given}, executor=executor)
    assert service.runs[-1]["covars"]["k"] == option


@pytest.mark.parametrize("given", [{"worker": "robot 1"}, {"lease_s": 90}])
def test_ask_refuses_a_lease_of_what_is_not_taken(experiment, given):
    with pytest.raises(InvalidInputError, match="worker and lease_s need n"):
        experiment.ask(**given)


@pytest.mark.parametrize("given", [{"lease_s": 0.5}, {"lease_s": float("nan")}, {"worker": ""}, {"worker": 3}])
def test_ask_refuses_a_lease_that_is_none(experiment, given):
    with pytest.raises(InvalidInputError, match=next(iter(given))):
        experiment.ask(1, **given)


def test_renew_names_the_worker_that_took_them(experiment, service):
    taken = experiment.ask(2, worker="robot 1")
    assert experiment.renew(taken, lease_s=90) == []
    uuids = [str(suggestion.suggestion_uuid) for suggestion in taken]
    assert service.renewals.get_nowait() == {"suggestion_uuids": uuids, "worker": "robot 1", "lease_s": 90}


def test_renew_takes_one_suggestion_too(experiment, service):
    [taken] = experiment.ask(1)
    experiment.renew(taken)
    assert service.renewals.get_nowait() == {"suggestion_uuids": [str(taken.suggestion_uuid)]}


def test_renew_gives_those_that_are_lost_as_they_stand(experiment):
    first, second = experiment.ask(2, worker="robot 1")
    experiment.tell(second, 1.0)
    [lost] = experiment.renew([first, second])
    assert (lost.suggestion_uuid, lost.state) == (second.suggestion_uuid, "told")


def test_renew_under_another_name_renews_nothing(experiment):
    taken = experiment.ask(1, worker="robot 1")
    assert [lost.worker for lost in experiment.renew(taken, worker="robot 2")] == ["robot 1"]


def test_renew_sends_many_in_parts_by_worker(experiment, service):
    taken = [*experiment.ask(100, worker="a"), *experiment.ask(50, worker="a"), *experiment.ask(1, worker="b")]
    assert experiment.renew(taken) == []
    sent = [service.renewals.get_nowait() for _ in range(3)]
    assert [(len(body["suggestion_uuids"]), body["worker"]) for body in sent] == [(100, "a"), (50, "a"), (1, "b")]


@pytest.mark.parametrize("given", [3, "all", {"x": 0.5}, [{"x": 0.5}], [uuid4()]])
def test_renew_refuses_what_is_no_suggestion(experiment, given):
    with pytest.raises(InvalidInputError, match="renew takes suggestions"):
        experiment.renew(given)


def test_abandon_says_why(experiment, service):
    [taken] = experiment.ask(1)
    assert experiment.abandon(taken, "the oven is broken").abandoned_because == "the oven is broken"
    uuid = str(taken.suggestion_uuid)
    assert _sent(service) == {"suggestion_uuid": uuid, "reason": "the oven is broken"}


def test_abandon_needs_no_reason(experiment):
    assert experiment.abandon(experiment.ask()).state == "abandoned"


def test_abandon_of_what_was_told_is_refused_by_code(experiment, service):
    service.trouble("POST /experiment", problem(409, "already_told", "it has its observation"))
    with pytest.raises(ServiceError) as caught:
        experiment.abandon(experiment.ask())
    assert caught.value.code == "already_told"


@pytest.mark.parametrize(("given", "reason"), [({"x": 0.5}, "no"), (None, "no"), (_suggestion(), 3)])
def test_abandon_refuses_what_does_not_fit(experiment, given, reason):
    with pytest.raises(InvalidInputError):
        experiment.abandon(given, reason)


def test_heartbeat_renews_what_it_holds_again_and_again():
    beats, is_enough = [], Event()

    def renew(uuids):
        beats.append(set(uuids))
        if len(beats) == 3:
            is_enough.set()
        return []

    first, second = _suggestion(), _suggestion()
    with Heartbeat(renew, lease_s=0.03) as heartbeat:
        heartbeat.hold([first, second])
        heartbeat.let_go(first)
        assert is_enough.wait(10)
    assert beats[-1] == {second.suggestion_uuid}


def test_heartbeat_with_nothing_to_hold_asks_nothing():
    heartbeat = Heartbeat(lambda uuids: pytest.fail(f"renewed {uuids}"), lease_s=60)
    assert heartbeat.beat()


def test_heartbeat_goes_on_after_a_renewal_that_failed(caplog):
    replies = iter([ConnectionFailedError("gone"), []])

    def renew(_uuids):
        reply = next(replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    heartbeat = Heartbeat(renew, lease_s=60)
    heartbeat.hold([_suggestion()])
    assert [heartbeat.beat(), heartbeat.beat()] == [False, True]
    assert "the leases of 1 suggestions were not renewed: gone" in caplog.text


def test_heartbeat_says_once_which_lease_is_lost(caplog):
    lost = _suggestion(state="expired")
    beats = []
    heartbeat = Heartbeat(lambda uuids: beats.append(list(uuids)) or [lost], lease_s=60)
    heartbeat.hold([lost])
    heartbeat.beat()
    heartbeat.beat()
    assert (len(beats), caplog.text.count("is lost: the suggestion is expired")) == (1, 1)


def test_heartbeat_does_not_miss_what_was_told_while_it_renewed(caplog):
    told = _suggestion(state="told")

    def renew(_uuids):
        heartbeat.let_go(told)
        return [told]

    heartbeat = Heartbeat(renew, lease_s=60)
    heartbeat.hold([told])
    with caplog.at_level(logging.WARNING):
        heartbeat.beat()
    assert caplog.text == ""


def test_heartbeat_renews_at_once_when_the_computer_wakes(monkeypatch):
    monkeypatch.setattr("autotune.calls.leasing.LOOK_S", 0.01)
    hours, beats = iter([0.0, 0.0, 0.0, 3 * 3600.0]), SimpleQueue()
    clock = partial(next, hours, 3 * 3600.0)
    with Heartbeat(lambda uuids: beats.put(uuids) or [], lease_s=60, clock=clock) as heartbeat:
        heartbeat.hold([_suggestion()])
        assert beats.get(timeout=10)  # 20 s before its time


def test_heartbeat_keeps_its_time_when_the_clock_is_set_back():
    hours, beats = iter([3 * 3600.0]), SimpleQueue()
    clock = partial(next, hours, 0.0)
    with Heartbeat(lambda uuids: beats.put(uuids) or [], lease_s=0.03, clock=clock) as heartbeat:
        heartbeat.hold([_suggestion()])
        assert beats.get(timeout=10)
