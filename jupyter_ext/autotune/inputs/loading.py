"""Earlier runs, read from a file, a pandas DataFrame or a list of dicts, so that they can be told."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from autotune.errors import InvalidInputError
from autotune.inputs.checks import check_index
from autotune.values import is_missing, plain
from autotune_wire.numerals import DecimalSign
from autotune_wire.observations import Told
from autotune_wire.problems import MAX_PROBLEMS, FieldProblem, field_problems
from autotune_wire.responses import Responses
from autotune_wire.space import Space
from autotune_wire.told_csv import csv_records
from autotune_wire.told_rows import Read, Sheet, Terms, read_sheet

MAX_RUNS = 1_000_000


class Runs(NamedTuple):
    """Runs, and the place that each of them was read from.

    Attributes:
        subject: The name of what the runs were read from, for messages.
        told: The runs.
        places: For each run its line or row, as in ``line 7``.
        notices: What was left out, a sentence each.
    """

    subject: str
    told: list[Told]
    places: list[str]
    notices: Sequence[str] = ()


def read_runs(
    data: Any,
    space: Space,
    responses: Responses,
    *,
    ignore: str | Iterable[str] = (),
    decimal: DecimalSign | None = None,
) -> Runs:
    """Read runs from a file, a text, a DataFrame or dicts.

    Args:
        data: The path of a text file, the text itself (with at least one line break), a pandas DataFrame, or a dict for
            each run. The columns are those of ``history()`` or of Optuna's ``trials_dataframe()``; columns that are not
            the experiment's are left out, with a notice. Excluded runs are left out, because they would count again if
            they were told.
        space: The covariates.
        responses: The responses.
        ignore: Columns to leave out without a notice.
        decimal: The decimal sign of numbers that come as texts; None to decide by all of them.

    Raises:
        InvalidInputError: If a column is missing or a cell cannot be read; the message names the line or row and the
            column.
    """
    if decimal not in {None, ".", ","}:
        raise InvalidInputError(f"decimal must be '.' or ',', not {decimal!r}")
    terms = Terms(frozenset({ignore} if isinstance(ignore, str) else ignore), decimal, takes_extra=True)
    if isinstance(data, str | PathLike):
        return _runs_of_text(data, space, responses, terms)
    if hasattr(data, "columns") and hasattr(data, "itertuples"):
        check_index(data, [*space, *responses])
        header = [_column(name) for name in data.columns]
        rows = data.itertuples(index=False, name=None)
        return _runs_of_rows("the DataFrame", header, rows, space, responses, terms)
    if isinstance(data, Iterable) and not isinstance(data, Mapping):
        subject, dicts = "the list of runs", list(data)
        for index, row in enumerate(dicts):
            if not isinstance(row, Mapping):
                raise InvalidInputError(f"{subject} must hold dicts; row {index} is {type(row).__name__}")
        names = list(dict.fromkeys(name for row in dicts for name in row))
        rows = ([row.get(name) for name in names] for row in dicts)
        return _runs_of_rows(subject, [_column(name) for name in names], rows, space, responses, terms)
    raise InvalidInputError(f"runs must come as a path, a DataFrame or a list of dicts, not as {type(data).__name__}")


def _runs_of_text(data: str | PathLike[str], space: Space, responses: Responses, terms: Terms) -> Runs:
    is_text = isinstance(data, str) and "\n" in data
    subject, text = ("the text", str(data)) if is_text else (Path(data).name, read_text(Path(data)))
    try:
        return _runs(subject, csv_records(text, space, list(responses), MAX_RUNS, terms))
    except ValidationError as error:
        raise _refusal(subject, field_problems(error)) from None


def read_text(path: Path) -> str:
    """Read a UTF-8 text.

    Raises:
        InvalidInputError: If the file cannot be read or is none.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path} is not a UTF-8 text; in Excel, save the file as CSV UTF-8") from None


def _runs_of_rows(
    subject: str, header: Sequence[str], rows: Iterable[Iterable[Any]], space: Space, responses: Responses, terms: Terms
) -> Runs:
    cells = [[None if is_missing(cell) else plain(cell) for cell in row] for row in rows]
    if not cells:
        raise InvalidInputError(f"{subject} holds no run")
    try:
        sheet = Sheet(header, cells, [f"row {index}" for index in range(len(cells))])
        return _runs(subject, read_sheet(sheet, space, list(responses), terms))
    except ValidationError as error:
        raise _refusal(subject, field_problems(error)) from None


def _column(name: Any) -> str:
    # pandas names a column of several header lines by a tuple, as Optuna's trials_dataframe(multi_index=True) does.
    return "_".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(name)


def _runs(subject: str, read: Read) -> Runs:
    told: list[Told] = []
    wrong: list[FieldProblem] = []
    for record, place in zip(read.records, read.places, strict=True):
        try:
            told.append(Told.model_validate(record))
        except ValidationError as error:
            wrong += [_placed(problem, place) for problem in field_problems(error)]
        if len(wrong) >= MAX_PROBLEMS:
            break
    if wrong:
        raise _refusal(subject, wrong)
    return Runs(subject, told, read.places, read.notices)


def _placed(problem: FieldProblem, place: str) -> FieldProblem:
    first, _, rest = problem.field.partition(".")
    field = rest if first in {"covars", "responses"} and rest else problem.field
    return problem.model_copy(update={"field": f"{place}.{field}"})


def _refusal(subject: str, wrong: Sequence[FieldProblem]) -> InvalidInputError:
    return InvalidInputError(f"{subject} is not valid:", list(wrong[:MAX_PROBLEMS]))
