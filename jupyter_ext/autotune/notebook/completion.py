"""What the tab key offers on a line of ``%autotune``, in a terminal and in JupyterLab."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

from autotune.notebook.command import Command
from autotune.notebook.expressions import Expressions
from autotune.notebook.line import Option
from autotune.notebook.session import Session

_ID = "autotune"
_LINE = re.compile(r"\s*%{0,2}autotune\s+(?P<rest>.*)")
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

    def register(self, shell: Any) -> None:
        """Register this completer with a shell, in place of one that the extension registered before."""

        @context_matcher(identifier=_ID)  # type: ignore[untyped-decorator] # IPython has no types here
        def match(context: Any) -> dict[str, Any]:
            typed, offered = self.offered(context.text_until_cursor)
            # JupyterLab writes the type beside each word; without one, <unknown>.
            completions = [SimpleCompletion(text=word, type=_ID) for word in offered]
            # Python's names are no words of a command; where nothing is offered, they are.
            return {"completions": completions, "matched_fragment": typed, "suppress": True, "ordered": True}

        others = [one for one in shell.Completer.custom_matchers if getattr(one, "matcher_identifier", "") != _ID]
        shell.Completer.custom_matchers = [*others, match]

    def offered(self, line: str) -> tuple[str, list[str]]:
        """Return the part of a line that is being typed, and what it can become.

        Args:
            line: The line, up to the cursor.
        """
        found = _LINE.fullmatch(line)
        if found is None:
            return "", []
        name, _, written = found["rest"].partition(" ")
        command = self._commands.get(name)
        if command is not None and command.completes == "experiment" and not written.startswith("-"):
            return written, _names_like(self._session.known_names(), written)
        typed = found["rest"].rpartition(" ")[2]
        return typed, [word for word in self._offered(found["rest"]) if word.lower().startswith(typed.lower())]

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
        if command.words and not before:
            return command.words
        if typed.startswith("-"):
            return [option.name for option in command.options]
        return self._values(command, last)

    def _values(self, command: Command, last: Option | None) -> Sequence[str]:
        if last is not None and last.choices:
            return last.choices
        if last is None and command.completes == "picture":
            return self._session.known_pictures()
        names = self._python.variables()
        if last is None and command.completes == "file":
            return [*_files(), *names]
        return names


def _names_like(names: Iterable[str], written: str) -> list[str]:
    """Return the names of experiments that begin as it is written, in quotes if they have blanks."""
    begun = written.lstrip("\"'").lower()
    return [f'"{name}"' if " " in name else name for name in dict.fromkeys(names) if name.lower().startswith(begun)]


def _files() -> list[str]:
    return sorted(path.name for path in Path().iterdir() if path.suffix in _SUFFIXES)
