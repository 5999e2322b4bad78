"""The panel in a real kernel follows what others tell, while no cell runs."""

import asyncio

import nbformat
import pytest
from nbclient import NotebookClient

from processes import DEV_USER
from support import GUESS, SPACE

CELLS = ["%load_ext autotune", "%autotune login", "%autotune use followed", "%autotune panel"]
WITHIN_S = 30


@pytest.fixture
def service(start_service, database_url, monkeypatch):
    service = start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url)
    monkeypatch.setenv("AUTOTUNE_URL", service.url)
    monkeypatch.setenv("AUTOTUNE_USERNAME", DEV_USER["username"])
    monkeypatch.setenv("AUTOTUNE_PASSWORD", DEV_USER["password"])
    return service


async def drawn_with(kernel, text):
    """Give the first picture with a text in it that the kernel sends of its own accord."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            message = await kernel.get_iopub_msg(timeout=WITHIN_S)
            data = message["content"].get("data", {})
            if message["msg_type"] == "comm_msg" and text in data.get("state", {}).get("value", ""):
                return data["state"]["value"]


async def test_idle_kernel_draws_what_another_client_tells(service):
    with service.client() as api:
        exp_uuid = api.post("/experiment/new", json={"name": "followed", "covars": SPACE}).json()["exp_uuid"]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
        client = NotebookClient(notebook, timeout=60)
        async with client.async_setup_kernel():
            for index, cell in enumerate(notebook.cells):
                await client.async_execute_cell(cell, index)
            api.post(f"/experiment/tell/{exp_uuid}", json={"covars": GUESS, "response": 0.8125})
            picture = await drawn_with(client.kc, "0.8125")
    assert "<svg" in picture
