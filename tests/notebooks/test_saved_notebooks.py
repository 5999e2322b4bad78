"""The notebooks as they are saved, for whoever reads them where nothing runs, as on GitHub."""

import json
import re

import nbformat
import pytest
from notebook_runs import ADDRESS, FOLDER, NOTEBOOKS, WIDGET, as_saved

from autotune.pictures.picture import VEGA_LITE
from processes import DEV_USER

LARGEST = 500_000  # bytes


@pytest.fixture(params=[path.name for path in NOTEBOOKS])
def saved(request):
    notebook = nbformat.read(FOLDER / request.param, as_version=4)
    nbformat.validate(notebook)
    return notebook


def _data_of(notebook):
    return [output["data"] for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]


def test_saved_notebook_was_run_from_top_to_bottom_without_an_error(saved):
    cells = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not [output for cell in cells for output in cell.outputs if output.output_type == "error"]


def test_saved_notebook_shows_everything_without_a_kernel(saved):
    for data in _data_of(saved):
        assert WIDGET not in data
        assert "text/plain" in data
        assert "image/png" in data or VEGA_LITE not in data
    assert [output for cell in saved.cells for output in cell.get("outputs", [])]


def test_saved_notebook_is_small_and_knows_nothing_of_the_machine(saved):
    text = json.dumps(saved)
    assert len(text) < LARGEST
    assert DEV_USER["password"] not in text
    assert set(re.findall(r"https?://(?:127\.0\.0\.1|localhost):\d+", text)) <= {ADDRESS}
    assert not re.search(r"/(?:tmp|home|root|Users)/", text)


def test_notebooks_that_a_notebook_links_to_exist(saved):
    texts = [cell.source for cell in saved.cells if cell.cell_type == "markdown"]
    linked = set(re.findall(r"\]\(([\w-]+\.ipynb)\)", "\n".join(texts)))
    assert linked <= {path.name for path in NOTEBOOKS}


def test_widget_is_saved_as_its_still():
    cell = nbformat.v4.new_code_cell("card")
    widget = {WIDGET: {"model_id": "1"}}
    data = widget | {"text/html": "<b>80</b>", "text/plain": "at http://127.0.0.1:4711"}
    form = widget | {"text/html": ""}
    cell.outputs = [nbformat.v4.new_output("display_data", each) for each in (data, form)]
    kernel = {"name": "python3", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel, "widgets": {}})
    read = json.loads(as_saved(notebook, "http://127.0.0.1:4711"))
    (output,) = read["cells"][0]["outputs"]
    assert output["data"] == {"text/html": ["<b>80</b>"], "text/plain": [f"at {ADDRESS}"]}
    assert "widgets" not in read["metadata"]
