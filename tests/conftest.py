"""What all tests share. The fixtures of the service are in ``service_fixtures``, loaded where a test may need them."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

# Read when numpy loads: threads over matrices of fifty rows cost more than they gain, and the service uses one too.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

# Under `nohup` and behind a shell's `&` these are ignored, and the services that the tests start would ignore them too.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

_HERE = Path(__file__).parent
_PURE = {"autotune", "autotune_pictures", "autotune_wire", "domain", "engine"}
"""Folders whose tests need no service: alone they start in a fraction of the time without it."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> None:
    if file_path.match("test_*.py") and file_path.relative_to(_HERE).parts[0] not in _PURE:
        parent.config.pluginmanager.import_plugin("service_fixtures")


@pytest.fixture(scope="session")
def root() -> Path:
    return Path(__file__).parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="try faults as often and as long as promised: hours")
    parser.addoption("--seed", type=int, help="play only the schedule of faults with this seed")


@pytest.fixture
def times(pytestconfig: pytest.Config) -> Callable[[int, int], int]:
    """Give how often a thing is tried, in an ordinary run and with ``--soak``: ``times(5, 50)``."""
    is_long = pytestconfig.getoption("--soak")
    return lambda short, long: long if is_long else short
