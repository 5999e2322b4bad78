"""What the notebooks run against."""

import pytest

from processes import DEV_USER


@pytest.fixture
def service(start_service, database_url, monkeypatch):
    """Start a service and sign the notebook in by the environment."""
    service = start_service(AUTOTUNE_DATABASE_URL=database_url)
    monkeypatch.setenv("AUTOTUNE_URL", service.url)
    monkeypatch.setenv("AUTOTUNE_USERNAME", DEV_USER["username"])
    monkeypatch.setenv("AUTOTUNE_PASSWORD", DEV_USER["password"])
    return service
