"""``%autotune``: reads the line and hands the work to the session."""

import builtins
import re
import sys
from collections.abc import Callable
from keyword import iskeyword
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import MagicArgumentParser
from IPython.utils.process import arg_split

from autotune.errors import InvalidInputError, notes_of
from autotune.notebook.session import Session

USAGE = """\
%autotune login [URL]                     log in; from AUTOTUNE_* in the environment, else asks
%autotune new NAME COVARIATES [options]   create an experiment; COVARIATES is a variable of this notebook
          --minimize  --responses DICT  --constraint "a + 2*b <= 1" (again for more)  --stop DICT
          --seed N  --description TEXT  --engine NAME  --model-type NAME  --acq-func NAME
%autotune list                            your experiments, newest first
%autotune use UUID_OR_NAME                go on with one of them
%autotune panel                           a live picture of it
%autotune ask [--fixed DICT]              what to try next, some values given
%autotune tell RESPONSE [CONFIGURATION] [--sd SD]
                                          what came of it: a number, or a dict of several responses
%autotune fail [CONFIGURATION]            that nothing came of it
%autotune skip [REASON]                   give the suggestion up, as it will not be run; REASON is text
%autotune run FUNCTION N [--fixed DICT]   ask, run FUNCTION(configuration) and tell, N times
%autotune load FILE_OR_VARIABLE           tell runs made before: a CSV file, a DataFrame or a list of dicts
%autotune best                            the best observation so far
%autotune history                         all observations as a table
%autotune predict CONFIGURATIONS          what the model expects of them
%autotune insights                        what matters, how good the model is, how the responses run
%autotune edit COVARIATES [--constraint TEXT] [--backfill DICT]
                                          change the space, as in {"minutes": {"max": 60}}
%autotune resume [STOP]                   go on after a stop rule was met, with other rules or without (None)

RESPONSE, CONFIGURATION, DICT and N may be expressions of this notebook. A DICT that is written out after an option of
`new` or `edit` stands in quotes.
"""
_RELATIONS = ("<", ">", "=", "\N{LESS-THAN OR EQUAL TO}", "\N{GREATER-THAN OR EQUAL TO}")


def _new_parser() -> Any:
    parser = MagicArgumentParser("%autotune new")
    parser.add_argument("name")
    parser.add_argument("covariates")
    parser.add_argument("--minimize", action="store_true")
    parser.add_argument("--responses")
    parser.add_argument("--constraint", action="append", default=[])
    parser.add_argument("--stop")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--description")
    parser.add_argument("--engine")
    parser.add_argument("--model-type")
    parser.add_argument("--acq-func")
    return parser


def _edit_parser() -> Any:
    parser = MagicArgumentParser("%autotune edit")
    parser.add_argument("covariates")
    parser.add_argument("--constraint", action="append")
    parser.add_argument("--backfill")
    return parser


@magics_class
class AutotuneMagics(Magics):  # type: ignore[misc] # IPython is not a dependency of the client, so it has no types here
    """The magic and its session, one per shell."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        # Looked up with each text: %%capture puts another stdout in place.
        self.session = Session(say=lambda text: sys.stdout.write(text))
        self._commands: dict[str, Callable[[str], Any]] = {
            "login": lambda rest: self.session.login(rest or None),
            "new": self._new,
            "list": self._plain(self.session.list),
            "use": self._use,
            "panel": self._plain(lambda: self.session.panel().show()),
            "ask": self._ask,
            "tell": self._tell,
            "fail": self._fail,
            "skip": lambda rest: self.session.skip(rest.strip("\"'")),
            "run": self._run,
            "load": self._load,
            "best": self._plain(self.session.best),
            "history": self._plain(self.session.history),
            "predict": self._predict,
            "insights": self._plain(self.session.insights),
            "edit": self._edit,
            "resume": lambda rest: self.session.resume(*([self._evaluated(rest)] if rest else [])),
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
            raise UsageError("\n".join([str(error), *notes_of(error)])) from None

    def _new(self, rest: str) -> Any:
        given = _new_parser().parse_args(arg_split(rest, posix=True))
        names = ("seed", "description", "engine", "model_type", "acq_func")
        options = {name: getattr(given, name) for name in names if getattr(given, name) is not None}
        if given.responses is not None:
            options["responses"] = self._dict(given.responses, "responses")
        if given.stop is not None:
            options["stop"] = self._dict(given.stop, "stop rules")
        if given.minimize:
            options["direction"] = "minimize"
        covars = self._dict(given.covariates, "covariates")
        return self.session.new(given.name, covars, constraints=self._constraints(given.constraint), **options)

    def _edit(self, rest: str) -> Any:
        given = _edit_parser().parse_args(arg_split(rest, posix=True))
        covars = self._dict(given.covariates, "covariates")
        backfill = None if given.backfill is None else self._dict(given.backfill, "values")
        constraints = None if given.constraint is None else self._constraints(given.constraint)
        return self.session.edit(covars, constraints=constraints, backfill=backfill)

    def _use(self, rest: str) -> Any:
        if not rest:
            raise UsageError("%autotune use UUID_OR_NAME")
        return self.session.use(rest.strip("\"'"))

    def _ask(self, rest: str) -> Any:
        left, fixed = _with_option(rest, "--fixed")
        if left:
            raise UsageError(f"{left!r} is not expected: %autotune ask [--fixed DICT]")
        return self.session.ask(None if fixed is None else self._dict(fixed, "values"))

    def _tell(self, rest: str) -> Any:
        left, sd = _with_option(rest, "--sd")
        if not left:
            raise UsageError("%autotune tell RESPONSE [CONFIGURATION] [--sd SD]")
        response, *others = [self._evaluated(expression) for expression in _one_or_two(left)]
        spread = None if sd is None else self._evaluated(sd)
        return self.session.tell(response, others[0] if others else None, spread)

    def _fail(self, rest: str) -> Any:
        return self.session.fail(self._evaluated(rest) if rest else None)

    def _run(self, rest: str) -> Any:
        left, fixed = _with_option(rest, "--fixed")
        name, n = _last_word(left)
        if not name:
            raise UsageError("%autotune run FUNCTION N [--fixed DICT]")
        function, times = self._evaluated(name), self._evaluated(n)
        if not callable(function):
            raise UsageError(f"{name} is no function")
        if isinstance(times, bool) or not isinstance(times, int):
            raise UsageError(f"N must be a whole number, and {n} is none")
        return self.session.run(function, times, None if fixed is None else self._dict(fixed, "values"))

    def _load(self, rest: str) -> Any:
        if not rest:
            raise UsageError("%autotune load FILE_OR_VARIABLE")
        name = rest.strip("\"'")
        if not (rest.isidentifier() and self._is_known(rest)) and Path(name).is_file():
            return self.session.load(Path(name))
        first = re.match(r"\w+", rest)
        if rest[0] not in "[(" and (first is None or not self._is_known(first[0])):
            raise UsageError(f"there is no file {name!r}, and no variable of that name in this notebook")
        return self.session.load(self._evaluated(rest))

    def _predict(self, rest: str) -> Any:
        if not rest:
            raise UsageError("%autotune predict CONFIGURATIONS")
        return self.session.predict(self._evaluated(rest))

    def _constraints(self, texts: list[str]) -> list[Any]:
        constraints: list[Any] = []
        for text in texts:
            is_text = any(relation in text for relation in _RELATIONS) and not text.lstrip().startswith(("{", "["))
            found = text if is_text else self._evaluated(text)
            constraints += found if isinstance(found, list) else [found]
        return constraints

    def _dict(self, expression: str, what: str) -> dict[Any, Any]:
        found = self._evaluated(expression)
        if not isinstance(found, dict):
            raise UsageError(f"{expression} is no dict of {what}")
        return found

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


def _with_option(text: str, option: str) -> tuple[str, str | None]:
    """Part a line from the expression after an option at its end, None where the option is not there."""
    rest, found, expression = f" {text}".partition(f" {option} ")
    if not found:
        if text.split()[-1:] == [option]:
            raise UsageError(f"{option} needs a value")
        return text, None
    return rest.strip(), expression.strip()


def _one_or_two(text: str) -> list[str]:
    """Give the expression, or the two that a blank parts."""
    if _is_expression(text):
        return [text]
    for place in range(len(text) - 1, 0, -1):
        parts = [text[:place].strip(), text[place:].strip()]
        if text[place] == " " and all(map(_is_expression, parts)):
            return parts
    return list(_last_word(text)) if " " in text else [text]


def _is_expression(text: str) -> bool:
    try:
        compile(text, "<%autotune>", "eval")
    except (SyntaxError, ValueError):
        return False
    return True
