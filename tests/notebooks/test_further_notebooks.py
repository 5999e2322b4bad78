"""The notebooks on parallel runs, on watching and on moving over run top to bottom against a real service."""

import json
import re

from notebook_runs import executed, told_of

from processes import DEV_USER


async def _shown_by(name):
    """Run a notebook and return all that it shows as one text, without a secret."""
    notebook = await executed(name)
    shown = json.dumps([cell.get("outputs", []) for cell in notebook.cells], ensure_ascii=False)
    assert DEV_USER["password"] not in shown
    assert not re.search(r"\beyJ[\w-]{10,}\.[\w-]{10,}\.", shown), "an access token is in the notebook"
    return shown


async def test_parallel_notebook_keeps_four_workers_of_dask_busy(service):
    shown = await _shown_by("05-in-parallel.ipynb")
    experiment, history = told_of(service, "Training on Dask")
    assert len(history) == 24 + 12
    assert len({run["suggestion_uuid"] for run in history}) == len(history), "each run had a suggestion of its own"
    # The least that the function returns is 0.12.
    assert 0.12 <= experiment["best"]["response"] < 0.15
    assert shown.count('"image/png": "') == 2


async def test_watching_notebook_sees_each_run_of_its_robot_once(service):
    shown = await _shown_by("06-watch-and-automate.ipynb")
    experiment, history = told_of(service, "Brownies, by curl")
    assert history[0]["response"] == 0.62
    assert len(history) == 1 + 8
    assert all(run["suggestion_uuid"] for run in history[1:])
    assert f"the best is {experiment['best']['response']} now" in shown
    for text in ("observation_added", "suggestion_created", "must be a whole number"):
        assert text in shown


async def test_moving_notebook_goes_on_from_what_the_others_have_run(service):
    shown = await _shown_by("07-moving-over.ipynb")
    experiment, history = told_of(service, "Wine, from Optuna")
    assert len(history) == 20 + 10
    # Optuna's trials were at random for the half; ten runs of the model must improve on the best of them.
    assert min(run["response"] for run in history[20:]) < min(run["response"] for run in history[:20])
    assert experiment["best"]["response"] < 0.1
    assert len(told_of(service, "wine by AutoTune")[1]) == 15
    _brownies, arms = told_of(service, "Brownies, from Ax")
    assert [run["status"] for run in arms] == ["ok", "ok", "ok", "failed"]
    assert list(told_of(service, "Wine, from the space alone")[0]["responses"]) == ["loss"]
    assert len(told_of(service, "Wine, from greattunes")[1]) == 3 + 5
    assert shown.count('"image/png": "') == 2
