"""Faults are tried few times in an ordinary run, and as often as promised with ``--soak``."""

import contextlib

import psutil
import pytest

from autotune_service.store.embedded import EmbeddedPostgres


def pytest_collection_modifyitems(config, items):
    """Leave out the tests without a short form, unless all are to be played at length."""
    if not config.getoption("--soak"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


class OwnPostgres:
    """A Postgres of one test's own, that may be stopped and killed."""

    def __init__(self, folder):
        self._folder = folder
        self._embedded = EmbeddedPostgres(folder)

    def start(self):
        return self._embedded.start()

    def stop(self):
        self._embedded.stop()

    def kill(self):
        """End all its processes as a power cut does."""
        postmaster = psutil.Process(int((self._folder / "postmaster.pid").read_text().split()[0]))
        processes = [postmaster, *postmaster.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=10)
        self._embedded.stop()  # forgets what it knew of them


@pytest.fixture
def postgres(tmp_path):
    postgres = OwnPostgres(tmp_path / "own" / "postgres")
    yield postgres
    with contextlib.suppress(Exception):
        postgres.stop()
