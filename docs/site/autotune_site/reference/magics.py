"""The commands of ``%autotune``."""

from collections.abc import Iterator

from autotune.notebook.help import help_of
from autotune.notebook.magics import PARTS


def lines() -> Iterator[str]:
    """Yield the help of each command, part by part."""
    for title, commands in PARTS.items():
        yield from (f"## {title}", "")
        for command in commands:
            yield from (f"### {command.name}", "", "````text", help_of(command).rstrip(), "````", "")
