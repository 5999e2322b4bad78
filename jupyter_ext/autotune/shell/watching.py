"""The command ``autotune watch``."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import click

from autotune.experiment import Experiment
from autotune.shell.refusals import refusals
from autotune.shell.service import experiment_of, json_option, name_argument, service, service_options
from autotune.transport.stream import follow
from autotune.values import number_text
from autotune.views.shown import configuration_text
from autotune_wire.frames import Event

LOST_S = 1.0
"""For how long a connection may be lost before that is said, in seconds."""
_SHOWN = ("source", "failed_because", "worker", "rule", "reason", "name")
"""What is shown of an event's data beside configurations and responses."""


@click.command("watch")
@name_argument
@click.option("--after", type=click.IntRange(min=0), help="Begin after this seq; 0 is the beginning. [default: now]")
@click.option("-n", "n", type=click.IntRange(min=1), help="End after N events.")
@json_option
@service_options
def watch_command(
    name: str, after: int | None, n: int | None, is_json: bool, url: str | None, timeout_s: float
) -> None:
    """Print what happens in the experiment NAME, a line for each event, until Ctrl-C.

    A lost connection is opened again, and nothing is missed or repeated. A line has the time, the seq, what happened
    and to what; with --json it is the event as the service sends it.
    """
    with service(url, timeout_s) as client:
        experiment = experiment_of(client, name)
        first = experiment.last_seq if after is None else after
        try:
            asyncio.run(_print_events(experiment, first, n, is_json))
        except KeyboardInterrupt:
            click.echo("", err=True)  # after the ^C that the terminal shows


async def _print_events(experiment: Experiment, after: int, n: int | None, is_json: bool) -> None:
    n_printed = 0
    with refusals():
        async with aclosing(follow(experiment.connection, experiment.exp_uuid, after, _Connection())) as events:
            async for event in events:
                click.echo(event.model_dump_json() if is_json else _text_of(event))
                sys.stdout.flush()
                n_printed += 1
                if n_printed == n:
                    return


class _Connection:
    """Says when the connection is lost for longer than a moment, and when it is there again."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._is_said = False

    def __call__(self, is_live: bool) -> None:
        """Take note of a connection that has opened or was lost."""
        if self._timer is not None:
            self._timer.cancel()
        if not is_live:
            # Not said at once: a stream that is closed on purpose is lost, too, and nothing comes after it.
            self._timer = asyncio.get_running_loop().call_later(LOST_S, self._say, "connection lost, trying again")
        elif self._is_said:
            self._say("connected again")
        self._is_said = self._is_said and not is_live

    def _say(self, sentence: str) -> None:
        self._is_said = True
        click.echo(sentence, err=True)


def _text_of(event: Event) -> str:
    what = event.type.replace("_", " ")
    return f"{event.at:%Y-%m-%d %H:%M:%S}  {event.seq:>5}  {what:<22}  {_about(event.data)}".rstrip()


def _about(data: Mapping[str, Any]) -> str:
    """Write what an event is about; an older or newer service may send other data than this one."""
    covars, measured = data.get("covars"), data.get("responses") or {"response": data.get("response")}
    is_run = isinstance(covars, dict) and all(isinstance(value, int | float | str) for value in covars.values())
    parts = [configuration_text(covars)] if covars and is_run else []
    parts += [f"{name} {number_text(value)}" for name, value in measured.items() if isinstance(value, int | float)]
    parts += ["failed"] if data.get("status") == "failed" else []
    parts += [f"stopped at step {data['stopped_step']}"] if data.get("stopped_step") is not None else []
    parts += [f"step {data['step']}: {data.get('value')}"] if "step" in data else []
    parts += [f"to be stopped, as {data['why']}"] if data.get("why") else []
    names = _SHOWN if parts else (*_SHOWN, "suggestion_uuid")
    parts += [f"{name.replace('_', ' ')} {data[name]}" for name in names if data.get(name)]
    return "; ".join(parts)
