import pytest
from fake_service import event

from autotune.errors import StreamGapError
from autotune.transport.backoff import LONGEST_S, MOST_REFUSED, delay_s
from autotune.transport.stream_state import HEALTHY_S, StreamState
from autotune_wire.frames import Event


def _event(seq: int) -> Event:
    return Event.model_validate(event(seq))


def test_state_takes_events_in_order():
    state = StreamState(after=4)
    assert [state.take(_event(seq)) for seq in (5, 6)] == [True, True]
    assert state.last_seq == 6


@pytest.mark.parametrize("seq", [1, 4, 5])
def test_state_drops_what_it_has_seen(seq):
    state = StreamState(after=5)
    assert not state.take(_event(seq))
    assert state.last_seq == 5


def test_state_refuses_a_gap():
    with pytest.raises(StreamGapError, match="event 7 came after 5"):
        StreamState(after=5).take(_event(7))


def test_state_waits_twice_as_long_each_time_up_to_a_bound():
    state = StreamState(after=0)
    assert [state.lost(0, 0.0) for _ in range(7)] == [0.25, 0.5, 1, 2, 4, LONGEST_S / 2, LONGEST_S / 2]


def test_state_starts_over_after_a_new_event():
    state = StreamState(after=0)
    state.lost(0, 0.0)
    state.take(_event(1))
    assert state.lost(0, 0.0) == 0.25


def test_state_starts_over_after_a_long_connection():
    state = StreamState(after=0)
    state.lost(0, 0.0)
    assert state.lost(HEALTHY_S, 0.0) == 0.25


def test_state_does_not_start_over_after_a_duplicate():
    state = StreamState(after=5)
    state.lost(0, 0.0)
    state.take(_event(5))
    assert state.lost(0, 0.0) == 0.5


def test_state_tries_each_fresh_token_twice_and_gives_up_at_last():
    state = StreamState(after=0)
    wanted = []
    while state.refused(lived_s=0):
        wanted.append(state.wants_token())
        if wanted[-1]:
            state.renewed()
    assert wanted == [True, False] * (MOST_REFUSED // 2)


def test_state_goes_on_when_the_token_ended_during_a_stream():
    state = StreamState(after=0)
    while state.refused(lived_s=0):
        pass
    assert state.refused(lived_s=HEALTHY_S)
    assert state.wants_token()


def test_delay_spreads_over_the_upper_half():
    assert (delay_s(1, 0.0), delay_s(1, 0.5)) == (0.5, 0.75)


def test_delay_is_bounded_for_any_attempt():
    assert delay_s(10_000, 0.999) < LONGEST_S


def test_state_goes_on_after_a_reset_from_where_it_stands():
    state = StreamState(after=9)
    state.opened("one")
    state.opened("two")
    assert state.epoch == "one"
    reset = Event.model_validate(event(4, "reset", {"epoch": "two", "experiment": {}}))
    assert state.take(reset)
    assert (state.last_seq, state.epoch) == (4, "two")
    assert [state.take(_event(seq)) for seq in (4, 5)] == [False, True]
