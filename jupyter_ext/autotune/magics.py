"""``%autotune``: reads the line and hands the work to the session."""

import builtins
import sys
from collections.abc import Callable
from keyword import iskeyword
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import MagicArgumentParser
from IPython.utils.process import arg_split

from autotune.errors import InvalidInputError
from autotune.session import Session

USAGE = """\
%autotune login [URL]                     log in; from AUTOTUNE_* in the environment, else asks
%autotune new NAME COVARIATES [options]   create an experiment; COVARIATES is a variable of this notebook
          --minimize  --seed N  --description TEXT
%autotune list                            your experiments, newest first
%autotune use UUID_OR_NAME                go on with one of them
%autotune panel                           a live picture of it
%autotune ask                             what to try next
%autotune tell RESPONSE [CONFIGURATION]   what came of it; both may be expressions of this notebook
%autotune run FUNCTION N                  ask, run FUNCTION(configuration) and tell, N times
%autotune best                            the best observation so far
%autotune history                         all observations as a table
"""


def _new_parser() -> Any:
    parser = MagicArgumentParser("%autotune new")
    parser.add_argument("name")
    parser.add_argument("covariates")
    parser.add_argument("--minimize", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--description", default="")
    return parser


@magics_class
class AutotuneMagics(Magics):  # type: ignore[misc] # IPython is not a dependency of the client, so it has no types here
    """The magic and its session, one per shell."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self.session = Session(say=sys.stdout.write)
        self._commands: dict[str, Callable[[str], Any]] = {
            "login": lambda rest: self.session.login(rest or None),
            "new": self._new,
            "list": self._plain(self.session.list),
            "use": self._use,
            "panel": self._plain(lambda: self.session.panel().show()),
            "ask": self._plain(self.session.ask),
            "tell": self._tell,
            "run": self._run,
            "best": self._plain(self.session.best),
            "history": self._plain(self.session.history),
        }

    @no_var_expand  # type: ignore[untyped-decorator] # as above
    @line_magic  # type: ignore[untyped-decorator] # as above
    def autotune(self, line: str) -> Any:
        """Tune something: ``%autotune help`` tells how."""
        command, rest = _first_word(line)
        if command in {"", "help"}:
            sys.stdout.write(USAGE)
            return None
        if command not in self._commands:
            raise UsageError(f"%autotune knows no {command!r}; it knows {', '.join(self._commands)}")
        try:
            return self._commands[command](rest)
        except InvalidInputError as error:
            raise UsageError(str(error)) from None

    def _new(self, rest: str) -> Any:
        given = _new_parser().parse_args(arg_split(rest, posix=True))
        direction = "minimize" if given.minimize else "maximize"
        covars = self._evaluated(given.covariates)
        if not isinstance(covars, dict):
            raise UsageError(f"{given.covariates} is no dict of covariates")
        return self.session.new(given.name, covars, direction=direction, seed=given.seed, description=given.description)

    def _use(self, rest: str) -> Any:
        if not rest:
            raise UsageError("%autotune use UUID_OR_NAME")
        return self.session.use(rest.strip("\"'"))

    def _tell(self, rest: str) -> Any:
        if not rest:
            raise UsageError("%autotune tell RESPONSE [CONFIGURATION]")
        if _is_expression(rest):
            return self.session.tell(self._evaluated(rest))
        response, configuration = _last_word(rest)
        return self.session.tell(self._evaluated(response), self._evaluated(configuration))

    def _run(self, rest: str) -> Any:
        name, n = _last_word(rest)
        if not name:
            raise UsageError("%autotune run FUNCTION N")
        function, times = self._evaluated(name), self._evaluated(n)
        if not callable(function):
            raise UsageError(f"{name} is no function")
        if isinstance(times, bool) or not isinstance(times, int):
            raise UsageError(f"N must be a whole number, and {n} is none")
        return self.session.run(function, times)

    def _evaluated(self, expression: str) -> Any:
        if not _is_expression(expression):
            raise UsageError(f"{expression!r} is no expression")
        if expression.isidentifier() and not self._is_known(expression):
            raise UsageError(f"there is no variable {expression!r} in this notebook")
        return self.shell.ev(expression)

    def _is_known(self, name: str) -> bool:
        return iskeyword(name) or name in self.shell.user_ns or hasattr(builtins, name)

    def _plain(self, command: Callable[[], Any]) -> Callable[[str], Any]:
        def refusing_arguments(rest: str) -> Any:
            if rest:
                raise UsageError(f"{rest!r} is one word too many")
            return command()

        return refusing_arguments


def _first_word(line: str) -> tuple[str, str]:
    word, _, rest = line.strip().partition(" ")
    return word, rest.strip()


def _last_word(text: str) -> tuple[str, str]:
    rest, _, word = text.strip().rpartition(" ")
    return rest.strip(), word


def _is_expression(text: str) -> bool:
    try:
        compile(text, "<%autotune>", "eval")
    except (SyntaxError, ValueError):
        return False
    return True
