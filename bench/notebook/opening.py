"""How soon the board of an experiment is there: in a kernel, and in a page of JupyterLab."""

import asyncio
import os
from collections import defaultdict
from pathlib import Path
from time import perf_counter
from typing import Any

import pages
from jupyter_client.manager import start_new_kernel

N_SMALL, N_LARGE = 50, 50_000
ROUNDS = 5
LIMIT_S = 1.0
_TIMEOUT_S = 120
_CELLS = {N_SMALL: "show(Board(small))", N_LARGE: "show(Board(large))"}
# From the command that runs the cell until the curve is decoded and the cells of the table are there, in frames.
_SHOWN = """async cell => {
    const panel = window.jupyterapp.shell.currentWidget, notebook = panel.content;
    await panel.sessionContext.session.kernel.requestExecute({code: 'close()', store_history: false}).done;
    notebook.activeCellIndex = cell;
    await window.jupyterapp.commands.execute('notebook:clear-cell-output');
    const output = notebook.widgets[cell].outputArea.node, began = performance.now();
    window.jupyterapp.commands.execute('notebook:run-cell');
    for (;;) {
        await new Promise(requestAnimationFrame);
        const image = output.querySelector('img.at-image');
        if (image?.complete && image.naturalWidth && output.querySelector('.widget-box input[title]'))
            return (performance.now() - began) / 1000;
        if (performance.now() - began > 60000) throw new Error('the board was not shown: ' + output.innerText); } }"""


async def measure(folder: Path) -> dict[str, list[float]]:
    """Measure both, in turns, in seconds; a service runs meanwhile, and nothing is told."""
    found: dict[str, list[float]] = defaultdict(list)
    async with pages.service(N_SMALL, N_LARGE) as running:
        await asyncio.to_thread(_in_kernel, running, found)
        with pages.notebook(folder / "opening", running, *_CELLS.values()) as address:
            async with pages.opened(address) as shown:
                for _round in range(ROUNDS):
                    for place, n_runs in enumerate(_CELLS, start=1):
                        name = f"board of {n_runs:,} runs, until curve and table are in the page, s"
                        found[name].append(await shown.page.evaluate(_SHOWN, place))
    return found


def _in_kernel(running: pages.Service, found: dict[str, list[float]]) -> None:
    manager, client = start_new_kernel(env={**os.environ, **running.variables})
    try:
        _seconds_until(client, running.setup, "")
        for _round in range(ROUNDS):
            for n_runs, cell in _CELLS.items():
                _seconds_until(client, pages.CLOSE, "")
                seconds = _seconds_until(client, cell, "atw-still")
                found[f"board of {n_runs:,} runs, until its still leaves the kernel, s"].append(seconds)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _seconds_until(client: Any, cell: str, text: str) -> float:
    """Run a cell to its end, and return after how many seconds it displayed HTML with a text, or ended without one."""
    began_s, seconds = perf_counter(), 0.0
    asked = client.execute(cell)
    while True:
        message = client.get_iopub_msg(timeout=_TIMEOUT_S)
        kind, content = message["msg_type"], message["content"]
        if message["parent_header"].get("msg_id") != asked:
            continue
        if kind == "error":
            raise SystemExit("\n".join(content["traceback"]))
        if kind == "display_data" and text and text in content["data"].get("text/html", ""):
            seconds = seconds or perf_counter() - began_s
        if kind == "status" and content["execution_state"] == "idle":
            return seconds or perf_counter() - began_s
