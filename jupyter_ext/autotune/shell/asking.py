"""The command ``autotune ask``."""

import click

from autotune.experiment import Experiment
from autotune.shell.lines import line_of
from autotune.shell.refusals import USAGE, Refusal
from autotune.shell.service import experiment_of, json_option, name_argument, service, service_options
from autotune.shell.values import fixed_of
from autotune.views.shown import Suggestion, origin_text
from autotune_wire.responses import RESPONSE


@click.command("ask", epilog="\b\nautotune ask NAME --json | ./run.sh | autotune tell NAME -")
@name_argument
@click.option("-n", type=click.IntRange(1, 100), help="Take N suggestions that nobody else gets, for a time.")
@click.option("--fixed", multiple=True, metavar="NAME=VALUE", help="A value that they must have; may be repeated.")
@click.option("--worker", help="With -n: a name for whoever runs them.")
@click.option("--lease", "lease_s", type=click.FloatRange(min=1), metavar="SECONDS", help="With -n: for how long.")
@json_option
@service_options
def ask_command(
    name: str,
    n: int | None,
    fixed: tuple[str, ...],
    worker: str | None,
    lease_s: float | None,
    is_json: bool,
    url: str | None,
    timeout_s: float,
) -> None:
    """Ask what to try next in the experiment NAME, a name or a uuid.

    Without -n it is the same suggestion until something is told. With -n each suggestion is leased: nobody else gets it
    for a day, or for the time of --lease. With --json each suggestion is a line, to which `autotune tell NAME -` wants
    a "response" added.
    """
    with service(url, timeout_s) as client:
        experiment = experiment_of(client, name)
        values = fixed_of(fixed, experiment.covars) or None
        if n is None:
            if worker is not None or lease_s is not None:
                raise Refusal("--worker and --lease need -n: only what is taken has a lease", USAGE)
            suggestions = [experiment.ask(fixed=values)]
        else:
            suggestions = experiment.ask(n, fixed=values, worker=worker, lease_s=lease_s)
        for index, suggestion in enumerate(suggestions):
            if is_json:
                click.echo(line_of(suggestion, experiment.exp_uuid))
            else:
                click.echo(("\n" if index else "") + _text_of(suggestion, experiment))
        if n is not None and len(suggestions) < n:
            click.echo(f"{len(suggestions)} of {n} suggestions came in time", err=True)


def _text_of(suggestion: Suggestion, experiment: Experiment) -> str:
    """Write a suggestion for a person: a line for each covariate, and what is expected of it."""
    units = suggestion.units
    rows = [(name, f"{suggestion.value(name)} {units.get(name, '')}".rstrip()) for name in suggestion.covars]
    primary = next(iter(experiment.responses))
    rows.append((f"predicted {'response' if primary == RESPONSE else primary}", suggestion.prediction()))
    rows.append((f"because ({origin_text(suggestion)})", suggestion.reason))
    rows.append(("suggestion", str(suggestion.suggestion_uuid)))
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"{label:<{width}}  {text}" for label, text in rows)
