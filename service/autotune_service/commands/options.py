"""Options that several commands take, and how they write JSON."""

import json
from collections.abc import Callable, Iterable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class _Folder(click.Path):
    """A folder; an empty text, as of a shell's variable that is not set, is none and not the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the folder's path, or None."""
        return None if value == "" else super().convert(value, param, ctx)


data_option = click.option(
    "--data", type=_Folder(path_type=Path, file_okay=False), help="Folder of the embedded Postgres. [AUTOTUNE_DATA]"
)
json_option = click.option("--json", "is_json", is_flag=True, help="Write a line of JSON for each, for programs.")

_OF_SERVE = (
    click.option("--host", help="Address to listen on, 127.0.0.1 by default. [AUTOTUNE_HOST]"),
    click.option("--port", type=int, help="Port, 8008 by default; 0 takes a free one. [AUTOTUNE_PORT]"),
    data_option,
    click.option("--no-worker", is_flag=True, help="Leave the engine to `autotune worker`. [AUTOTUNE_WORKER=0]"),
)


def serve_options(command: F) -> F:
    """Add the options of ``autotune serve``."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OF_SERVE), command)


def given_options(host: str | None, port: int | None, data: Path | None, no_worker: bool) -> dict[str, Any]:
    """Return the settings that the options of ``autotune serve`` give; None for one that is left to its variable."""
    return {"host": host, "port": port, "data": data, "worker": False if no_worker else None}


def visible(text: str) -> str:
    """Return a text that a user wrote, in one line and without what would tell a terminal to do something."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def write_lines(values: Iterable[Any]) -> None:
    """Write each value as a line of JSON."""
    for value in values:
        click.echo(json.dumps(value, ensure_ascii=False))
