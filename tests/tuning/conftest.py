import pytest

from autotune_service.store.database import Work


@pytest.fixture
def statements(monkeypatch):
    """Count the statements that transactions send."""
    sent = []

    def counting(method):
        async def counted(self, *arguments, **options):
            sent.append(method.__name__)
            return await method(self, *arguments, **options)

        return counted

    for name in ("one", "all", "run", "change"):
        monkeypatch.setattr(Work, name, counting(getattr(Work, name)))
    return sent
