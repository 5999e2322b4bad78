"""The commands ``autotune export`` and ``autotune import``."""

import json
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from autotune.calls.exporting import DOCUMENT, TABLE, Document
from autotune.client import Client
from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.shell.output import write_line
from autotune.shell.refusals import REFUSED, USAGE, Refusal
from autotune.shell.service import experiment_of, json_option, name_argument, service, service_options
from autotune_wire.base import Reply
from autotune_wire.paths import EXPERIMENT_EXPORT, EXPERIMENT_IMPORT, EXPERIMENT_IMPORT_STATE
from autotune_wire.portable import ImportState

STDIO = "-"
_LOOK_S = 0.5
"""How often a long import is looked at, in seconds."""


class _Begun(Reply):
    """The reply to an import: an experiment, or an import that is still running."""

    exp_uuid: UUID
    state: str


@click.command("export")
@name_argument
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--replace", is_flag=True, help="Replace a file that exists.")
@service_options
def export_command(name: str, file: Path, replace: bool, url: str | None, timeout_s: float) -> None:
    """Save the experiment NAME to FILE: its runs if it ends in .csv, everything if it ends in .json.

    With - the whole experiment is written to the standard output, as JSON.
    """
    with service(url, timeout_s) as client:
        experiment = experiment_of(client, name)
        if str(file) == STDIO:
            path = EXPERIMENT_EXPORT.format(exp_uuid=experiment.exp_uuid)
            click.echo(experiment.connection.get(path, Document).model_dump_json())
            return
        try:
            experiment.export(file, replace=replace)
        except OSError as error:
            raise Refusal(f"FILE: cannot write {file}: {error.strerror}", USAGE) from None
        click.echo(f"{experiment.name} is saved in {file}", err=True)


@click.command("import")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--into", metavar="NAME", help="With a .csv: the experiment that the runs are of.")
@json_option
@service_options
def import_command(file: Path, into: str | None, is_json: bool, url: str | None, timeout_s: float) -> None:
    """Make an experiment of the one in FILE, a .json as `autotune export` writes it; - is the standard input.

    It is another experiment with the same runs, the same log and the same next suggestion. With --into FILE is a .csv
    of runs; runs that the experiment has already are not told again.
    """
    with service(url, timeout_s) as client:
        if into is not None:
            _add_runs(experiment_of(client, into), file, is_json)
            return
        if file.suffix.lower() == TABLE:
            raise Refusal(f"{file} is a table of runs: name the experiment that they are of with --into NAME", USAGE)
        experiment = client.experiment(_imported(client, Document(_document(file))))
        if is_json:
            write_line({"exp_uuid": str(experiment.exp_uuid), "name": experiment.name})
        else:
            click.echo(experiment.exp_uuid)


def _add_runs(experiment: Experiment, file: Path, is_json: bool) -> None:
    data = _text_of_stdin() if str(file) == STDIO else file
    told = experiment.add_history(data, say=lambda sentence: click.echo(sentence, err=True, nl=False))
    if is_json:
        write_line({"exp_uuid": str(experiment.exp_uuid), "told": len(told)})
    else:
        click.echo(f"{len(told)} runs told")


def _text_of_stdin() -> str:
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInputError("the standard input is not a UTF-8 text") from None
    return text if "\n" in text else f"{text}\n"  # without a line break it would be the name of a file


def _document(file: Path) -> dict[str, Any]:
    """Read an exported experiment.

    Raises:
        InvalidInputError: If the file cannot be read, or is no JSON object.
    """
    try:
        content = sys.stdin.buffer.read() if str(file) == STDIO else file.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"FILE: cannot read {file}: {error.strerror}") from None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInputError(f"FILE: {file} is no exported experiment, which is a JSON object ({DOCUMENT})")
    return found


def _imported(client: Client, document: Document) -> UUID:
    """Send a document, follow an import that takes long, and return the uuid of the new experiment."""
    begun = client.connection.post(EXPERIMENT_IMPORT, _Begun, document)
    if begun.state != "running":
        return begun.exp_uuid
    where = EXPERIMENT_IMPORT_STATE.format(exp_uuid=begun.exp_uuid)
    with click.progressbar(length=100, label="importing", file=sys.stderr) as bar:
        while (state := client.connection.get(where, ImportState)).state == "running":
            bar.update(int(state.progress * 100) - bar.pos)
            time.sleep(_LOOK_S)
        bar.update(100 - bar.pos)
    if state.problem is not None:
        raise Refusal(f"{state.problem.detail} ({state.problem.code})", REFUSED)
    return state.exp_uuid
