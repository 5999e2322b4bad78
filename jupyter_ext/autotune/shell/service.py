"""The running service that the loop's commands use, and the experiment that is named on the command line."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from functools import reduce
from typing import Any, TypeVar
from uuid import UUID

import click
from click.shell_completion import CompletionItem

from autotune.client import Client, connect
from autotune.errors import AutotuneError
from autotune.experiment import Experiment
from autotune.shell.refusals import REFUSED, UNAUTHORIZED, USAGE, Refusal, refusals

F = TypeVar("F", bound=Callable[..., Any])

_COMPLETION_S = 1.0
"""How long the tab key waits for the names of experiments, in seconds."""
_MOST_SAME = 5
_NO_CREDENTIALS = (
    "no credentials: set AUTOTUNE_TOKEN to a token (`autotune token add` makes one), or AUTOTUNE_USERNAME and "
    "AUTOTUNE_PASSWORD"
)

json_option = click.option("--json", "is_json", is_flag=True, help="Write JSON, for programs.")
url_option = click.option("--url", help="Address of the service, http://127.0.0.1:8008 by default. [AUTOTUNE_URL]")
timeout_option = click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0.1), default=60.0, show_default=True, metavar="SECONDS",
    help="How long the service may take, retries included.",
)  # fmt: skip


def _names(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    try:
        with connect(context.params.get("url"), timeout_s=_COMPLETION_S) as client:
            return [CompletionItem(name) for name in client.names(_COMPLETION_S) if name.startswith(incomplete)]
    except AutotuneError:
        return []  # the tab key offers nothing then, and says nothing


name_argument = click.argument("name", shell_complete=_names)


def service_options(command: F) -> F:
    """Add the options of every command that uses a running service."""
    return reduce(lambda decorated, option: option(decorated), (timeout_option, url_option), command)


@contextmanager
def service(url: str | None, timeout_s: float) -> Iterator[Client]:
    """Connect to the service for as long as the block runs; errors of the client end the command with their code.

    Args:
        url: The address that was given; else that of ``AUTOTUNE_URL``.
        timeout_s: How long a call may take in all, in seconds.
    """
    with refusals():
        if not (os.environ.get("AUTOTUNE_TOKEN") or os.environ.get("AUTOTUNE_USERNAME")):
            raise Refusal(_NO_CREDENTIALS, UNAUTHORIZED)
        with connect(url, timeout_s=timeout_s) as client:
            yield client


def experiment_of(client: Client, written: str) -> Experiment:
    """Find an experiment by its uuid, or by its name if no other has that name."""
    uuid = _uuid(written)
    if uuid is not None:
        return client.experiment(uuid)
    listed = client.list()
    found = [experiment for experiment in listed if experiment.name == written]
    if not found:
        near = get_close_matches(written, [experiment.name for experiment in listed], 1)
        raise Refusal(
            f"NAME: there is no experiment {written!r} that you may see"
            f"{f'; did you mean {near[0]!r}?' if near else ''} (`autotune list` names them)",
            REFUSED,
        )
    if len(found) > 1:
        uuids = ", ".join(str(experiment.exp_uuid) for experiment in found[:_MOST_SAME])
        more = f" and {len(found) - _MOST_SAME} more" if len(found) > _MOST_SAME else ""
        message = f"NAME: {len(found)} experiments are named {written!r}: give a uuid, newest first: {uuids}{more}"
        raise Refusal(message, USAGE)
    return found[0]


def _uuid(written: str) -> UUID | None:
    try:
        return UUID(written)
    except ValueError:
        return None
