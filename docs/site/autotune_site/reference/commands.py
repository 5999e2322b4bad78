"""The commands of the shell."""

from collections.abc import Iterator
from importlib.metadata import entry_points

import click


def lines() -> Iterator[str]:
    """Yield the help of each command, as the command itself prints it."""
    [program] = entry_points(group="console_scripts", name="autotune")
    yield from _help(program.load(), None, "autotune")


def _help(command: click.Command, above: click.Context | None, name: str) -> Iterator[str]:
    with click.Context(command, info_name=name, parent=above, max_content_width=100) as context:
        path = context.command_path
        yield from (f"## {path}", "", "````text", command.get_help(context), "````", "")
        if isinstance(command, click.Group):
            for below in command.list_commands(context):
                found = command.get_command(context, below)
                assert found is not None, "the group lists it"
                if not found.hidden:
                    yield from _help(found, context, below)
