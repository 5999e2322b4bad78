"""The help of ``%autotune``, in lines of at most 79 characters."""

from collections.abc import Mapping, Sequence
from textwrap import wrap

from autotune.notebook.command import Command

WIDTH = 79
_COLUMN = 38
_OPTION_COLUMN = 30
_FOOT = """\
Results belong to the suggestion of the last `ask`. Values may be variables or
expressions of the notebook, and dicts may be written out; in texts {expr} and
$var stand for values. The tab key completes commands, options and names.

  %autotune help COMMAND              its options and examples
"""


def overview(parts: Mapping[str, Sequence[Command]]) -> str:
    """Write the help: a line for each command, under the name of its part."""
    lines: list[str] = []
    for title, commands in parts.items():
        lines += [title, *(_line(command) for command in commands), ""]
    return "\n".join([*lines, _FOOT])


def help_of(command: Command) -> str:
    """Write the help of one command."""
    lines = [f"%autotune {command.name} {command.takes}".rstrip(), f"  {command.says}", ""]
    for option in command.options:
        says = option.says + (" (may be repeated)" if option.is_repeated else "")
        lines += _in_columns(f"  {option.name} {option.shown}".rstrip(), says, _OPTION_COLUMN)
    more = ["", command.more] if command.more and command.options else [command.more]
    return "\n".join([*lines, *more])


def _line(command: Command) -> str:
    takes = command.takes.removesuffix(" [options]")
    return "\n".join(_in_columns(f"  %autotune {command.name} {takes}".rstrip(), command.says, _COLUMN))


def _in_columns(left: str, right: str, column: int) -> list[str]:
    """Write two columns; the left one has a line of its own if it is too long, and the right one is wrapped."""
    first, *others = wrap(right, WIDTH - column)
    below = [" " * column + line for line in others]
    if len(left) < column:
        return [f"{left:<{column}}{first}", *below]
    return [left, " " * column + first, *below]
