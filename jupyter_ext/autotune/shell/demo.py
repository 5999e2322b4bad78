"""The command ``autotune demo``: an experiment whose runs are computed, to look at and to try things on."""

import random
from typing import Any

import click

from autotune.errors import RunFailed
from autotune.shell.output import write_line
from autotune.shell.service import json_option, service, service_options
from autotune.views.shown import configuration_text

SPACE = {"minutes": "15..45 int min", "oven": "170..210 int step 5 °C", "cocoa": "natural|dutched|raw"}
BEST = {"minutes": 28, "oven": 190, "cocoa": "dutched"}
"""The configuration that tastes best, before noise."""
_OF_COCOA = {"natural": 0.0, "dutched": 1.0, "raw": -0.5}
_BURNT = 7.0
"""From here on brownies are burnt: how many minutes at 200 degrees are too many, scaled."""


def taste_of(recipe: dict[str, Any], noise: float = 0.0) -> float:
    """Return how a recipe tastes, at most 9 but for the noise.

    Raises:
        RunFailed: If the brownies are burnt.
    """
    minutes, oven = (recipe["minutes"] - BEST["minutes"]) / 6, (recipe["oven"] - BEST["oven"]) / 12
    # A hotter oven needs less time.
    heat = minutes + oven
    if heat > _BURNT / 2:
        raise RunFailed("burnt")
    return float(8 - heat**2 / 2 - (minutes - oven) ** 2 / 8 + _OF_COCOA[recipe["cocoa"]] + noise)


@click.command("demo")
@click.option("--runs", "n", type=click.IntRange(1, 200), default=20, show_default=True, help="How many runs.")
@click.option("--name", default="Demo brownies", show_default=True, help="The name of the experiment.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Of suggestions and noise.")
@json_option
@service_options
def demo_command(n: int, name: str, seed: int, is_json: bool, url: str | None, timeout_s: float) -> None:
    """Make an experiment with runs to look at: brownies, whose taste a formula stands for.

    Each run is asked for, computed and told, as your own would be.
    """
    draw = random.Random(seed)  # nosec B311 # noise of an example
    with service(url, timeout_s) as client:
        experiment = client.new(name, SPACE, responses={"taste": "maximize"}, seed=seed, say=None)
        click.echo(f"{name} is {experiment.exp_uuid}; {n} runs:", err=True)
        best = experiment.run(lambda recipe: taste_of(recipe, draw.gauss(0, 0.1)), n, progress=True)
        if is_json:
            write_line({"exp_uuid": str(experiment.exp_uuid), "name": name, "runs": n})
            return
        click.echo(experiment.exp_uuid)
        if best is not None:
            click.echo(f"best of {n}: {configuration_text(best.covars)}: taste {best.response:.3g}", err=True)
        click.echo(f"look at it: autotune history {experiment.exp_uuid}, or in a notebook %autotune use", err=True)
