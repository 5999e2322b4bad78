"""``%autotune``: reads a command line and passes the command on to the session."""

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
%autotune login [URL]                     log in, with the environment's credentials or by typing them
%autotune new NAME COVARIATES [options]   create an experiment; COVARIATES is a dict that describes the inputs
          --minimize  --responses DICT  --constraint "a + 2*b <= 1" (may be repeated)  --stop DICT
          --seed N  --description TEXT  --engine NAME  --model-type NAME  --acq-func NAME
%autotune list                            list your experiments, newest first
%autotune use UUID_OR_NAME                choose one of your experiments
%autotune panel                           show a live picture of the experiment
%autotune ask [--fixed DICT]              show what to try next; DICT sets the values of some covariates
%autotune tell RESPONSE [CONFIGURATION] [--sd SD]
                                          report the result of a run: a number, or a dict of several responses
%autotune fail [CONFIGURATION]            report that a run failed and gave no result
%autotune skip [REASON]                   give up the suggestion because it will not be run; REASON is text
%autotune run FUNCTION N [--fixed DICT]   N times: ask, call FUNCTION(configuration), tell its result
%autotune load FILE_OR_VARIABLE           report earlier runs: a CSV file, a DataFrame or a list of dicts
%autotune best                            show the best observation so far
%autotune history                         show all observations as a table
%autotune predict CONFIGURATIONS          show the predicted responses of one or more configurations
%autotune insights                        show which covariates matter, how well the model predicts, and response curves
%autotune edit COVARIATES [--constraint TEXT] [--backfill DICT]
                                          change the covariates, for example {"minutes": {"max": 60}};
                                          --backfill: the values of new covariates in earlier runs
%autotune resume [STOP]                   continue after a stop; STOP is a dict of new stop rules, or None for none

`login` reads AUTOTUNE_URL, and AUTOTUNE_TOKEN or AUTOTUNE_USERNAME and AUTOTUNE_PASSWORD, from the environment.
`tell` and `fail` are about the suggestion of the last `ask`, unless CONFIGURATION, a dict with a value for each
covariate, says what was run instead.

COVARIATES, CONFIGURATION, RESPONSE, DICT, STOP and N may be variables or Python expressions of this notebook. Put
quotes around a dict that is written out after `new` or `edit`. Examples:
    COVARIATES   {"minutes": {"vtype": "int", "guess": 30, "min": 20, "max": 50}}; vtype is int, cont or cat
    --responses  {"yield": "maximize", "impurity": "<= 5"}
    --stop       {"budget": 30}
"""
_RELATIONS = ("<", ">", "=", "\N{LESS-THAN OR EQUAL TO}", "\N{GREATER-THAN OR EQUAL TO}")


@magics_class
class AutotuneMagics(Magics):  # type: ignore[misc] # IPython is not a dependency of the client, so it has no types here
    """The ``%autotune`` magic and its session; each shell has one."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        # sys.stdout is looked up for each text, because %%capture replaces it.
        self.session = Session(say=lambda text: sys.stdout.write(text))
        self._commands: dict[str, Callable[[str], Any]] = {
            "login": lambda rest: self.session.login(rest or None),
            "new": self._new,
            "list": self._without_arguments(self.session.list),
            "use": self._use,
            "panel": self._without_arguments(lambda: self.session.panel().show()),
            "ask": self._ask,
            "tell": self._tell,
            "fail": lambda rest: self.session.fail(self._evaluated(rest) if rest else None),
            "skip": lambda rest: self.session.skip(rest.strip("\"'")),
            "run": self._run,
            "load": self._load,
            "best": self._without_arguments(self.session.best),
            "history": self._without_arguments(self.session.history),
            "predict": self._predict,
            "insights": self._without_arguments(self.session.insights),
            "edit": self._edit,
            "resume": lambda rest: self.session.resume(*([self._evaluated(rest)] if rest else [])),
        }

    @no_var_expand  # type: ignore[untyped-decorator] # as above
    @line_magic  # type: ignore[untyped-decorator] # as above
    def autotune(self, line: str) -> Any:
        """Run one AutoTune command; ``%autotune help`` lists all of them."""
        command, _, rest = line.strip().partition(" ")
        if command in {"", "help"}:
            sys.stdout.write(USAGE)
            return None
        if command not in self._commands:
            raise UsageError(f"there is no command {command!r}; the commands are {', '.join(self._commands)}")
        try:
            return self._commands[command](rest.strip())
        except InvalidInputError as error:
            raise UsageError("\n".join([str(error), *notes_of(error)])) from None

    def _new(self, rest: str) -> Any:
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
        given = parser.parse_args(arg_split(rest, posix=True))
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
        parser = MagicArgumentParser("%autotune edit")
        parser.add_argument("covariates")
        parser.add_argument("--constraint", action="append")
        parser.add_argument("--backfill")
        given = parser.parse_args(arg_split(rest, posix=True))
        covars = self._dict(given.covariates, "covariates")
        backfill = None if given.backfill is None else self._dict(given.backfill, "values")
        constraints = None if given.constraint is None else self._constraints(given.constraint)
        return self.session.edit(covars, constraints=constraints, backfill=backfill)

    def _use(self, rest: str) -> Any:
        if not rest:
            raise UsageError("the experiment is missing: %autotune use UUID_OR_NAME")
        return self.session.use(rest.strip("\"'"))

    def _ask(self, rest: str) -> Any:
        left, fixed = _split_option(rest, "--fixed")
        if left:
            raise UsageError(f"{left!r} is not expected here: %autotune ask [--fixed DICT]")
        return self.session.ask(None if fixed is None else self._dict(fixed, "values"))

    def _tell(self, rest: str) -> Any:
        left, sd = _split_option(rest, "--sd")
        if not left:
            raise UsageError("the response is missing: %autotune tell RESPONSE [CONFIGURATION] [--sd SD]")
        response, *others = [self._evaluated(expression) for expression in _split_expressions(left)]
        deviation = None if sd is None else self._evaluated(sd)
        return self.session.tell(response, others[0] if others else None, deviation)

    def _run(self, rest: str) -> Any:
        left, fixed = _split_option(rest, "--fixed")
        name, n = _last_word(left)
        if not name:
            raise UsageError("the function or the number of runs is missing: %autotune run FUNCTION N [--fixed DICT]")
        function, times = self._evaluated(name), self._evaluated(n)
        if not callable(function):
            raise UsageError(f"{name} is not a function")
        if isinstance(times, bool) or not isinstance(times, int):
            raise UsageError(f"N, the number of runs, must be a whole number, not {n}")
        return self.session.run(function, times, None if fixed is None else self._dict(fixed, "values"))

    def _load(self, rest: str) -> Any:
        if not rest:
            raise UsageError("the runs are missing: %autotune load FILE_OR_VARIABLE")
        name = rest.strip("\"'")
        if not (rest.isidentifier() and self._is_known(rest)) and Path(name).is_file():
            return self.session.load(Path(name))
        first = re.match(r"\w+", rest)
        if rest[0] not in "[(" and (first is None or not self._is_known(first[0])):
            raise UsageError(f"there is no file {name!r}, and no variable of that name in this notebook")
        return self.session.load(self._evaluated(rest))

    def _predict(self, rest: str) -> Any:
        if not rest:
            raise UsageError("the configurations are missing: %autotune predict CONFIGURATIONS")
        return self.session.predict(self._evaluated(rest))

    def _constraints(self, texts: list[str]) -> list[Any]:
        constraints: list[Any] = []
        for text in texts:
            is_text = any(relation in text for relation in _RELATIONS) and not text.lstrip().startswith(("{", "["))
            found = text if is_text else self._evaluated(text)
            constraints += found if isinstance(found, list) else [found]
        return constraints

    def _dict(self, expression: str, contents: str) -> dict[Any, Any]:
        found = self._evaluated(expression)
        if not isinstance(found, dict):
            raise UsageError(f"{expression} is not a dict of {contents}")
        return found

    def _evaluated(self, expression: str) -> Any:
        if not _is_expression(expression):
            raise UsageError(f"{expression!r} is not a Python expression")
        if expression.isidentifier() and not self._is_known(expression):
            raise UsageError(f"there is no variable {expression!r} in this notebook")
        return self.shell.ev(expression)

    def _is_known(self, name: str) -> bool:
        return iskeyword(name) or name in self.shell.user_ns or hasattr(builtins, name)

    def _without_arguments(self, command: Callable[[], Any]) -> Callable[[str], Any]:
        def run_command(rest: str) -> Any:
            if rest:
                raise UsageError(f"{rest!r} is not expected here: this command takes no arguments")
            return command()

        return run_command


def _last_word(text: str) -> tuple[str, str]:
    rest, _, word = text.strip().rpartition(" ")
    return rest.strip(), word


def _split_option(text: str, option: str) -> tuple[str, str | None]:
    """Split a text into the part before an option and the option's expression; None where the text lacks the option."""
    rest, found, expression = f" {text}".partition(f" {option} ")
    if not found:
        if text.split()[-1:] == [option]:
            raise UsageError(f"{option} needs a value")
        return text, None
    return rest.strip(), expression.strip()


def _split_expressions(text: str) -> list[str]:
    """Split a text at a blank into two Python expressions, unless the whole text is one expression."""
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
