"""Make the pictures of the documentation: a service and JupyterLab are started, and their pages photographed.

Run it as ``make pictures``, or as ``.venv/bin/python bench/pictures.py`` with the names of some pictures. It needs
Chromium: ``apt install chromium``, or ``CHROMIUM=PROGRAM``. Nothing is fetched from elsewhere, and no data of yours are
touched. The experiments are small and have seeds, so the pictures change where AutoTune does; what they show of the
date does too.
"""

import argparse
import asyncio
import io
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from PIL import Image
from playwright.async_api import Locator, Page, async_playwright

import autotune
from autotune_service.settings import DEV_EMAIL, DEV_PASSWORD

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WAIT_MS = 120_000
SCALE = 1.5
"""How many pixels of a picture stand for one of the page."""
COLOURS = 256
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}

SETUP = """import autotune
from autotune.widgets import *
client = autotune.connect()
coupling, at_random, alloy, begun = (client.experiment(uuid) for uuid in {uuids!r})"""
CHART = ".vega-embed canvas"
FORM = ".jp-OutputArea .widget-box input, .jp-OutputArea .widget-box select"


class Shot(NamedTuple):
    """A picture: the cell that shows it, and a selector of what is there once it is drawn."""

    cell: str
    drawn: str


FILM = "moving"
"""The picture that moves: the panel while runs are told."""
FRAMES = 16
FRAME_MS, LAST_FRAME_MS = 700, 4000

SHOTS = {
    "panel": Shot("coupling.panel()", "img.at-image"),
    "connect": Shot("ConnectForm()", "input[type=password]"),
    "editor": Shot("SpaceEditor(client, like=coupling)", "svg[role=img]"),
    "card": Shot("SuggestionCard(coupling)", ".widget-box .atw-big"),
    "board": Shot("Board(coupling)", "input[title]"),
    "experiments": Shot("Experiments(client)", FORM),
    "history": Shot("coupling.plot.history()", CHART),
    "slice": Shot("coupling.plot.slice()", CHART),
    "contour": Shot("coupling.plot.contour()", CHART),
    "importance": Shot("coupling.plot.importance()", CHART),
    "parallel": Shot("coupling.plot.parallel()", CHART),
    "crossval": Shot("coupling.plot.crossval()", CHART),
    "feasibility": Shot('coupling.plot.feasibility("temperature", "load")', CHART),
    "timeline": Shot("coupling.plot.timeline()", CHART),
    "compare": Shot("coupling.plot.compare(at_random)", CHART),
    "pareto": Shot("alloy.plot.pareto()", CHART),
    "hypervolume": Shot("alloy.plot.hypervolume()", CHART),
    "ternary": Shot('alloy.plot.ternary(response="strength")', CHART),
    FILM: Shot("begun.panel()", "img.at-image"),
}

# Prompts, the frame of a cell and the menu of a chart are not what the pictures are about.
HIDDEN = """.jp-OutputPrompt, .jp-Collapser,
.jp-OutputArea-promptOverlay, .vega-embed summary {display: none !important}
.jp-Cell-outputWrapper {width: fit-content; min-width: 0}
.jp-Cell-outputArea {padding: 6px 12px !important}"""


def react(configuration: Mapping[str, Any], noise: Random) -> dict[str, float]:
    """Simulate a coupling; at high temperature much catalyst decomposes, and the run fails."""
    heat = (configuration["temperature"] - 40) / 80
    load = math.log10(configuration["load"] / 0.1) / 2
    if heat * load > 0.72:
        raise autotune.RunFailed("the catalyst decomposed")
    strength = {"K2CO3": 0.85, "K3PO4": 1.0, "Et3N": 0.6}[configuration["base"]]
    reacted = 96 * strength * math.exp(-4 * (heat - 0.7) ** 2 - 3 * (load - 0.6) ** 2)
    impurity = 1 + 5 * heat**2 + 2 * load
    return {"yield": round(reacted + noise.gauss(0, 0.8), 1), "impurity": round(impurity + noise.gauss(0, 0.1), 2)}


def make_experiments(client: autotune.Client) -> list[autotune.Experiment]:
    """Make the experiments of the pictures: a coupling, the same at random, an alloy, and a coupling without runs."""
    noise = Random(5)
    space = {"temperature": "40..120 int step 5 °C", "load": "0.1..10 log mol%", "base": "K2CO3|K3PO4|Et3N"}
    goals = {"yield": "maximize", "impurity": "<= 5"}
    coupling = client.new("Suzuki coupling", space, responses=goals, seed=2, say=None)
    coupling.run(lambda configuration: react(configuration, noise), 22)
    coupling.exclude(9, "the stirrer stood still")
    coupling.ask(1, worker="bench 2", lease_s=8 * 3600)
    at_random = client.new("Suzuki coupling, at random", space, responses=goals, seed=2, say=None)
    at_random.add_history([_at_random(noise) for _run in range(22)], say=None)
    shares = dict.fromkeys(("copper", "nickel", "tin"), "0..1")
    alloy = client.new(
        "Bronze", shares, responses={"strength": "maximize", "cost": "minimize"},
        constraints=["copper + nickel + tin == 1"], guess=dict.fromkeys(shares, 1 / 3), seed=2, say=None,
    )  # fmt: skip
    alloy.run(lambda configuration: _cast(configuration, noise), 22)
    begun = client.new("Suzuki coupling", space, responses=goals, seed=2, say=None)
    return [coupling, at_random, alloy, begun]


def _at_random(noise: Random) -> dict[str, Any]:
    drawn = {
        "temperature": noise.randrange(40, 121, 5),
        "load": 10 ** noise.uniform(-1, 1),
        "base": noise.choice(["K2CO3", "K3PO4", "Et3N"]),
    }
    try:
        return {**drawn, **react(drawn, noise)}
    except autotune.RunFailed:
        return {**drawn, "status": "failed"}


def _cast(shares: Mapping[str, Any], noise: Random) -> dict[str, float]:
    nickel, tin = shares["nickel"], shares["tin"]
    strength = 220 + 900 * nickel * (1 - nickel) + 1400 * tin * math.exp(-8 * tin) + noise.gauss(0, 4)
    return {"strength": round(strength), "cost": round(9 + 9 * nickel + 20 * tin + noise.gauss(0, 0.1), 1)}


@contextmanager
def running_lab(folder: Path) -> Iterator[tuple[str, str]]:
    """Run a service and JupyterLab on free ports, and yield the addresses of both."""
    ports = [_free_port(), _free_port()]
    config = folder / "config"
    config.mkdir()
    (config / "jupyter_lab_config.py").write_text("c.LabApp.expose_app_in_browser = True\n")
    own = {"JUPYTER_CONFIG_DIR": config, "JUPYTER_DATA_DIR": folder / "share", "IPYTHONDIR": folder / "ipython"}
    command = [sys.executable, "-m", "autotune_service.cli", "lab", str(folder / "pictures.ipynb")]
    options = ["--port", str(ports[0]), "--lab-port", str(ports[1]), "--data", str(folder / "data")]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AUTOTUNE_", "JUPYTER"))}
    environment = kept | {name: str(path) for name, path in own.items()}
    with subprocess.Popen([*command, *options], env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found: list[str] = []
            while not found:
                line = process.stdout.readline()
                assert line, "the service and JupyterLab did not start; see above"
                found = re.findall(r"^The notebook is ready at (\S+)", line)
            yield f"http://127.0.0.1:{ports[0]}", found[0].replace("/lab/tree/", "/doc/tree/")
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def write_notebook(path: Path, cells: list[str]) -> None:
    """Write a notebook of these cells."""
    code: dict[str, Any] = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    kept = [code | {"id": f"cell-{index}", "source": cell} for index, cell in enumerate(cells)]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": kept, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook))


async def run_notebook(page: Page, names: list[str]) -> list[Locator]:
    """Run the notebook, and return what it shows for each name once all is drawn."""
    await page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel")
    await page.add_style_tag(content=HIDDEN)
    await page.evaluate("async () => { await window.jupyterapp.restored; }")
    await page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    outputs = page.locator(".jp-NotebookPanel .jp-CodeCell .jp-Cell-outputWrapper")
    shown = [outputs.nth(number) for number in range(1, len(names) + 1)]  # the first cell shows nothing
    for name, output in zip(names, shown, strict=True):
        await output.scroll_into_view_if_needed()
        await output.locator(SHOTS[name].drawn).first.wait_for(state="visible")
    return shown


async def photograph(output: Locator, theme: str) -> Image.Image:
    """Return the picture of an output in a theme."""
    command = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
    await output.page.evaluate(command, THEMES[theme])
    await output.page.wait_for_function(
        "isLight => document.body.dataset.jpThemeLight === isLight", arg=str(theme == "light").lower()
    )
    return Image.open(io.BytesIO(await output.screenshot(animations="disabled", caret="hide"))).convert("RGB")


async def film(output: Locator, experiment: autotune.Experiment) -> dict[str, list[Image.Image]]:
    """Tell one run after the other, and return what the panel shows after each, by theme."""
    noise = Random(5)
    frames: dict[str, list[Image.Image]] = {theme: [] for theme in THEMES}
    for number in range(1, FRAMES + 1):
        await asyncio.to_thread(experiment.run, lambda configuration: react(configuration, noise), 1)
        await output.locator(f'img.at-image[alt*=": {number} observation"]').wait_for()
        for theme, taken in frames.items():
            taken.append(await photograph(output, theme))
    return frames


def fewer_colours(picture: Image.Image) -> Image.Image:
    """Return a picture in fewer colours, which nobody sees and which saves two thirds of the bytes."""
    # The other methods mix the few pixels of a mark with a colour that is near in the picture, and not to the eye.
    return picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def save_film(frames: list[Image.Image], path: Path) -> None:
    """Save frames as a picture that moves, all of them as high as the highest, and of the size that the page has."""
    size = frames[0].width, max(frame.height for frame in frames)
    padded = []
    for frame in frames:
        canvas = Image.new("RGB", size, frame.getpixel((0, 0)))
        canvas.paste(frame)
        padded.append(fewer_colours(canvas.resize((round(size[0] / SCALE), round(size[1] / SCALE)))))
    durations = [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS]
    padded[0].save(path, save_all=True, append_images=padded[1:], duration=durations, loop=0, optimize=True)


def say(path: Path) -> None:
    """Say that a picture was written."""
    print(f"{path.relative_to(IMAGES.parent.parent)}: {path.stat().st_size / 1024:.0f} KiB")


async def write_pictures(page: Page, names: list[str], experiments: list[autotune.Experiment]) -> None:
    """Write each picture in both themes."""
    shown = dict(zip(names, await run_notebook(page, names), strict=True))
    for theme in THEMES:
        for name, output in shown.items():
            if name != FILM:
                path = IMAGES / f"{name}-{theme}.png"
                fewer_colours(await photograph(output, theme)).save(path, optimize=True)
                say(path)
    if FILM in shown:
        for theme, frames in (await film(shown[FILM], experiments[-1])).items():
            path = IMAGES / f"{FILM}-{theme}.gif"
            save_film(frames, path)
            say(path)


async def make(names: list[str]) -> None:
    """Make pictures by their names."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium:
        sys.exit("there is no chromium: apt install chromium, or name one by CHROMIUM=PROGRAM")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_notebook(folder / "pictures.ipynb", [])
        with running_lab(folder) as (url, notebook_url):
            client = autotune.connect(url, username=DEV_EMAIL, password=DEV_PASSWORD)
            experiments = make_experiments(client)
            setup = SETUP.format(uuids=[str(experiment.exp_uuid) for experiment in experiments])
            write_notebook(folder / "pictures.ipynb", [setup, *(SHOTS[name].cell for name in names)])
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                page = await browser.new_page(viewport={"width": 1060, "height": 1700}, device_scale_factor=SCALE)
                page.set_default_timeout(WAIT_MS)
                await page.goto(notebook_url, wait_until="domcontentloaded")
                await write_pictures(page, names, experiments)
                await browser.close()
            client.close()


def main() -> None:
    """Make the pictures that the command line names, or all."""
    parser = argparse.ArgumentParser(description="Make the pictures of the documentation.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SHOTS))
    names = parser.parse_args().names or list(SHOTS)
    if unknown := [name for name in names if name not in SHOTS]:
        parser.error(f"there is no picture {unknown[0]!r}; there are: {', '.join(SHOTS)}")
    asyncio.run(make(names))


if __name__ == "__main__":
    main()
