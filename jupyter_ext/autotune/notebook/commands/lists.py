"""The commands about the list that suggestions are taken from."""

from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from autotune.notebook.command import Call, Command
from autotune.notebook.line import Option, unquoted


def table_of(call: Call, written: str) -> Any:
    """Return the table that a line names: the path of a file, or a variable or an expression of the notebook."""
    text = unquoted(written)
    return text if Path(text).expanduser().is_file() else call.python.value(text)


def _candidates(call: Call) -> Any:
    call.nothing()
    written = call.option("--add")
    if written is not None:
        return call.session.add_candidates(table_of(call, written))
    return call.session.experiment.candidates()


def _withdraw(call: Call) -> Any:
    which = _which(call, call.required("the number of a row"))
    return call.session.change_candidates(which, is_withdrawal=not call.has("--restore"))


def _which(call: Call, written: str) -> Any:
    """Read the numbers of rows, with blanks or commas between, or an expression that is a dict, a list or a number."""
    words = written.replace(",", " ").split()
    if all(word.isdecimal() for word in words):
        return [int(word) for word in words]
    found = call.python.value(written)
    if isinstance(found, bool | str | float):
        raise UsageError(
            f"{written!r} names no row\nwrite numbers, as in 17 18, or a dict such as {{'bottle': 'A-12'}}"
        )
    return found


COMMANDS = (
    Command(
        "candidates",
        "",
        "the rows that suggestions are taken from",
        _candidates,
        (Option("--add", "rest", "TABLE", "rows to add: a DataFrame, dicts or a CSV file"),),
        "Each row with its number, its details and what became of it.\n",
        "variable",
    ),
    Command(
        "withdraw",
        "NUMBER ...",
        "suggest these rows no more",
        _withdraw,
        (Option("--restore", "nothing", "", "bring withdrawn rows back"),),
        "NUMBER is in the first column of `%autotune candidates`; in place of numbers\n"
        "stands a dict of values that the rows have: {'bottle': 'A-12'}\n",
        "variable",
    ),
)
