"""A service, and each kind of notebook that talks to it."""

import pytest

from processes import DEV_USER, ServiceProcess


@pytest.fixture(scope="module")
async def service(cluster, template, tmp_path_factory):
    async with cluster.database(template) as url:
        process = ServiceProcess(tmp_path_factory.mktemp("service") / "data", "--no-worker", AUTOTUNE_DATABASE_URL=url)
        yield process.start()
        process.close()


@pytest.fixture(scope="module", params=["jupyterlab", "notebook"])
def notebooks(request, service, tmp_path_factory):
    lab = pytest.importorskip("lab")
    pytest.importorskip(request.param)
    user = {"AUTOTUNE_USERNAME": DEV_USER["username"], "AUTOTUNE_PASSWORD": DEV_USER["password"]}
    with lab.running_lab(request.param, tmp_path_factory.mktemp("lab"), AUTOTUNE_URL=service.url, **user) as own:
        yield own
