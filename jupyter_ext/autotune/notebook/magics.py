"""``%autotune``: reads a command line and passes the command on to the session."""

import ast
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
from autotune.inputs.linear_text import AT_LEAST, AT_MOST
from autotune.inputs.typed import typed_number
from autotune.notebook.session import Session

USAGE = """\
%autotune login [URL]                     log in, with the environment's credentials or by typing them
%autotune new NAME COVARIATES [options]   create an experiment; COVARIATES is a dict that describes the inputs
          --minimize  --responses DICT  --constraint "a + 2*b <= 1" (may be repeated)  --stop DICT
          --seed N  --description TEXT  --engine NAME  --model-type NAME  --acq-func NAME
%autotune list                            list your experiments, newest first
%autotune use UUID_OR_NAME                choose one of your experiments
%autotune panel                           show a live picture of the experiment
%autotune ask [N] [--fixed DICT]          show what to try next; DICT sets the values of some covariates;
                                          N: take N suggestions, which nobody else gets for a day
%autotune tell RESPONSE [CONFIGURATION] [--sd SD] [--of NUMBER]
                                          report the result of a run: a number, or a dict of several responses
%autotune fail [CONFIGURATION] [--of NUMBER]
                                          report that a run failed and gave no result
%autotune skip [REASON] [--of NUMBER]     give up the suggestion because it will not be run; REASON is text
%autotune undo [N]                        take back what you told last, or the last N observations that you told
%autotune correct ID RESPONSE [CONFIGURATION] [--sd SD] [--reason REASON]
                                          correct an observation; RESPONSE may be the word failed
%autotune exclude ID [REASON]             leave an observation out of the model and of the best
%autotune restore ID [REASON]             make an excluded observation count again
%autotune run FUNCTION N [--fixed DICT]   N times: ask, call FUNCTION(configuration), tell its result
%autotune load FILE_OR_VARIABLE [--ignore COLUMN ...] [--decimal SIGN] [--again]
                                          report earlier runs: a CSV file, a DataFrame or a list of dicts;
                                          --ignore: columns that are not the experiment's, else they are named;
                                          --decimal: point or comma, if the numbers do not show which is meant;
                                          --again: also tell runs that the experiment has already, as repeats
%autotune best                            show the best observation so far; with several objectives the Pareto front,
                                          with contexts also the best predicted run in each context
%autotune history                         show all observations as a table, each with its ID
%autotune predict CONFIGURATIONS          show the predicted responses of one or more configurations, and which of these
                                          configurations are not allowed
%autotune insights                        show what was found, what could be better, which covariates matter, how well
                                          the model predicts, and response curves
%autotune edit COVARIATES [--constraint TEXT] [--backfill DICT]
                                          change the covariates, for example {"minutes": {"max": 60}};
                                          --backfill: the values of new covariates in earlier runs
%autotune resume [STOP]                   continue after a stop; STOP is a dict of new stop rules, or None for none
%autotune reopen                          continue after the experiment was closed or has stopped
%autotune rename NAME                     give the experiment another name
%autotune delete NAME                     delete the experiment in use for good; NAME, or --yes, confirms it

`login` reads AUTOTUNE_URL, and AUTOTUNE_TOKEN or AUTOTUNE_USERNAME and AUTOTUNE_PASSWORD, from the environment.
`tell` and `fail` are about the suggestion of the last `ask`, unless CONFIGURATION, a dict with a value for each
covariate, says what was run instead. After `ask N` they are about the first of the N suggestions that waits, or the
one that --of names. ID is a number in the column id of `history`.

COVARIATES, CONFIGURATION, RESPONSE, DICT, STOP and N may be variables or Python expressions of this notebook. Put
quotes around a dict that is written out after `new` or `edit`. Examples:
    COVARIATES   {"minutes": {"vtype": "int", "guess": 30, "min": 20, "max": 50}}; vtype is int, cont or cat
    --responses  {"yield": "maximize", "impurity": "<= 5"}
    --stop       {"budget": 30}
"""
_NO_REASON = "no reason given"
_RELATIONS = ("<", ">", "=", *AT_MOST, *AT_LEAST)


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
            "fail": self._fail,
            "skip": self._skip,
            "undo": lambda rest: self.session.undo(*([self._evaluated(rest)] if rest else [])),
            "correct": self._correct,
            "exclude": lambda rest: self.session.exclude(*_id_and_reason("exclude", rest)),
            "restore": lambda rest: self.session.restore(*_id_and_reason("restore", rest)),
            "run": self._run,
            "load": self._load,
            "best": self._without_arguments(self.session.best),
            "history": self._without_arguments(self.session.history),
            "predict": self._predict,
            "insights": self._without_arguments(self.session.insights),
            "edit": self._edit,
            "resume": lambda rest: self.session.resume(*([self._evaluated(rest)] if rest else [])),
            "reopen": self._without_arguments(self.session.reopen),
            "rename": self._rename,
            "delete": self._delete,
        }

    @no_var_expand  # type: ignore[untyped-decorator] # as above
    @line_magic  # type: ignore[untyped-decorator] # as above
    def autotune(self, line: str) -> Any:
        """Run one AutoTune command; ``%autotune help`` lists all of them."""
        command, _, rest = _without_comment(line).partition(" ")
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
        given = parser.parse_args(_words(rest))
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
        given = parser.parse_args(_words(rest))
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
        n = None if not left else self._evaluated(left)
        return self.session.ask(None if fixed is None else self._dict(fixed, "values"), n)

    def _tell(self, rest: str) -> Any:
        left, of = _split_number(rest)
        return self.session.tell(*self._measured(left, "tell RESPONSE [CONFIGURATION] [--sd SD] [--of NUMBER]"), of)

    def _fail(self, rest: str) -> Any:
        left, of = _split_number(rest)
        return self.session.fail(self._evaluated(left) if left else None, of)

    def _skip(self, rest: str) -> Any:
        left, of = _split_number(rest)
        return self.session.skip(left.strip("\"'"), of)

    def _correct(self, rest: str) -> Any:
        usage = "correct ID RESPONSE [CONFIGURATION] [--sd SD] [--reason REASON]"
        observation_id, left = _split_id(rest, usage)
        left, reason = _split_option(left, "--reason")
        told = (reason or _NO_REASON).strip("\"'")
        if left == "failed":
            return self.session.correct(observation_id, told, failed=True)
        response, configuration, sd = self._measured(left, usage)
        return self.session.correct(observation_id, told, response=response, covars=configuration, sd=sd)

    def _measured(self, text: str, usage: str) -> tuple[Any, Any, Any]:
        """Read a response, the configuration after it and the standard deviation; None for what is not given."""
        left, sd = _split_option(text, "--sd")
        if not left:
            raise UsageError(f"the response is missing: %autotune {usage}")
        word, _, rest = left.partition(" ")
        if typed_number(word) is None:
            response, *others = _split_expressions(left)
        else:
            response, others = word, [rest.strip()] if rest.strip() else []
        configuration = self._evaluated(others[0]) if others else None
        return self._number(response), configuration, None if sd is None else self._number(sd)

    def _rename(self, rest: str) -> Any:
        if not rest:
            raise UsageError("the new name is missing: %autotune rename NAME")
        return self.session.rename(rest.strip("\"'"))

    def _delete(self, rest: str) -> None:
        if not rest:
            name = self.session.experiment.state().name
            raise UsageError(
                f"this deletes {name!r} and all its observations for good: confirm it by the name, "
                f'%autotune delete "{name}", or by %autotune delete --yes'
            )
        self.session.delete(None if rest == "--yes" else rest.strip("\"'"))

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
        place = re.search(r"(?:^|\s)--(?:ignore|decimal|again)\b", rest)
        runs = rest if place is None else rest[: place.start()].strip()
        if not runs:
            raise UsageError(
                "the runs are missing: %autotune load FILE_OR_VARIABLE [--ignore COLUMN ...] [--decimal SIGN] [--again]"
            )
        parser = MagicArgumentParser("%autotune load")
        parser.add_argument("--ignore", nargs="+", action="extend", default=[])
        parser.add_argument("--decimal", choices=[".", ","])
        parser.add_argument("--again", action="store_true")
        options = vars(parser.parse_args([] if place is None else arg_split(rest[place.start() :], posix=True)))
        name = runs.strip("\"'")
        if not (runs.isidentifier() and self._is_known(runs)) and Path(name).is_file():
            return self.session.load(Path(name), **options)
        first = re.match(r"\w+", runs)
        if runs[0] not in "[(" and (first is None or not self._is_known(first[0])):
            raise UsageError(f"there is no file {name!r}, and no variable of that name in this notebook")
        return self.session.load(self._evaluated(runs), **options)

    def _predict(self, rest: str) -> Any:
        if not rest:
            raise UsageError("the configurations are missing: %autotune predict CONFIGURATIONS")
        return self.session.predict(self._evaluated(rest))

    def _constraints(self, texts: list[str]) -> list[Any]:
        constraints: list[Any] = []
        for text in texts:
            found = text if _is_constraint(text) else self._evaluated(text)
            constraints += found if isinstance(found, list) else [found]
        return constraints

    def _dict(self, expression: str, contents: str) -> dict[Any, Any]:
        found = self._evaluated(expression)
        if not isinstance(found, dict):
            raise UsageError(f"{expression} is not a dict of {contents}")
        return found

    def _number(self, expression: str) -> Any:
        number = typed_number(expression)
        return self._evaluated(expression) if number is None else number

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


def _without_comment(line: str) -> str:
    """Return a line without the comment at its end: from a ``#`` between blanks that is not in quotes."""
    for found in re.finditer(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?<!\S)#(?!\S)""", line):
        if found[0] == "#":
            return line[: found.start()].strip()
    return line.strip()


def _words(text: str) -> list[str]:
    """Split a command line into its words, without the quotes around them."""
    # A dict without quotes around it would lose the quotes that it holds.
    for found in re.finditer(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?<!\S)[{\[][^\s"']*["']""", text):
        if found[0][0] in "{[":
            raise UsageError(
                "put quotes around a dict or list that is written out, as in "
                """%autotune edit '{"minutes": {"max": 60}}'"""
            )
    words: list[str] = arg_split(text, posix=True)
    return words


def _split_number(text: str) -> tuple[str, int | None]:
    """Split a text into the part without ``--of`` and the number that follows it; None where the text lacks it."""
    found = re.search(r"(?:^|\s)--of(?:(?:\s+|=)(\S*)|$)", text)
    if found is None:
        return text, None
    if not (found[1] or "").isdecimal():
        raise UsageError("--of needs the number of a suggestion that `%autotune ask N` showed")
    return f"{text[: found.start()]}{text[found.end() :]}".strip(), int(found[1])


def _split_id(text: str, usage: str) -> tuple[int, str]:
    """Split a text into the id of an observation and what follows it."""
    word, _, rest = text.partition(" ")
    if not word:
        raise UsageError(f"the id is missing: %autotune {usage}; `%autotune history` shows the ids")
    if not word.isdecimal():
        raise UsageError(f"{word!r} is not the id of an observation; `%autotune history` shows the ids")
    return int(word), rest.strip()


def _id_and_reason(command: str, text: str) -> tuple[int, str]:
    observation_id, reason = _split_id(text, f"{command} ID [REASON]")
    return observation_id, reason.strip("\"'") or _NO_REASON


def _last_word(text: str) -> tuple[str, str]:
    rest, _, word = text.strip().rpartition(" ")
    return rest.strip(), word


def _split_option(text: str, option: str) -> tuple[str, str | None]:
    """Split a text into the part before an option and the option's expression; None where the text lacks the option."""
    found = re.search(rf"(?:^|\s){option}(?:\s+|=|$)", text)
    if found is None:
        return text, None
    expression = text[found.end() :].strip()
    if not expression:
        raise UsageError(f"{option} needs a value")
    return text[: found.start()].strip(), expression


def _split_expressions(text: str) -> list[str]:
    """Split a text at a blank into two Python expressions, unless the whole text is one expression."""
    if _is_expression(text):
        return [text]
    for place in range(len(text) - 1, 0, -1):
        parts = [text[:place].strip(), text[place:].strip()]
        if text[place] == " " and all(map(_is_expression, parts)):
            return parts
    return list(_last_word(text)) if " " in text else [text]


def _is_constraint(text: str) -> bool:
    """Return whether a text is a constraint that is written out, and not an expression that makes a dict or a list."""
    if not any(relation in text for relation in _RELATIONS):
        return False
    # A name such as "A, B" makes a tuple of what is written.
    return not _is_expression(text) or isinstance(ast.parse(text.strip(), mode="eval").body, ast.Compare | ast.Tuple)


def _is_expression(text: str) -> bool:
    try:
        compile(text, "<%autotune>", "eval")
    except (SyntaxError, ValueError):
        return False
    return True
