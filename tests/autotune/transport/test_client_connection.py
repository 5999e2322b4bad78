import logging

import httpx2
import pytest
from fake_service import SPACE, problem

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


def test_call_beyond_the_user_s_share_waits_as_long_as_the_service_says(experiment, service):
    service.trouble(ASK, problem(429, "too_many", "you have 500 requests in flight here", retry_after=3))
    experiment.ask()
    assert service.waits == [3]


def test_share_that_stays_used_up_ends_with_the_service_s_words(experiment, service):
    service.trouble(ASK, *[problem(429, "too_many", "experiments take 9 bytes", retry_after=600) for _ in range(9)])
    with pytest.raises(UnavailableError, match="experiments take 9 bytes") as caught:
        experiment.ask()
    assert (caught.value.code, service.n_calls(ASK)) == ("too_many", 1)


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


def test_lease_whose_reply_is_lost_gives_what_was_leased(experiment, service):
    service.trouble("POST /experiment/ask", problem(503, "suggestion_pending", "not ready", retry_after=1))
    service.lose("POST /experiment/ask", 2)
    assert [str(suggestion.suggestion_uuid) for suggestion in experiment.ask(2)] == list(service.suggestions)


def test_tell_is_repeated_while_it_was_never_sent(experiment, service):
    service.trouble(TELL, httpx2.ConnectError("refused"), httpx2.ConnectTimeout("slow"))
    experiment.tell({"x": 0.5}, 1)
    assert (service.n_calls(TELL), len(service.runs)) == (3, 1)


@pytest.mark.parametrize("lost", [httpx2.ReadError("reset"), httpx2.ReadTimeout("slow"), httpx2.WriteError("broken")])
def test_tell_that_may_have_arrived_is_repeated_with_its_key(experiment, service, lost):
    service.trouble(TELL, lost)
    experiment.tell({"x": 0.5}, 1)
    first, second = service.keys_of(TELL)
    assert (first, len(service.runs)) == (second, 1)


def test_tell_whose_replies_are_lost_is_stored_once(experiment, service):
    service.lose(TELL, 3)
    told = experiment.tell({"x": 0.5}, 1)
    assert (service.n_calls(TELL), len(service.runs)) == (4, 1)
    assert str(told.observation_uuid) == service.runs[0]["observation_uuid"]


def test_tell_of_a_suggestion_whose_reply_is_lost_gives_what_is_stored(experiment, service):
    service.lose(TELL)
    assert experiment.tell(experiment.ask(), 0.5).response == 0.5
    assert len(service.runs) == 1


def test_tell_of_a_suggestion_that_another_told_is_refused(experiment):
    suggestion = experiment.ask()
    experiment.tell(suggestion, 0.5)
    with pytest.raises(ServiceError, match="already_told"):
        experiment.tell(suggestion, 0.75)


def test_each_post_has_a_key_of_its_own(experiment, service):
    experiment.tell({"x": 0.5}, 1)
    experiment.tell({"x": 0.5}, 1)
    keys = service.keys_of("POST /experiment")
    assert (len(set(keys)), None in keys) == (len(keys), False)


def test_get_has_no_key(experiment, service):
    experiment.ask()
    assert service.keys_of(ASK) == [None]


def test_new_whose_reply_is_lost_makes_one_experiment(client, service):
    service.lose(NEW)
    client.new("n", {"x": {"vtype": "cont", "guess": 0, "min": 0, "max": 1}})
    assert len(service.experiments) == 1


@pytest.mark.parametrize(("status", "code"), [(503, "unavailable"), (502, "http"), (409, "request_running")])
def test_tell_is_repeated_when_it_is_not_done_yet(experiment, service, status, code):
    service.trouble(TELL, *[problem(status, code, "not now") for _ in range(2)])
    experiment.tell({"x": 0.5}, 1)
    assert (service.n_calls(TELL), len(set(service.keys_of(TELL))), len(service.runs)) == (3, 1, 1)


def test_tell_gives_up_when_the_time_is_over(experiment, service):
    service.lose(TELL, 99)
    with pytest.raises(ConnectionFailedError, match="lost the service"):
        experiment.tell({"x": 0.5}, 1)
    assert (30 < service.now <= 60, len(service.runs)) == (True, 1)


@pytest.mark.parametrize("retry_after", [1, 20])
def test_call_whose_engine_failed_is_not_repeated(experiment, service, retry_after):
    service.trouble("POST /experiment/ask", problem(503, "engine_failed", "no model", retry_after))
    with pytest.raises(UnavailableError, match="no model"):
        experiment.ask(1)
    assert service.n_calls("POST /experiment/ask") == 1


def test_ask_whose_engine_is_tried_again_by_the_service_waits_for_that_and_says_why(experiment, service, caplog):
    service.trouble(ASK, problem(503, "engine_failing", "out of memory: it is tried again in 20 s", retry_after=20))
    with caplog.at_level(logging.WARNING, logger="autotune"):
        experiment.ask()
    assert (service.waits, service.n_calls(ASK)) == ([20], 2)
    assert "out of memory: it is tried again in 20 s (503 engine_failing); trying again in 20.0 s" in caplog.text


def test_tell_is_repeated_with_a_new_token(experiment, service):
    service.holding.clear()
    experiment.tell({"x": 0.5}, 1)
    assert len(service.runs) == 1


def test_refusal_is_recognised_by_its_code(client, service):
    service.trouble(NEW, problem(409, "conflict", "no"))
    with pytest.raises(ServiceError) as caught:
        client.new("n", {"x": {"vtype": "cont", "guess": 0, "min": 0, "max": 1}})
    assert (caught.value.status, caught.value.code, caught.value.detail) == (409, "conflict", "no")


def test_missing_experiment_is_its_own_error(client):
    with pytest.raises(NotFoundError):
        client.experiment("00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize("status", [502, 504])
def test_proxy_without_a_service_behind_it_is_unavailable(experiment, service, status):
    service.trouble(TELL, *[httpx2.Response(status, text="<html>Bad Gateway") for _ in range(99)])
    with pytest.raises(UnavailableError):
        experiment.tell({"x": 0.5}, 1)


def test_reply_of_another_service_is_reported_as_such(client, service):
    service.trouble("GET /experiment/all", httpx2.Response(200, text="<html>welcome"))
    with pytest.raises(UnexpectedReplyError, match="is an AutoTune service at this address"):
        client.list()


def test_time_that_runs_out_ends_with_the_reason_that_the_service_gave(experiment, service):
    pending = problem(503, "suggestion_pending", "the engine has not finished", retry_after=1)
    service.trouble("GET /experiment/ask", pending, *[httpx2.ReadTimeout("timed out")] * 99)
    with pytest.raises(UnavailableError) as caught:
        experiment.ask()
    assert caught.value.code == "suggestion_pending"


ASLEEP_S = 3 * 3600.0


def _asleep(service, answer):
    """Let the computer sleep for hours during a try, which then meets this answer."""

    def sleep_then_answer():
        service.now += ASLEEP_S
        return answer

    return sleep_then_answer


def test_tell_during_which_the_computer_sleeps_is_tried_again_at_waking(experiment, service):
    service.trouble(TELL, _asleep(service, httpx2.ReadTimeout("timed out")))
    experiment.tell({"x": 0.5}, 1)
    assert (service.n_calls(TELL), len(set(service.keys_of(TELL))), len(service.runs)) == (2, 1, 1)


def test_tell_during_which_the_computer_sleeps_has_the_rest_of_its_time_after_waking(experiment, service):
    """60 s less the 30 s of the try that slept: tries after 0.5, 1, 2, 4, 8 and 15 s, or half of these waits."""
    service.trouble(TELL, _asleep(service, httpx2.ReadTimeout("timed out")), *[httpx2.ConnectError("refused")] * 99)
    with pytest.raises(ConnectionFailedError):
        experiment.tell({"x": 0.5}, 1)
    assert 15 < service.now - ASLEEP_S <= 30
    assert service.n_calls(TELL) >= 5


def test_short_call_during_which_the_computer_sleeps_is_tried_again_too(service):
    experiment = service.client(timeout_s=5).new("n", SPACE)
    service.trouble(TELL, _asleep(service, httpx2.ReadTimeout("timed out")))
    experiment.tell({"x": 0.5}, 1)
    assert len(service.runs) == 1


def test_computer_that_sleeps_in_every_try_does_not_try_for_ever(experiment, service):
    slept = [_asleep(service, httpx2.ReadTimeout("timed out")) for _ in range(99)]
    service.trouble(TELL, *slept)
    with pytest.raises(ConnectionFailedError):
        experiment.tell({"x": 0.5}, 1)
    assert service.n_calls(TELL) == 2


def test_run_goes_on_after_the_computer_slept(experiment, service):
    for call in ("POST /experiment/ask", TELL):
        service.trouble(call, _asleep(service, httpx2.ReadTimeout("timed out")))
    experiment.run(lambda _: 1.0, 2)
    assert len(service.runs) == 2
