"""What a command of ``%autotune`` is, and one call of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from IPython.core.error import UsageError

from autotune.notebook.expressions import Expressions
from autotune.notebook.line import Option, Split, unquoted, words
from autotune.notebook.session import Session

Completes = Literal["", "experiment", "variable", "file", "picture"]


@dataclass(frozen=True, slots=True)
class Command:
    """A command of ``%autotune``.

    Attributes:
        name: The word by which it is called.
        takes: Its arguments, as the help shows them.
        says: What it does, in one line of the help.
        run: Runs it.
        options: Its options.
        more: What its own help says besides, in lines of at most 78 characters.
        completes: What the tab key offers for its arguments.
        words: The words of which its first argument is one; empty if it may be anything.
    """

    name: str
    takes: str
    says: str
    run: "Callable[[Call], Any]"
    options: Sequence[Option] = ()
    more: str = ""
    completes: Completes = ""
    words: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a command.

    Attributes:
        command: The command.
        line: What was written after it.
        python: Evaluates expressions in the notebook.
        session: Does the work.
        body: The lines below, if a whole cell was given to the command.
        shell: The shell of the notebook.
    """

    command: Command
    line: Split
    python: Expressions
    session: Session
    body: str | None
    shell: Any

    @property
    def left(self) -> str:
        """What was written, without the options."""
        return self.line.left

    def has(self, option: str) -> bool:
        """Return whether an option was given."""
        return bool(self.line.values(option))

    def option(self, option: str) -> str | None:
        """Return what was written after an option; None if the option was not given."""
        return next(iter(self.line.values(option)), None)

    def texts(self, option: str) -> list[str]:
        """Return the texts of an option that may be repeated."""
        return [self.python.text(value) for value in self.line.values(option)]

    def text(self, option: str) -> str | None:
        """Return the text of an option; None if the option was not given."""
        return next(iter(self.texts(option)), None)

    def mapping(self, option: str, contents: str) -> dict[Any, Any] | None:
        """Return the dict of an option; None if the option was not given."""
        written = self.option(option)
        return None if written is None else self.python.mapping(written, contents)

    def count(self, option: str, what: str) -> int | None:
        """Return the whole number of an option; None if the option was not given."""
        written = self.option(option)
        return None if written is None else self.whole(written, f"{option}, {what},")

    def whole(self, written: str, what: str) -> int:
        """Read a whole number, or an expression that is one; ``what`` is the subject of the message."""
        number = int(written) if written.isdecimal() else self.python.value(unquoted(written))
        if isinstance(number, bool) or not isinstance(number, int):
            raise UsageError(f"{what} must be a whole number, not {written}\n{self.help()}")
        return number

    def words(self, most: int) -> list[str]:
        """Split what was written into words, ``most`` at most."""
        found = words(self.left)
        if len(found) > most:
            raise UsageError(
                f"{' '.join(found[most:])!r} is not expected here: {self.usage()}\nput quotes around a text with blanks"
            )
        return found

    def nothing(self) -> None:
        """Refuse arguments where the command takes none."""
        if self.left:
            raise UsageError(f"{self.left!r} is not expected here: this command takes no arguments\n{self.help()}")

    def required(self, what: str) -> str:
        """Return what was written; ``what`` names it if it is missing."""
        if not self.left:
            raise self.missing(what)
        return self.left

    def missing(self, what: str) -> UsageError:
        """Build the error of an argument that is missing."""
        return UsageError(f"{what} is missing: {self.usage()}\n{self.help()}")

    def usage(self) -> str:
        """Write how the command is called."""
        return f"%autotune {self.command.name} {self.command.takes}".rstrip()

    def help(self) -> str:
        """Write where the help of the command is."""
        return f"`%autotune help {self.command.name}` says more"
