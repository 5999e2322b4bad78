"""What the notebooks run against."""

import pytest

from processes import DEV_USER, ServiceProcess


@pytest.fixture(scope="session")
async def shared_service(cluster, template, tmp_path_factory):
    """One service for all notebooks, as each makes experiments of its own."""
    async with cluster.database(template) as url:
        process = ServiceProcess(tmp_path_factory.mktemp("service") / "data", AUTOTUNE_DATABASE_URL=url)
        yield process.start()
        process.close()


@pytest.fixture
def service(shared_service, monkeypatch):
    """Sign the notebook in by the environment."""
    monkeypatch.setenv("AUTOTUNE_URL", shared_service.url)
    monkeypatch.setenv("AUTOTUNE_USERNAME", DEV_USER["username"])
    monkeypatch.setenv("AUTOTUNE_PASSWORD", DEV_USER["password"])
    return shared_service
