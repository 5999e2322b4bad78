"""Histories of clients under faults have no anomaly.

``--seed N`` plays one schedule alone, and ``--soak`` 200 of them.
"""

import asyncio
import tempfile
from pathlib import Path

import pytest
from judge.verdict import judge
from play import Play
from schedule import schedule_of
from servers import Bench

SHORT = (0, 3, 7, 12, 15)
"""A killed service, a killed Postgres, a failover to a standby that lags, a partition, a clock that is wrong."""


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        only = metafunc.config.getoption("--seed")
        seeds = range(200) if metafunc.config.getoption("--soak") else SHORT
        metafunc.parametrize("seed", seeds if only is None else [only])


class Benches:
    """The bench that schedules share; after one that broke off, the next gets a new one."""

    def __init__(self):
        self._bench = None

    def play(self, seed, faults):
        if self._bench is None:
            self._bench = asyncio.run(Bench().open())
        try:
            return Play(self._bench, seed, faults).run()
        except BaseException:
            self.close()
            raise

    def close(self):
        if self._bench is not None:
            self._bench.close()
            self._bench = None


@pytest.fixture(scope="module")
def benches():
    benches = Benches()
    yield benches
    benches.close()


def test_clients_under_faults_see_one_history(benches, seed):
    faults = schedule_of(seed)
    history = benches.play(seed, faults)
    found = sorted(judge(history), key=lambda anomaly: len(anomaly.evidence))
    if found:
        file = Path(tempfile.gettempdir()) / f"history-of-seed-{seed}.json"
        history.write(file)
        shortest = {anomaly.kind: anomaly for anomaly in reversed(found)}
        lines = [f"seed {seed}", *map(str, faults), f"{len(found)} anomalies; the shortest evidence of each kind:"]
        lines += [*map(str, shortest.values()), f"all evidence is in {file}"]
        pytest.fail("\n".join(lines), pytrace=False)
