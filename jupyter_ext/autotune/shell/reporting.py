"""The command ``autotune report``."""

import sys
from uuid import UUID

import click

from autotune.calls.reporting import report, report_of
from autotune.shell.output import write_line
from autotune.shell.refusals import STOP
from autotune.shell.service import experiment_of, json_option, name_argument, service, service_options
from autotune.transport.coroutines import result_of


@click.command(
    "report",
    epilog='\b\nautotune report NAME "$SUGGESTION" $EPOCH $ACCURACY || break\n'
    'autotune tell NAME lr=0.01 status=stopped --suggestion "$SUGGESTION"',
)
@name_argument
@click.argument("suggestion", type=click.UUID)
@click.argument("step", type=click.IntRange(min=0))
@click.argument("value", type=float)
@json_option
@service_options
def report_command(
    name: str, suggestion: UUID, step: int, value: float, is_json: bool, url: str | None, timeout_s: float
) -> None:
    """Report that the run of SUGGESTION, its uuid, has come to VALUE at STEP in the experiment NAME.

    If the run should be stopped, the command says why and ends with the exit code 8. Then tell it with status=stopped.
    """
    with service(url, timeout_s) as client:
        experiment = experiment_of(client, name)
        body = report_of(suggestion, step, value)
        verdict = result_of(report(experiment.connection, experiment.exp_uuid, body))
        if is_json:
            write_line(verdict.model_dump(mode="json"))
        else:
            click.echo(f"stop: {verdict.why}" if verdict.should_stop else "go on")
        if verdict.should_stop:
            sys.exit(STOP)
