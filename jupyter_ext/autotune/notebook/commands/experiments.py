"""The commands that make, choose and change an experiment."""

import ast
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from autotune.errors import InvalidInputError
from autotune.experiment import Experiment
from autotune.inputs.covariate_text import covariate_of_text, guess_of_text
from autotune.inputs.descriptions import response_of_text
from autotune.inputs.frames import is_frame
from autotune.inputs.linear_text import AT_LEAST, AT_MOST
from autotune.notebook.command import Call, Command
from autotune.notebook.commands.lists import table_of
from autotune.notebook.expressions import is_expression
from autotune.notebook.line import Option, unquoted, without_comment

_RELATIONS = ("<", ">", "=", *AT_MOST, *AT_LEAST)
_CONSTRAINT = Option(
    "--constraint", "rest", "TEXT", 'a rule such as "a + 2*b <= 1" that every suggestion meets', is_repeated=True
)
_CHOICES = ("engine", "model_type", "acq_func")


def _login(call: Call) -> Any:
    return call.session.login(call.python.text(call.left) or None)


def _new(call: Call) -> Any:
    name, *others = call.words(2) or [""]
    if not name:
        raise call.missing("the name")
    covars = _covars(call, others)
    options: dict[str, Any] = {option: call.text(f"--{option.replace('_', '-')}") for option in _CHOICES}
    options |= {"description": call.text("--description"), "seed": call.count("--seed", "the seed")}
    options["responses"] = _responses(call)
    options["stop"] = call.mapping("--stop", "stop rules")
    options["early_stop"] = _early_stop(call)
    options["guess"] = _guess(call)
    options["learn_from"] = _learn_from(call)
    rows = call.option("--candidates")
    options["candidates"] = None if rows is None else table_of(call, rows)
    if call.has("--minimize"):
        options["direction"] = "minimize"
    given = {option: value for option, value in options.items() if value is not None}
    made = call.session.new(call.python.text(name), covars, constraints=_constraints(call), **given)
    if is_frame(covars):
        table = others[0] if others else "TABLE"
        call.session.say(f"made of {len(covars)} runs, each covariate over its own range; `%autotune edit` widens it\n")
        call.session.say(f"to tell these runs: %autotune load {table}\n")
    return made


def _covars(call: Call, written: list[str]) -> Any:
    """Return the covariates: an expression of the notebook, or those of ``--x`` and of the lines of the cell."""
    lines = [*call.texts("--x"), *(line for line in map(without_comment, (call.body or "").splitlines()) if line)]
    if written and lines:
        raise UsageError(f"the covariates are given twice, by {written[0]} and by --x\ngive them once")
    if written:
        return call.python.value(unquoted(written[0]))
    if not lines and not call.has("--descriptors"):
        raise call.missing("COVARIATES or --x")
    covars: dict[str, str | None] = {}
    has_columns = call.has("--candidates")
    for line in lines:
        name, colon, text = line.partition(":")
        if has_columns and not colon and name.strip() not in covars:
            covars[name.strip()] = None  # its column describes it
            continue
        if not (colon and name.strip()):
            raise UsageError(f"{line!r} is no covariate\nwrite its name, a colon and its values, as in t: 40..120 int")
        if name.strip() in covars:
            raise UsageError(f"the covariate {name.strip()!r} is given twice\ngive it once")
        covars[name.strip()] = text.strip()
    return _with_descriptors(call, covars)


def _with_descriptors(call: Call, covars: dict[str, str | None]) -> dict[str, Any]:
    """Add the tables of ``--descriptors``; a covariate that was not described has the options of its table."""
    described: dict[str, Any] = dict(covars)
    for line in map(unquoted, call.line.values("--descriptors")):
        name, _, table = (part.strip() for part in line.partition(":"))
        if not table:
            raise UsageError(f"{line!r} is no table of options\nwrite the covariate, a colon and a table, as in s: df")
        written = covars.get(name)
        own = {"vtype": "cat"} if written is None else _covariate_of(name, written)
        is_file = Path(table).expanduser().is_file()
        described[name] = own | {"descriptors": table if is_file else call.python.value(table)}
    return described


def _covariate_of(name: str, text: str) -> dict[str, Any]:
    try:
        return covariate_of_text(text)
    except ValueError as error:
        raise InvalidInputError(f"{name}: {error}") from None


def _responses(call: Call) -> dict[str, Any] | None:
    responses = dict(call.mapping("--responses", "responses") or {})
    for option, written in call.line.given:
        if option in {"--max", "--min"}:
            responses[call.python.text(written)] = "maximize" if option == "--max" else "minimize"
        elif option == "--response":
            responses |= [response_of_text(call.python.text(written))]
    if call.has("--minimize") and responses:
        raise UsageError("--minimize is for a single response without a name\nleave it out, and name each with --min")
    return responses or None


def _learn_from(call: Call) -> list[Any] | None:
    """Return the earlier experiments that are named: each a variable of the notebook, a name or a uuid."""
    found = [_experiment(call, written) for written in call.line.values("--learn-from")]
    return found or None


def _experiment(call: Call, written: str) -> Any:
    text = unquoted(written)
    if text.isidentifier() and call.python.knows(text) and isinstance(given := call.python.value(text), Experiment):
        return given
    return call.session.found(call.python.text(written))


def _guess(call: Call) -> dict[str, Any] | None:
    written = call.option("--guess")
    if written is None:
        return None
    if "=" not in written or unquoted(written).startswith("{"):
        return call.mapping("--guess", "values")
    try:
        return guess_of_text(call.python.text(written))
    except ValueError as error:
        raise InvalidInputError(f"--guess: {error}") from None


def _early_stop(call: Call) -> Any:
    """Return the rule that stops runs early: a name, or a dict."""
    written = call.option("--early-stop")
    if written is None or not unquoted(written).startswith("{"):
        return call.text("--early-stop")
    return call.mapping("--early-stop", "options of the rule")


def _edit(call: Call) -> Any:
    written = call.words(1)
    if not written and not call.has("--x"):
        raise call.missing("COVARIATES or --x")
    covars = _covars(call, written) if call.has("--x") else call.python.mapping(written[0], "covariates")
    constraints = _constraints(call) if call.has("--constraint") else None
    return call.session.edit(covars, constraints=constraints, backfill=call.mapping("--backfill", "values"))


def _constraints(call: Call) -> list[Any]:
    constraints: list[Any] = []
    for written in call.line.values("--constraint"):
        text = unquoted(written)
        found = call.python.text(text) if _is_constraint(text) else call.python.value(text)
        constraints += found if isinstance(found, list) else [found]
    return constraints


def _is_constraint(text: str) -> bool:
    """Return whether a text is a constraint that is written out, and not an expression that makes a dict or a list."""
    if not any(relation in text for relation in _RELATIONS):
        return False
    # A name such as "A, B" makes a tuple of what is written.
    return not is_expression(text) or isinstance(ast.parse(text.strip(), mode="eval").body, ast.Compare | ast.Tuple)


def _list(call: Call) -> Any:
    call.nothing()
    return call.session.list()


def _use(call: Call) -> Any:
    return call.session.use(call.python.text(call.required("the experiment")))


def _resume(call: Call) -> Any:
    return call.session.experiment.resume(*([call.python.value(call.left)] if call.left else []))


def _pause(call: Call) -> Any:
    return call.session.experiment.pause(call.python.text(call.left) if call.left else None)


def _close(call: Call) -> None:
    call.nothing()
    call.session.close_experiment()


def _reopen(call: Call) -> Any:
    call.nothing()
    return call.session.experiment.reopen()


def _rename(call: Call) -> Any:
    return call.session.experiment.rename(call.python.text(call.required("the new name")))


def _delete(call: Call) -> None:
    if not call.left and not call.has("--yes"):
        name = call.session.experiment.state().name
        raise UsageError(
            f"this deletes {name!r} and all its observations for good\n"
            f'confirm it by the name, %autotune delete "{name}", or by %autotune delete --yes'
        )
    call.session.delete(call.python.text(call.left) if call.left else None)


_NEW = """\
A covariate is described by one line, after --x or each on a line of its own
below %%autotune new NAME:
  t: 40..120 int step 5 °C      a range of whole numbers; the rest is the unit
  lr: 1e-5..1e-1 log            a range of real numbers; ratios matter
  base: K2CO3|K3PO4|Et3N        options; low|mid|high ordered for a scale
  humidity: 20..70 % context    known when asking, and not chosen
TABLE has a row for each option and a column for each descriptor: a DataFrame,
a CSV file, or a dict such as {"KOH": {"pKb": 0.5}, "NaOH": {"pKb": 0.2}}.
The TABLE of --candidates is a DataFrame, a list of dicts or a CSV file. There
--x NAME alone describes a covariate by its column, and what is no covariate
is shown with each suggestion:
  %autotune new plate --candidates df --x solvent --x "t: 40..120 °C"
COVARIATES is a dict of such texts or of dicts, such as
  {"t": {"vtype": "int", "guess": 80, "min": 40, "max": 120}}
or param_distributions of scikit-learn, Optuna's distributions, or a DataFrame
of past runs, whose columns become the covariates.

  %autotune new Suzuki --max yield --x "t: 40..120 int °C" --x "base: KOH|NaOH"
  %autotune new Lab space --responses {"yield": "maximize", "cost": "<= 5"}
  %autotune new Lab space --constraint "a + 2*b <= 1" --stop {"budget": 30}
"""

COMMANDS = (
    Command(
        "login",
        "[URL]",
        "log in, by the environment or by typing",
        _login,
        more="Reads AUTOTUNE_URL, and AUTOTUNE_TOKEN or AUTOTUNE_USERNAME and\n"
        "AUTOTUNE_PASSWORD, from the environment.\n",
    ),
    Command(
        "new",
        "NAME [COVARIATES] [options]",
        "create an experiment and use it",
        _new,
        (
            Option("--x", "rest", '"NAME: VALUES"', "a covariate, as below", is_repeated=True),
            Option("--descriptors", "rest", '"NAME: TABLE"', "numbers known of options, as below", is_repeated=True),
            Option("--max", "word", "RESPONSE", "a response to maximize", is_repeated=True),
            Option("--min", "word", "RESPONSE", "a response to minimize", is_repeated=True),
            Option("--response", "rest", "TEXT", 'one with a bound or target: "cost <= 5", "pH = 7"', is_repeated=True),
            Option("--responses", "rest", "DICT", "all responses, as a dict"),
            Option("--minimize", "nothing", "", "a lower response is better"),
            Option("--guess", "rest", "VALUES", 'what to try first: "t=80, base=KOH" or a dict'),
            Option("--candidates", "rest", "TABLE", "suggest rows of this table alone, as below"),
            _CONSTRAINT,
            Option("--stop", "rest", "DICT", 'when to stop: {"budget": 30}'),
            Option("--learn-from", "rest", "NAME", "an earlier experiment to learn from", is_repeated=True),
            Option("--early-stop", "rest", "RULE", "stops runs that report: median, successive_halving or a dict"),
            Option("--seed", "word", "N", "makes the suggestions repeatable"),
            Option("--description", "rest", "TEXT", "a text for people"),
            Option("--engine", "word", "NAME", "the engine", choices=("autotune", "greattunes")),
            Option("--model-type", "word", "NAME", "the surrogate model"),
            Option("--acq-func", "word", "NAME", "the acquisition function"),
        ),
        _NEW,
        "variable",
    ),
    Command("list", "", "list your experiments, newest first", _list),
    Command("use", "UUID_OR_NAME", "choose one of your experiments", _use, completes="experiment"),
    Command(
        "edit",
        "[COVARIATES] [options]",
        "change the covariates",
        _edit,
        (
            Option("--x", "rest", '"NAME: VALUES"', "a covariate, as for new", is_repeated=True),
            _CONSTRAINT,
            Option("--backfill", "rest", "DICT", "the values of new covariates in earlier runs"),
        ),
        "COVARIATES holds what changes: %autotune edit {'minutes': {'max': 60}}\n",
        "variable",
    ),
    Command(
        "pause",
        "[REASON]",
        "suggest nothing more for now",
        _pause,
        more="Results are still taken, also of suggestions that somebody holds.\n",
    ),
    Command(
        "resume",
        "[STOP]",
        "go on after a pause or a stop rule",
        _resume,
        more="STOP is a dict of new stop rules, or None for none.\n",
        completes="variable",
    ),
    Command("close", "", "end the experiment in use; nothing is lost", _close),
    Command("reopen", "", "go on after the experiment was closed", _reopen),
    Command("rename", "NAME", "give the experiment another name", _rename),
    Command(
        "delete",
        "NAME",
        "delete the experiment in use for good",
        _delete,
        (Option("--yes", "nothing", "", "confirms it in place of the name"),),
        "NAME confirms that it is the experiment in use that is meant.\n",
        "experiment",
    ),
)
