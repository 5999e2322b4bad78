"""The commands about many runs at once: run a function or a cell, load runs, save them."""

import re
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from autotune.notebook.body import Body, OwnFunction
from autotune.notebook.command import Call, Command
from autotune.notebook.commands.rounds import FIXED
from autotune.notebook.line import Option, unquoted, words
from autotune.notebook.near import did_you_mean

_N = Option("-n", "word", "N", "how many runs")
_MORE = """\
FUNCTION takes a configuration, a dict with a value for each covariate, and
returns the response. A cell does the same: its body sees each covariate by
its name (and all of them as `configuration`), and its last line is the
response. Names that the body sets stay inside it.

  %%autotune run -n 20 --parallel 4
  model = train(lr, depth)
  model.score(X, y)

An interrupt keeps what was told; the same cell, run again, goes on with the
runs that were left. --parallel runs in threads of this notebook: several
runs go on at once where they wait or compute outside Python.
"""


def _run(call: Call) -> Any:
    function, n = _from_cell(call) if call.body is not None else _from_line(call)
    return call.session.run(
        function,
        n,
        fixed=call.mapping("--fixed", "values"),
        n_parallel=call.count("--parallel", "the number of runs at the same time"),
        patience=call.count("--patience", "the number of runs to wait for a better one"),
        tells_failures=call.text("--on-error") == "fail",
    )


def _from_cell(call: Call) -> tuple[Any, int]:
    if call.left:
        raise UsageError(f"{call.left!r} is not expected here: the body of the cell is what runs\n{call.help()}")
    n = call.count("-n", "the number of runs")
    if n is None:
        raise call.missing("-n, the number of runs,")
    return Body(call.shell, call.body or "", call.session.experiment.covars), n


def _from_line(call: Call) -> tuple[Any, int]:
    written = call.option("-n")
    name = call.left
    if written is None:
        name, _, written = call.left.rpartition(" ")
    if not name or not written:
        raise call.missing("the function or the number of runs")
    function = call.python.value(unquoted(name))
    if not callable(function):
        raise UsageError(
            f"{name} is not a function\ngive a function of a configuration, or run a cell: %%autotune run -n N"
        )
    return OwnFunction(call.shell, function, unquoted(name)), call.whole(written, "N, the number of runs,")


def _load(call: Call) -> None:
    runs = call.required("what to load")
    options: dict[str, Any] = {
        "ignore": [call.python.text(word) for value in call.line.values("--ignore") for word in words(value)],
        "decimal": call.text("--decimal"),
        "again": call.has("--again"),
    }
    is_variable = runs.isidentifier() and call.python.knows(runs)
    name = runs if is_variable else _file_name(call, runs)
    if not is_variable and name is not None and Path(name).expanduser().is_file():
        return call.session.load(Path(name).expanduser(), **options)
    first = re.match(r"\w+", runs.lstrip("${"))
    if runs[0] not in "[(" and (first is None or not call.python.knows(first[0])):
        near = did_you_mean(unquoted(runs), [*_tables(), *call.python.variables()], "`")
        raise UsageError(
            f"there is no file {unquoted(runs)!r}, and no variable of that name in this notebook{near}\n"
            "give a CSV file, a DataFrame or a list of dicts"
        )
    return call.session.load(call.python.value(runs), **options)


def _file_name(call: Call, written: str) -> str | None:
    try:
        return call.python.text(written)
    except UsageError:
        return None  # braces of a list of dicts


def _tables() -> list[str]:
    """List the tables in the current folder."""
    return sorted(path.name for path in Path().iterdir() if path.suffix in {".csv", ".tsv", ".txt"})


def _export(call: Call) -> None:
    path = Path(call.python.text(call.required("the file"))).expanduser()
    call.session.export(path, replace=call.has("--replace"))


COMMANDS = (
    Command(
        "run",
        "FUNCTION N [options]",
        "N times: ask, run FUNCTION, tell",
        _run,
        (
            _N,
            FIXED,
            Option("--parallel", "word", "K", "K runs at the same time, in threads"),
            Option("--patience", "word", "K", "stop when K runs in a row brought nothing better"),
            Option(
                "--on-error",
                "word",
                "stop|fail",
                "stop at an error (the default), or tell the run as failed",
                choices=("stop", "fail"),
            ),
        ),
        _MORE,
        "variable",
    ),
    Command(
        "load",
        "FILE_OR_VARIABLE [options]",
        "tell earlier runs: a file, a DataFrame",
        _load,
        (
            Option("--ignore", "words", "COLUMN ...", "columns that are not the experiment's", is_repeated=True),
            Option("--decimal", "word", "SIGN", "point or comma, if it must be said", choices=(".", ",")),
            Option("--again", "nothing", "", "also tell runs that are known already, as repeats"),
        ),
        completes="file",
    ),
    Command(
        "export",
        "FILE",
        "save the runs (.csv) or all (.json)",
        _export,
        (Option("--replace", "nothing", "", "replaces a file that exists"),),
        "A .csv holds the table of `%autotune history`, which `load` reads. A .json\n"
        "holds the whole experiment, which a service imports (POST /experiment/import).\n",
        "file",
    ),
)
