"""The panel in a real kernel: it follows what others tell, and the notebook saves what was drawn last."""

import asyncio

import nbformat
import pytest
from nbclient import NotebookClient

from processes import DEV_USER
from support import GUESS, SPACE

CELLS = ["%load_ext autotune", "%autotune login", "%autotune use followed", "%autotune panel"]
PANEL = CELLS.index("%autotune panel")
WITHIN_S = 30


@pytest.fixture
def service(start_service, database_url, monkeypatch):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    monkeypatch.setenv("AUTOTUNE_URL", service.url)
    monkeypatch.setenv("AUTOTUNE_USERNAME", DEV_USER["username"])
    monkeypatch.setenv("AUTOTUNE_PASSWORD", DEV_USER["password"])
    return service


@pytest.fixture
def exp_uuid(service):
    with service.client() as api:
        return api.post("/experiment/new", json={"name": "followed", "covars": SPACE}).json()["exp_uuid"]


def notebook_of(*cells):
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (*CELLS, *cells)])


async def drawn_with(kernel, text):
    """Give the first picture with a text in it that the kernel sends of its own accord."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            message = await kernel.get_iopub_msg(timeout=WITHIN_S)
            if message["msg_type"] == "update_display_data" and text in message["content"]["data"]["text/html"]:
                return message["content"]["data"]["text/html"]


async def test_idle_kernel_draws_what_another_client_tells(service, exp_uuid):
    notebook = notebook_of()
    client = NotebookClient(notebook, timeout=60)
    async with client.async_setup_kernel():
        for index, cell in enumerate(notebook.cells):
            await client.async_execute_cell(cell, index)
        with service.client() as api:
            api.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 0.8125})
        picture = await drawn_with(client.kc, "0.8125")
    assert "data:image/svg+xml;base64," in picture


async def test_notebook_that_runs_by_itself_saves_the_panel_as_its_last_command_left_it(exp_uuid):
    loaded = [{**GUESS, "Response": 0.25}, {**GUESS, "Response": 0.75}]
    notebook = notebook_of(f"%autotune load {loaded!r}", f"%autotune tell 0.8125 {GUESS!r}")
    await NotebookClient(notebook, timeout=60).async_execute()
    [saved] = notebook.cells[PANEL]["outputs"]
    assert set(saved["data"]) == {"text/html", "text/plain"}
    assert "followed, as of" in saved["data"]["text/plain"]
    assert ": 3 observations, best 0.8125" in saved["data"]["text/plain"]
    assert "0.8125" in saved["data"]["text/html"]
    assert "data:image/svg+xml;base64," in saved["data"]["text/html"]
    assert "widgets" not in notebook.metadata


async def test_panel_moves_while_a_cell_runs(service, exp_uuid):
    """A training run in the same notebook takes hours."""
    waits = f"""
import time, httpx2, os
user = {{"username": os.environ["AUTOTUNE_USERNAME"], "password": os.environ["AUTOTUNE_PASSWORD"]}}
api = httpx2.Client(base_url=os.environ["AUTOTUNE_URL"])
token = api.post("/auth/token", data=user).json()["access_token"]
told = {{"covars": {GUESS!r}, "response": 0.8125}}
api.post("/experiment/tell/{exp_uuid}", json=told, headers={{"Authorization": "Bearer " + token}})
time.sleep({WITHIN_S})
"""
    notebook = notebook_of(waits)
    client = NotebookClient(notebook, timeout=60)
    async with client.async_setup_kernel():
        for index, cell in enumerate(notebook.cells[:-1]):
            await client.async_execute_cell(cell, index)
        client.kc.execute(waits)
        assert await drawn_with(client.kc, "0.8125")
