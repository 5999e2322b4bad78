from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx2
import pytest


@pytest.fixture(autouse=True)
def quick_clicks(monkeypatch):
    """Let a test click one button after another without a pause between."""
    monkeypatch.setattr("autotune.widgets.form.TWICE_S", 0.0)


@pytest.fixture
def dead(service, monkeypatch) -> Callable[[], AbstractContextManager[None]]:
    """Return what makes the service unreachable inside a block."""

    def refuse(_request):
        raise httpx2.ConnectError("connection refused")

    @contextmanager
    def unreachable() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(service, "_handle", refuse)
            yield

    return unreachable
