"""Between the client and the service lies a network that delays, splits and drops: the Python client bears it alone."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from rounds import history, make

from autotune import connect
from processes import DEV_USER, wait_until
from proxy import Weather, proxied
from support import GUESS

WEATHERS = {
    "slow": Weather(delay_s=0.1),
    "splitting": Weather(delay_s=0.02, halves=0.9),
    "breaking": Weather(delay_s=0.005, halves=0.3, drops=0.1),
    "all of it": Weather(delay_s=0.05, halves=0.5, drops=0.05),
}
N_CLIENTS = 3


class Follower:
    """Reads an experiment's stream by the client in a thread, as a notebook's panel does, until the guess is told."""

    def __init__(self, experiment):
        self.seqs = []
        self._experiment = experiment
        self._thread = threading.Thread(target=lambda: asyncio.run(self._read()), daemon=True)
        self._thread.start()

    async def _read(self):
        async for event in self._experiment.stream():
            self.seqs.append(event.seq)
            if event.type == "observation_added" and event.data["covars"] == GUESS:
                return

    def is_done(self):
        return not self._thread.is_alive()


def test_cut_and_slow_network_costs_the_client_nothing(start_service, database_url, times):
    """Nothing is told twice, nothing is lost, and the stream leaves nothing out."""
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    seconds = times(3, 60)
    with service.client() as direct, proxied(service) as proxy:
        exp_uuid = make(direct)
        with connect(proxy.url, **DEV_USER, timeout_s=120) as client:
            experiment = client.experiment(exp_uuid)
            followers = [Follower(experiment) for _ in range(2)]
            told = []
            for weather in WEATHERS.values():
                proxy.weather = weather
                ends_s = time.monotonic() + seconds

                def tell(n, ends_s=ends_s):
                    while time.monotonic() < ends_s:
                        observation = experiment.tell(GUESS | {"weight": float(n)}, float(n))
                        told.append(observation.observation_uuid)

                with ThreadPoolExecutor(N_CLIENTS) as threads:
                    list(threads.map(tell, range(N_CLIENTS)))
            proxy.weather = Weather()
            experiment.tell(GUESS, 0.0)  # no better than the best: it makes one event, the last
            wait_until(lambda: all(one.is_done() for one in followers), 60)
        stored = [one["observation_uuid"] for one in history(direct, exp_uuid)]
        n_events = direct.get(f"/experiment/{exp_uuid}").json()["last_seq"]
    assert proxy.n_dropped > 10
    assert len(told) == len(set(told))
    assert sorted(map(str, told)) == sorted(stored[:-1])
    for follower in followers:
        assert follower.seqs == list(range(1, n_events + 1))
