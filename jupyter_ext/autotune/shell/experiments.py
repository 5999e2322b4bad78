"""The commands ``autotune new``, ``autotune list`` and ``autotune history``."""

from typing import get_args

import click

from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.inputs.descriptions import response_of_text
from autotune.shell.output import write_csv, write_line, write_table
from autotune.shell.refusals import USAGE, Refusal
from autotune.shell.service import experiment_of, json_option, name_argument, service, service_options
from autotune.shell.values import named_values
from autotune.transport.coroutines import result_of
from autotune.views.facts import state_of
from autotune_wire.reports import EarlyStopRule


@click.command(
    "new",
    epilog='\b\nautotune new brownies "minutes=15..45 int" "cocoa=natural|dutched" --max taste\n'
    'autotune new solvent "rate=1e-5..1e-1 log mol/L" --minimize',
)
@click.argument("name")
@click.argument("covariates", nargs=-1, required=True, metavar="COVARIATE=TEXT...")
@click.option("--max", "maximized", multiple=True, metavar="NAME", help="A response to maximize; may be repeated.")
@click.option("--min", "minimized", multiple=True, metavar="NAME", help="A response to minimize; may be repeated.")
@click.option("--response", "bounded", multiple=True, metavar="TEXT", help='One with a bound: "cost <= 5", "pH = 7".')
@click.option("--minimize", is_flag=True, help="The only response has no name, and a lower one is better.")
@click.option("--constraint", "constraints", multiple=True, metavar="TEXT", help='As in "a + 2*b <= 1".')
@click.option("--budget", type=click.IntRange(min=1), help="Stop after so many runs.")
@click.option("--learn-from", "earlier", multiple=True, metavar="NAME", help="An earlier experiment to learn from.")
@click.option("--early-stop", type=click.Choice(get_args(EarlyStopRule)), help="The rule that stops runs which report.")
@click.option("--seed", type=click.IntRange(min=0), help="A seed that makes the suggestions repeatable.")
@json_option
@service_options
def new_command(
    name: str,
    covariates: tuple[str, ...],
    maximized: tuple[str, ...],
    minimized: tuple[str, ...],
    bounded: tuple[str, ...],
    minimize: bool,
    constraints: tuple[str, ...],
    budget: int | None,
    earlier: tuple[str, ...],
    early_stop: str | None,
    seed: int | None,
    is_json: bool,
    url: str | None,
    timeout_s: float,
) -> None:
    """Describe the experiment NAME by its covariates, a range or options each, and print its uuid."""
    goals = dict.fromkeys(maximized, "maximize") | dict.fromkeys(minimized, "minimize")
    with service(url, timeout_s) as client:
        if minimize and (goals or bounded):
            raise InvalidInputError("--minimize is for a response without a name: name each with --min instead")
        goals |= dict(map(response_of_text, bounded))
        experiment = client.new(
            name,
            named_values(covariates, ()),
            responses=goals or None,
            direction="minimize" if minimize else None,
            constraints=list(constraints),
            stop=None if budget is None else {"budget": budget},
            early_stop=early_stop,
            seed=seed,
            learn_from=[experiment_of(client, one) for one in earlier],
            say=lambda sentence: click.echo(sentence, err=True, nl=False),
        )
        if is_json:
            write_line(_facts(experiment))
        else:
            click.echo(experiment.exp_uuid)


@click.command("list")
@click.option("-n", "n", type=click.IntRange(min=1), help="The N newest; all by default.")
@json_option
@service_options
def list_command(n: int | None, is_json: bool, url: str | None, timeout_s: float) -> None:
    """List the experiments that you may see, newest first."""
    with service(url, timeout_s) as client:
        rows = [_facts(experiment) for experiment in client.list(n)]
    if is_json:
        for row in rows:
            write_line(row)
    else:
        write_table(["name", "state", "runs", "best", "created", "exp_uuid"], rows)


@click.command("history")
@name_argument
@click.option("--csv", "is_csv", is_flag=True, help="Write CSV, which `autotune import FILE --into NAME` reads.")
@json_option
@service_options
def history_command(name: str, is_csv: bool, is_json: bool, url: str | None, timeout_s: float) -> None:
    """Print all runs of the experiment NAME, oldest first."""
    if is_csv and is_json:
        raise Refusal("give --csv or --json, not both", USAGE)
    with service(url, timeout_s) as client:
        columns, rows = result_of(experiment_of(client, name)._history_records())
    if is_json:
        for row in rows:
            write_line({column: row.get(column) for column in columns})
    else:
        (write_csv if is_csv else write_table)(columns, rows)


def _facts(experiment: Experiment) -> dict[str, object]:
    best = experiment.best_seen
    return {
        "name": experiment.name,
        "state": state_of(experiment._seen),
        "runs": experiment.n_observations,
        "best": None if best is None else best.response,
        "created": experiment.time_created,
        "exp_uuid": str(experiment.exp_uuid),
    }
