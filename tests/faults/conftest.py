"""Faults are tried few times in an ordinary run, and as often as promised with ``--soak``."""

import pytest


@pytest.fixture
def times(request):
    """Give how often a thing is tried: ``times(5, 50)``."""
    is_long = request.config.getoption("--soak")
    return lambda short, long: long if is_long else short
