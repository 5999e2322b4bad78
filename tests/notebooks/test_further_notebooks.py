"""The notebooks on parallel runs, on watching and on moving over run top to bottom against a real service."""

import json

import nbformat
import pytest
from nbclient import NotebookClient

from processes import DEV_USER, ServiceProcess


@pytest.fixture(scope="module")
async def service(cluster, template, tmp_path_factory):
    """One service for all, as each notebook makes experiments of its own."""
    async with cluster.database(template) as url:
        process = ServiceProcess(tmp_path_factory.mktemp("service") / "data", AUTOTUNE_DATABASE_URL=url)
        yield process.start()
        process.close()


@pytest.fixture
def run(service, root, monkeypatch):
    """Return what runs a notebook as its reader would, and returns it with its outputs as one text."""
    monkeypatch.setenv("AUTOTUNE_URL", service.url)
    monkeypatch.setenv("AUTOTUNE_USERNAME", DEV_USER["username"])
    monkeypatch.setenv("AUTOTUNE_PASSWORD", DEV_USER["password"])

    async def run_notebook(name):
        path = root / "notebooks" / name
        notebook = nbformat.read(path, as_version=4)
        await NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).async_execute()
        shown = json.dumps([cell.get("outputs", []) for cell in notebook.cells], ensure_ascii=False)
        assert DEV_USER["password"] not in shown
        assert "eyJ" not in shown, "an access token is in the notebook"
        return shown

    return run_notebook


@pytest.fixture
def told(service):
    """Return what fetches an experiment by its name, with its observations."""

    def fetch(name):
        with service.client() as api:
            listed = api.get("/experiment/all?limit=100").json()["experiments"]
            [experiment] = [one for one in listed if one["name"] == name]
            history = api.get(f"/experiment/{experiment['exp_uuid']}/history?limit=100").json()["observations"]
        return experiment, history

    return fetch


async def test_parallel_notebook_keeps_four_workers_of_dask_busy(run, told):
    shown = await run("05-in-parallel.ipynb")
    experiment, history = told("Training on Dask")
    assert len(history) == 24 + 12
    assert len({run["suggestion_uuid"] for run in history}) == len(history), "each run had a suggestion of its own"
    # The least that the function returns is 0.12.
    assert 0.12 <= experiment["best"]["response"] < 0.15
    assert shown.count('"image/png": "') == 2


async def test_watching_notebook_sees_each_run_of_its_robot_once(run, told):
    shown = await run("06-watch-and-automate.ipynb")
    experiment, history = told("Brownies, by curl")
    assert [run["response"] for run in history][0] == 0.62
    assert len(history) == 1 + 8
    assert all(run["suggestion_uuid"] for run in history[1:])
    assert f"the best is {experiment['best']['response']} now" in shown
    for text in ("observation_added", "suggestion_created", "must be a whole number"):
        assert text in shown


async def test_moving_notebook_goes_on_from_what_the_others_have_run(run, told):
    shown = await run("07-moving-over.ipynb")
    experiment, history = told("Wine, from Optuna")
    assert len(history) == 20 + 10
    # Optuna's trials were at random for the half; ten runs of the model must improve on the best of them.
    assert min(run["response"] for run in history[20:]) < min(run["response"] for run in history[:20])
    assert experiment["best"]["response"] < 0.1
    assert len(told("wine by AutoTune")[1]) == 15
    _brownies, arms = told("Brownies, from Ax")
    assert [run["status"] for run in arms] == ["ok", "ok", "ok", "failed"]
    assert list(told("Wine, from the space alone")[0]["responses"]) == ["loss"]
    assert len(told("Wine, from greattunes")[1]) == 3 + 5
    assert shown.count('"image/png": "') == 2
