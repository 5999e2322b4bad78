import logging

import httpx2
import pytest
from fake_service import problem

from autotune.errors import ConnectionFailedError, NotFoundError, ServiceError, UnavailableError, UnexpectedReplyError

ASK, TELL, NEW = "GET /experiment/ask", "POST /experiment/tell", "POST /experiment/new"
LOST = [httpx2.ConnectError("refused"), httpx2.ReadError("reset"), httpx2.RemoteProtocolError("gone")]


@pytest.mark.parametrize("lost", LOST)
def test_get_is_repeated_after_a_lost_connection(experiment, service, lost):
    service.trouble(ASK, lost)
    experiment.ask()
    assert service.n_calls(ASK) == 2


def test_get_waits_longer_each_time(experiment, service):
    service.trouble(ASK, *[httpx2.ConnectError("refused")] * 3)
    experiment.ask()
    # The upper halves of 0.5, 1 and 2 seconds do not meet.
    assert service.waits == sorted(service.waits)
    assert 0.25 <= service.waits[0] < 0.5 <= service.waits[1] < 1 <= service.waits[2] < 2


def test_get_gives_up_when_the_time_is_over(service):
    experiment = service.client(timeout_s=10).new("n", {"x": {"vtype": "cont", "guess": 0, "min": 0, "max": 1}})
    service.trouble(ASK, *[httpx2.ConnectError("refused")] * 100)
    with pytest.raises(ConnectionFailedError):
        experiment.ask()
    assert service.now <= 10


def test_ask_waits_as_long_as_the_service_says(experiment, service):
    service.trouble(ASK, problem(503, "suggestion_pending", "not ready", retry_after=2))
    experiment.ask()
    assert service.waits == [2]


def test_ask_says_that_it_tries_again(experiment, service, caplog):
    service.trouble(ASK, problem(503, "suggestion_pending", "the engine is busy", retry_after=2))
    with caplog.at_level(logging.WARNING, logger="autotune"):
        experiment.ask()
    assert "the engine is busy (503 suggestion_pending); trying again in 2.0 s" in caplog.text


def test_ask_that_is_never_ready_ends_with_the_service_s_words(experiment, service):
    service.trouble(ASK, *[problem(503, "suggestion_pending", "the engine is busy", retry_after=20) for _ in range(9)])
    with pytest.raises(UnavailableError, match="the engine is busy") as caught:
        experiment.ask()
    assert (caught.value.code, service.n_calls(ASK)) == ("suggestion_pending", 3)


def test_lease_is_repeated_when_nothing_was_leased(experiment, service):
    service.trouble("POST /experiment/ask", problem(503, "suggestion_pending", "not ready", retry_after=1))
    assert len(experiment.ask(2)) == 2


def test_tell_is_repeated_while_it_was_never_sent(experiment, service):
    service.trouble(TELL, httpx2.ConnectError("refused"), httpx2.ConnectTimeout("slow"))
    experiment.tell({"x": 0.5}, 1)
    assert (service.n_calls(TELL), len(service.runs)) == (3, 1)


@pytest.mark.parametrize("lost", [httpx2.ReadError("reset"), httpx2.ReadTimeout("slow"), httpx2.WriteError("broken")])
def test_tell_that_may_have_arrived_is_not_repeated(experiment, service, lost):
    service.trouble(TELL, lost)
    with pytest.raises(ConnectionFailedError) as caught:
        experiment.tell({"x": 0.5}, 1)
    assert (caught.value.is_sent, service.n_calls(TELL)) == (True, 1)


def test_tell_is_not_repeated_when_the_service_is_not_available(experiment, service):
    service.trouble(TELL, problem(503, "unavailable", "not now", retry_after=1))
    with pytest.raises(UnavailableError):
        experiment.tell({"x": 0.5}, 1)
    assert service.n_calls(TELL) == 1


def test_tell_is_repeated_with_a_new_token(experiment, service):
    service.holding.clear()
    experiment.tell({"x": 0.5}, 1)
    assert len(service.runs) == 1


def test_refusal_is_told_by_its_code(client, service):
    service.trouble(NEW, problem(409, "conflict", "no"))
    with pytest.raises(ServiceError) as caught:
        client.new("n", {"x": {"vtype": "cont", "guess": 0, "min": 0, "max": 1}})
    assert (caught.value.status, caught.value.code, caught.value.detail) == (409, "conflict", "no")


def test_missing_experiment_is_its_own_error(client):
    with pytest.raises(NotFoundError):
        client.experiment("00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize("status", [502, 504])
def test_proxy_without_a_service_behind_it_is_unavailable(experiment, service, status):
    service.trouble(TELL, httpx2.Response(status, text="<html>Bad Gateway"))
    with pytest.raises(UnavailableError):
        experiment.tell({"x": 0.5}, 1)


def test_answer_of_another_service_is_told_as_such(client, service):
    service.trouble("GET /experiment/all", httpx2.Response(200, text="<html>welcome"))
    with pytest.raises(UnexpectedReplyError, match="is an AutoTune service at this address"):
        client.list()


def test_tell_of_a_suggestion_is_repeated_when_its_answer_is_lost(experiment, service):
    service.trouble(TELL, httpx2.ReadError("cut"))
    assert experiment.tell(experiment.ask(), 0.5).response == 0.5
    assert (service.n_calls(TELL), len(service.runs)) == (2, 1)


def test_tell_of_a_suggestion_that_was_stored_though_its_answer_was_lost_gives_what_is_stored(experiment, service):
    suggestion = experiment.ask()
    stored = experiment.tell(suggestion, 0.5)
    service.trouble(TELL, httpx2.ReadError("cut"), problem(409, "already_told", "it has its response"))
    assert experiment.tell(suggestion, 0.5).observation_uuid == stored.observation_uuid
    assert len(service.runs) == 1


def test_tell_of_a_suggestion_that_another_told_is_refused(experiment, service):
    suggestion = experiment.ask()
    experiment.tell(suggestion, 0.5)
    service.trouble(TELL, httpx2.ReadError("cut"), problem(409, "already_told", "it has its response"))
    with pytest.raises(ServiceError):
        experiment.tell(suggestion, 0.75)


def test_tell_of_a_suggestion_gives_up_when_every_answer_is_lost(experiment, service):
    suggestion = experiment.ask()
    service.trouble(TELL, *[httpx2.ReadError("cut")] * 9)
    with pytest.raises(ConnectionFailedError):
        experiment.tell(suggestion, 0.5)
    assert service.n_calls(TELL) == 5


def test_time_that_runs_out_ends_with_the_reason_that_the_service_gave(experiment, service):
    pending = problem(503, "suggestion_pending", "the engine has not finished", retry_after=1)
    service.trouble("GET /experiment/ask", pending, *[httpx2.ReadTimeout("timed out")] * 99)
    with pytest.raises(UnavailableError) as caught:
        experiment.ask()
    assert caught.value.code == "suggestion_pending"
