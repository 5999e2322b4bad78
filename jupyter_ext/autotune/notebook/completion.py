"""What the tab key offers on a line of ``%autotune``, in a terminal and in JupyterLab."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autotune.notebook.command import Command
from autotune.notebook.expressions import Expressions
from autotune.notebook.line import Option
from autotune.notebook.session import Session

_SUFFIXES = {".csv", ".tsv", ".txt", ".json"}


class Completer:
    """Offers commands, options and their values, experiments, files and the notebook's variables.

    Args:
        commands: The commands, by name.
        session: Knows the experiments.
        python: Knows the variables.
    """

    def __init__(self, commands: Mapping[str, Command], session: Session, python: Expressions) -> None:
        self._commands = commands
        self._session = session
        self._python = python

    def __call__(self, _shell: Any, event: Any) -> list[str]:
        """Offer what can follow; IPython keeps what begins with ``event.symbol``.

        Args:
            event: IPython's: ``text_until_cursor`` is the line up to the cursor, ``symbol`` its part that is completed.
        """
        _, _, line = event.text_until_cursor.lstrip().partition(" ")
        offered = self._offered(line.lstrip())
        typed = line.lstrip().rpartition(" ")[2]
        # IPython begins to complete after a dash, as in a difference.
        kept = len(typed) - len(event.symbol) if typed.endswith(event.symbol) else 0
        return [word[kept:] for word in offered if word.lower().startswith(typed.lower()[:kept])]

    def _offered(self, line: str) -> Iterable[str]:
        name, blank, rest = line.partition(" ")
        if not blank:
            return [*self._commands, "help"]
        if name == "help":
            return self._commands
        command = self._commands.get(name)
        if command is None:
            return []
        *before, typed = rest.split(" ")
        last = next((option for option in command.options if before and option.name == before[-1]), None)
        if typed.startswith("-"):
            return [option.name for option in command.options]
        return self._values(command, last, rest)

    def _values(self, command: Command, last: Option | None, rest: str) -> Sequence[str]:
        if last is not None and last.choices:
            return last.choices
        if last is None and command.completes == "experiment":
            return _names_after(self._session.known_names(), rest)
        names = self._python.variables()
        if last is None and command.completes == "file":
            return [*_files(), *names]
        return names


def _names_after(names: Iterable[str], written: str) -> list[str]:
    """Return what is still to be typed of the names of experiments, which may have blanks; in quotes if they have."""
    offered = [f'"{name}"' if " " in name else name for name in names]
    done = len(written) - len(written.rpartition(" ")[2])
    return [name[done:] for name in offered if name.startswith(written[:done])]


def _files() -> list[str]:
    return sorted(path.name for path in Path().iterdir() if path.suffix in _SUFFIXES)
