"""The lab notebook runs top to bottom against a real service, as its reader would run it."""

import json

import nbformat
import pytest
from nbclient import NotebookClient

from processes import DEV_USER

BUDGET = 30


async def test_lab_notebook_finds_a_recipe_that_meets_the_threshold(service, root):
    path = root / "notebooks" / "02-lab.ipynb"
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}})
    await client.async_execute()

    with service.client() as api:
        experiment = api.get("/experiment/all").json()["experiments"][0]
        history = api.get(f"/experiment/{experiment['exp_uuid']}/history?limit=100").json()["observations"]
    assert experiment["n_observations"] == len(history) == BUDGET
    assert experiment["stopped"]["rule"] == "budget"

    # The loaded failure and the colleague's, at least; the reactor's own depend on what was suggested.
    assert sum(one["status"] == "failed" for one in history) >= 2
    suggested = [one["covars"] for one in history if one["suggestion_uuid"]]
    assert all(sum(one[name] for name in ("water", "dioxane", "toluene")) == pytest.approx(1) for one in suggested)
    assert all(one["temperature"] % 5 == 0 for one in suggested)
    best = next(one for one in history if one["observation_uuid"] == experiment["best"]["observation_uuid"])
    assert best["responses"]["impurity"] <= 5
    # Two hundred thousand random recipes reach 86.7 with their noise, the loaded ones that meet the threshold 53.
    assert best["response"] > 80

    shown = json.dumps(notebook, ensure_ascii=False)
    for text in ("8 runs told", "Insights: Coupling", "predicted from the other runs", "the budget is 30", "at-cross"):
        assert text in shown
    assert f"{best['response']:.6g}" in json.dumps(notebook.cells[-1]["outputs"])
    assert DEV_USER["password"] not in shown
