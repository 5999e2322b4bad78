"""The command ``autotune tell``."""

import sys
from collections.abc import Iterable, Iterator
from uuid import UUID, uuid4

import click

from autotune.calls.telling import tell_one
from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.shell.lines import Line, LineReader, key_of
from autotune.shell.refusals import NOTHING_TO_DO, REFUSED, USAGE, Refusal, refusal_of, refusals
from autotune.shell.service import experiment_of, json_option, name_argument, service, service_options
from autotune.shell.values import run_of
from autotune.transport.coroutines import result_of
from autotune.views.shown import Observation, configuration_text, outcome_texts

STDIN = "-"


@click.command(
    "tell",
    epilog="\b\nautotune ask NAME --json | ./run.sh | autotune tell NAME -\n"
    "autotune tell NAME minutes=30 oven=b response=0.93\n"
    'autotune tell NAME minutes=45 oven=a status=failed "failed_because=it boiled over"',
)
@name_argument
@click.argument("run", nargs=-1, required=True, metavar="{- | NAME=VALUE...}")
@click.option("--suggestion", type=click.UUID, help="With NAME=VALUE: the suggestion that was run.")
@click.option("--key", help="With NAME=VALUE: under the same key the same run is told once in a week.")
@click.option("--again", is_flag=True, help="With -: tell every line, also one that was told before.")
@json_option
@service_options
def tell_command(
    name: str,
    run: tuple[str, ...],
    suggestion: UUID | None,
    key: str | None,
    again: bool,
    is_json: bool,
    url: str | None,
    timeout_s: float,
) -> None:
    """Tell what was measured in the experiment NAME, a name or a uuid.

    With - each line of the standard input is a JSON object: what `autotune ask --json` wrote, and "response" (a
    number), "responses" (a number by name), "status": "failed" with "failed_because", or "status": "stopped". A line is
    told as soon as it comes, and once: the same input, sent again within a week, tells nothing twice. A line that is
    wrong is reported with its number, the others are told, and the exit code says so.
    """
    with service(url, timeout_s) as client:
        experiment = experiment_of(client, name)
        if run == (STDIN,):
            if suggestion is not None or key is not None:
                raise Refusal("--suggestion and --key go with NAME=VALUE: a line may have both itself", USAGE)
            _tell_lines(experiment, LineReader(experiment.exp_uuid, uuid4().hex if again else ""), is_json)
            return
        if again:
            raise Refusal("--again goes with -: what is told by NAME=VALUE is told each time, but for --key", USAGE)
        told = run_of(run, experiment.covars, experiment.responses, suggestion)
        checked_key = None if key is None else key_of(key)
        _show(result_of(tell_one(experiment.connection, experiment.exp_uuid, told, checked_key)), is_json)


def _tell_lines(experiment: Experiment, reader: LineReader, is_json: bool) -> None:
    """Tell the lines of the standard input one by one; a line that is wrong does not keep the others from being told.

    If the service cannot be used any more, the lines that are not told are handed back.

    Raises:
        Refusal: If no line came.
        SystemExit: If a line was wrong or refused, or was not told.
    """
    n_lines, worst = 0, 0
    lines = _numbered_lines()
    for number, text in lines:
        n_lines += 1
        try:
            line = reader.read(text)
            with refusals(f"line {number}"):
                _show(_told(experiment, line, number), is_json)
        except InvalidInputError as error:
            worst = max(worst, USAGE)
            refusal_of(error, f"line {number}").show()
        except Refusal as refusal:
            if refusal.exit_code not in {USAGE, REFUSED}:
                refusal.show()
                _hand_back([text, *(rest for _, rest in lines)])
                sys.exit(refusal.exit_code)
            worst = max(worst, refusal.exit_code)
            refusal.show()
    if not n_lines:
        raise Refusal("nothing to tell: no line came on the standard input", NOTHING_TO_DO)
    if worst:
        sys.exit(worst)


def _hand_back(lines: Iterable[bytes]) -> None:
    """Write lines that were not told to the standard error: a run may have taken days, and nobody else has them."""
    click.echo("these lines are not told, keep them and tell them later:", err=True)
    for text in lines:
        click.echo(text.rstrip(b"\r\n"), err=True)


def _numbered_lines() -> Iterator[tuple[int, bytes]]:
    for number, text in enumerate(iter(sys.stdin.buffer.readline, b""), start=1):
        if text.strip():
            yield number, text


def _told(experiment: Experiment, line: Line, number: int) -> Observation:
    observation = result_of(tell_one(experiment.connection, experiment.exp_uuid, line.told, line.key))
    if observation.seq <= experiment.last_seq:
        # The answer is the one of that time: the event of the observation is older than this command.
        click.echo(
            f"line {number}: told before, at {observation.time_created:%Y-%m-%d %H:%M} UTC, and not told again "
            "(--again tells a repeat of the run)",
            err=True,
        )
    return observation


def _show(observation: Observation, is_json: bool) -> None:
    if is_json:
        click.echo(observation.model_dump_json(exclude={"notes"}))
    else:
        outcome = ", ".join(map(" ".join, outcome_texts(observation)))
        click.echo(f"told {configuration_text(observation.covars)}: {outcome}")
    for note in observation.notes:
        click.echo(note, err=True)
    sys.stdout.flush()
