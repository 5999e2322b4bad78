"""The quickstart notebook runs top to bottom against a real service, as its reader would run it."""

import json

import nbformat
from nbclient import NotebookClient

from processes import DEV_USER

N_OBSERVATIONS = 25


def outputs_of(notebook, kind):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if kind in output.get("data", {}):
                yield output["data"][kind]


async def test_quickstart_tunes_the_classifier_and_ends_with_the_best_and_a_plot(service, root):
    path = root / "notebooks" / "01-quickstart.ipynb"
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}})
    await client.async_execute()

    with service.client() as api:
        experiment = api.get("/experiment/all").json()["experiments"][0]
        history = api.get(f"/experiment/{experiment['exp_uuid']}/history?limit=100").json()["observations"]
    assert experiment["n_observations"] == len(history) == N_OBSERVATIONS
    assert sorted(one["vtype"] for one in experiment["covars"].values()) == ["cat", "cont", "int"]
    # The guess is far off, right in about half of the cases; a width some hundred times its own is right in 97 of 100.
    assert history[0]["response"] < 0.9
    assert experiment["best"]["response"] > 0.95

    last = notebook.cells[-1]["outputs"]
    assert any("image/png" in output.get("data", {}) for output in last)
    assert f"{experiment['best']['response']:.6g}" in json.dumps(last)
    assert any("data:image/svg+xml;base64," in html for html in outputs_of(notebook, "text/html"))
    assert DEV_USER["password"] not in json.dumps(notebook)


def test_notebooks_are_valid(root):
    for path in (root / "notebooks").glob("*.ipynb"):
        nbformat.validate(nbformat.read(path, as_version=4))
