from pathlib import Path

import pytest
from fake_service import SPACE, FakeService


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def client(service):
    with service.client() as client:
        yield client


@pytest.fixture
def experiment(client):
    return client.new("brownies", SPACE)


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnect at once."""
    monkeypatch.setattr("autotune.transport.stream_state.delay_s", lambda _attempt, _fraction: 0.0)


@pytest.fixture(autouse=True)
def no_notes_of_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A test finds only what its own runs left behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees only the settings it makes."""
    for name in ("URL", "TOKEN", "USERNAME", "PASSWORD", "CA_FILE"):
        monkeypatch.delenv(f"AUTOTUNE_{name}", raising=False)
