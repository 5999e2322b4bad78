"""Runs the notebooks as their readers do, and saves them with what they show.

As a program, ``make notebooks``, it starts a service of its own, runs the notebooks that are named, or all, and writes
each with its outputs, so that it can be read where nothing runs, as on GitHub.
"""

import asyncio
import json
import os
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient
from PIL import Image

from autotune.pictures.picture import VEGA_LITE
from autotune.widgets.keeping import VIEW
from processes import DEV_USER, ServiceProcess

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ADDRESS = "http://127.0.0.1:8008"
"""The address that a saved notebook names: that of ``make run``."""
PICTURE = ("01-quickstart.ipynb", "History of", FOLDER.parent / "docs" / "images" / "quickstart.png")
"""The picture at the top of the README: from which notebook, how its text begins, and where it is."""
WIDGET = VIEW
"""A saved widget is an error where its kernel is gone, whatever else its output holds."""
LARGEST_SPEC = 50_000
"""A picture with a longer specification, such as a ternary with many runs, is saved as its PNG alone."""


async def executed(name: str) -> nbformat.NotebookNode:
    """Run a notebook from top to bottom and return it with its outputs; its service is named by the environment."""
    notebook = nbformat.read(FOLDER / name, as_version=4)
    options: dict[str, Any] = {"timeout": 300, "record_timing": False, "coalesce_streams": True}
    await NotebookClient(notebook, resources={"metadata": {"path": str(FOLDER)}}, **options).async_execute()
    return notebook


def outputs_of(notebook: nbformat.NotebookNode, kind: str) -> Iterator[Any]:
    """Yield each output of a MIME type, in order."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if kind in output.get("data", {}):
                yield output["data"][kind]


def told_of(service: ServiceProcess, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Fetch the experiment with a name, and its observations."""
    with service.client() as api:
        listed = api.get("/experiment/all").json()["experiments"]
        experiment = next(each for each in listed if each["name"] == name)
        history = api.get(f"/experiment/{experiment['exp_uuid']}/history?limit=100").json()["observations"]
    return experiment, history


def as_saved(notebook: nbformat.NotebookNode, url: str) -> str:
    """Write a notebook that was run, without what is true on this machine alone and without widgets."""
    for cell in notebook.cells:
        cell.metadata = {}
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not is_form(output)]
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if WIDGET in data:
                assert "text/html" in data, f"a widget without a still: {cell.source}"
                del data[WIDGET]
            if len(json.dumps(data.get(VEGA_LITE))) > LARGEST_SPEC:
                del data[VEGA_LITE]
            if "image/png" in data:
                data["image/png"] = lighter(data["image/png"])
    notebook.metadata = {"kernelspec": notebook.metadata["kernelspec"], "language_info": {"name": "python"}}
    return str(nbformat.writes(notebook)).replace(url, ADDRESS)


def is_form(output: nbformat.NotebookNode) -> bool:
    """Return whether an output is the widget of a form alone; its still is the output before it."""
    return output.get("data", {}).get("text/html") == "" and WIDGET in output["data"]


def lighter(png: str) -> str:
    """Return a PNG, in base64, with 256 colours, which takes a third of the bytes and looks the same."""
    file = BytesIO()
    with Image.open(BytesIO(b64decode(png))) as image:
        image.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return b64encode(file.getvalue()).decode()


def save_picture(notebook: nbformat.NotebookNode) -> None:
    """Save the picture at the top of the README."""
    _, beginning, file = PICTURE
    data = next(
        output["data"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.get("data", {}).get("text/plain", "").startswith(beginning)
    )
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b64decode(lighter(data["image/png"])))


def main(names: list[str]) -> None:
    """Run notebooks and save them; all, if none is named."""
    with TemporaryDirectory() as folder:
        service = ServiceProcess(Path(folder) / "data").start()
        login = {"AUTOTUNE_USERNAME": DEV_USER["username"], "AUTOTUNE_PASSWORD": DEV_USER["password"]}
        os.environ |= {"AUTOTUNE_URL": service.url, **login}
        try:
            for name in names or [path.name for path in NOTEBOOKS]:
                notebook = asyncio.run(executed(name))
                text = as_saved(notebook, service.url)
                (FOLDER / name).write_text(f"{text}\n", encoding="utf-8")
                print(f"{name}: {len(text) // 1000} kB")
                if name == PICTURE[0]:
                    save_picture(notebook)
        finally:
            service.close()


if __name__ == "__main__":
    main(sys.argv[1:])
