"""``%autotune``: reads a command line, and has the command run."""

import sys
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, no_var_expand

from autotune.errors import AutotuneError, InvalidInputError, notes_of
from autotune.notebook.advice import add_advice
from autotune.notebook.command import Call, Command
from autotune.notebook.commands import access, experiments, lists, repairs, rounds, runs, views
from autotune.notebook.completion import Completer
from autotune.notebook.expressions import Expressions
from autotune.notebook.help import help_of, overview
from autotune.notebook.line import split, without_comment
from autotune.notebook.loop import Interrupted
from autotune.notebook.near import did_you_mean
from autotune.notebook.session import Session

PARTS = {
    "An experiment": experiments.COMMANDS,
    "A list of candidates": lists.COMMANDS,
    "One round": rounds.COMMANDS,
    "Many runs": runs.COMMANDS,
    "Putting right": repairs.COMMANDS,
    "Looking": views.COMMANDS,
    "People": access.COMMANDS,
}
COMMANDS: dict[str, Command] = {command.name: command for commands in PARTS.values() for command in commands}
_CELLS = ("run", "new")
"""The commands that take a whole cell."""


@magics_class
class AutotuneMagics(Magics):  # type: ignore[misc] # IPython is not a dependency of the client, so it has no types here
    """The ``%autotune`` magic and its session; each shell has one."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        # sys.stdout is looked up for each text, because %%capture replaces it.
        self.session = Session(say=lambda text: sys.stdout.write(text))
        self._python = Expressions(shell)
        Completer(COMMANDS, self.session, self._python).register(shell)

    @no_var_expand  # type: ignore[untyped-decorator] # as above
    @line_cell_magic  # type: ignore[untyped-decorator] # as above
    def autotune(self, line: str, cell: str | None = None) -> Any:
        """Run one AutoTune command."""
        name, _, rest = without_comment(line).partition(" ")
        if name in {"", "help"}:
            sys.stdout.write(self._help(rest.strip()))
            return None
        command = _command(name)
        if {"--help", "-h"} & set(rest.split()):
            sys.stdout.write(help_of(command))
            return None
        if cell is not None and name not in _CELLS:
            raise UsageError(f"%autotune {name} takes no cell\nwrite one % before it, and its arguments on the line")
        return self._run(command, rest.strip(), cell)

    autotune.__doc__ = overview(PARTS)  # what `%autotune?` shows

    def _run(self, command: Command, rest: str, cell: str | None) -> Any:
        try:
            line = split(rest, command.options, command.name)
            return command.run(Call(command, line, self._python, self.session, cell, self.shell))
        except InvalidInputError as error:
            raise UsageError("\n".join([str(error), *notes_of(error)])) from None
        except AutotuneError as error:
            add_advice(error)
            raise
        except Interrupted:
            raise
        except KeyboardInterrupt:
            raise Interrupted("what was under way may be stored or not; `%autotune history` shows it") from None

    def _help(self, name: str) -> str:
        return help_of(_command(name)) if name else overview(PARTS)


def _command(name: str) -> Command:
    if name not in COMMANDS:
        near = did_you_mean(name, COMMANDS)
        raise UsageError(f"there is no command {name!r}{near}\n`%autotune help` lists the commands")
    return COMMANDS[name]
