import asyncio
import os
from operator import attrgetter
from threading import Event, Thread, Timer

import pydantic.main
import pytest
from fake_service import SPACE
from served import serving

from autotune.calls.leasing import Heartbeat
from autotune.panel.live import Panel
from autotune_wire.experiments import Experiment
from children import in_child


@pytest.fixture
def served(service):
    with serving(service) as served:
        yield served


@pytest.fixture
def client(served):
    with served.client() as client:
        yield client


@pytest.fixture
def experiment(client):
    return client.new("brownies", SPACE)


def test_child_opens_a_connection_of_its_own_and_the_parent_keeps_its_own(experiment, served):
    experiment.state()
    in_child(experiment.state)
    experiment.state()
    before, child, after = served.ports[-3:]
    assert before == after != child


def test_child_that_is_forked_while_a_model_is_completed_completes_it_too():
    """pydantic holds a lock meanwhile, which a child would find locked for ever."""
    is_held, may_go = Event(), Event()

    def complete():
        with pydantic.main._rebuild_lock:
            is_held.set()
            may_go.wait(20)

    thread = Thread(target=complete)
    thread.start()
    is_held.wait(20)
    Timer(0.1, may_go.set).start()
    assert in_child(lambda: Experiment.model_rebuild(force=True)) is True
    thread.join()
    assert Experiment.model_rebuild(force=True) is True


def test_child_of_a_child_opens_a_connection_of_its_own_too(experiment, served):
    experiment.state()

    def child():
        experiment.state()
        in_child(experiment.state)
        experiment.state()

    in_child(child)
    first, second, third, fourth = served.ports[-4:]
    assert len({first, second, third}) == 3
    assert fourth == second


def test_child_that_is_forked_in_a_thread_has_its_own_connection(experiment, served):
    experiment.state()
    thread = Thread(target=in_child, args=(experiment.state,))
    thread.start()
    thread.join()
    assert served.ports[-1] != served.ports[-2]


def test_child_that_closes_its_client_leaves_the_parent_s_connections_open(client, served):
    client.list()
    in_child(client.close)
    client.list()
    assert served.ports[-1] == served.ports[-2]


def test_child_of_a_client_that_was_closed_cannot_use_it_either(client):
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        in_child(client.list)


def test_child_goes_on_with_the_access_token_and_logs_in_when_it_ends(client, service):
    in_child(client.list)
    assert service.n_calls("POST /auth") == 2  # the parent's login, and the check of it
    service.holding.clear()
    in_child(client.list)
    assert (service.n_calls("POST /auth/token"), service.n_calls("POST /auth/refresh")) == (2, 0)
    service.holding.clear()
    client.list()  # the parent's refresh token is still good, as no child has spent it
    assert (service.n_calls("POST /auth/token"), service.n_calls("POST /auth/refresh")) == (2, 1)


class _Holder:
    """A thread that holds a lock."""

    def __init__(self, lock) -> None:
        self._lock = lock
        self._holds, self._may_end = Event(), Event()
        self._thread = Thread(target=self._hold)

    def _hold(self) -> None:
        with self._lock:
            self._holds.set()
            self._may_end.wait()

    def __enter__(self) -> None:
        self._thread.start()
        self._holds.wait()

    def __exit__(self, *_error: object) -> None:
        self._may_end.set()
        self._thread.join()


@pytest.mark.parametrize("locked", ["tokens._lock", "_http", "loop"])
def test_child_waits_for_no_lock_that_a_thread_of_the_parent_holds(client, locked):
    connection = client._connection
    with _Holder(attrgetter(f"{locked}._lock")(connection)):
        assert in_child(lambda: [client.list(), connection.loop.submit(asyncio.sleep(0)).result(5), client.close()])


def test_child_of_a_parent_whose_pool_is_busy_has_a_pool_of_its_own(client):
    """The lock inside the HTTP library's pool is none of ours."""
    with _Holder(client._connection._http.pool._transport._pool._optional_thread_lock):
        assert in_child(lambda: [client.list(), client.close()])


def test_child_neither_stops_nor_uses_the_parent_s_loop(client):
    loop, pids = client._connection.loop, []

    async def note() -> None:
        pids.append(os.getpid())

    loop.submit(note()).result(5)

    def child() -> list[int]:
        loop.close()
        loop.submit(note()).result(5)
        return pids

    assert in_child(child)[0] == pids[0] != in_child(child)[1]
    loop.submit(note()).result(5)
    assert pids == [os.getpid()] * 2


def test_child_renews_no_leases_and_waits_for_no_heartbeat():
    heartbeat = Heartbeat(lambda uuids: [], lease_s=60)
    with heartbeat, _Holder(heartbeat._lock):

        def child() -> tuple[bool, int]:
            is_good, n_held = heartbeat.beat(), len(heartbeat._held)
            heartbeat.__exit__()
            return is_good, n_held

        assert in_child(child) == (True, 0)


def test_child_closes_a_panel_without_the_parent_s_locks_and_loops(experiment):
    panel = Panel(experiment)
    with _Holder(panel._arrived):
        assert in_child(lambda: [panel.close(), panel.state.link]) == [None, "stopped"]
