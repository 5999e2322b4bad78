"""Earlier runs, read from a file, a pandas DataFrame or a list of dicts, so that they can be told."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from autotune.errors import InvalidInputError
from autotune.inputs.csv_text import EXCLUDED_VALUES, plain_csv
from autotune.values import is_missing, is_true, plain
from autotune.views.tables import EXCLUDED, STATUS, TIME, sd_column
from autotune_wire.observations import Told
from autotune_wire.problems import MAX_PROBLEMS, FieldProblem, field_problems
from autotune_wire.responses import Responses
from autotune_wire.space import Space, listed
from autotune_wire.told_csv import csv_records

MAX_RUNS = 1_000_000


class Runs(NamedTuple):
    """Runs, and the place that each of them was read from.

    Attributes:
        subject: The name of what the runs were read from, for messages.
        told: The runs.
        places: For each run its line or row, as in ``line 7``.
    """

    subject: str
    told: list[Told]
    places: list[str]


def read_runs(data: Any, space: Space, responses: Responses) -> Runs:
    """Read runs from a file, a text, a DataFrame or dicts.

    Args:
        data: The path of a text file, the text itself (with at least one line break), a pandas DataFrame, or a dict for
            each run. The columns are those of ``history()``: the covariates and responses, and optionally standard
            deviations, ``status`` and ``excluded``. An empty cell means that the response was not measured or the
            covariate is not active. Excluded runs are left out, because they would count again if they were told.
        space: The covariates.
        responses: The responses.

    Raises:
        InvalidInputError: If a column is unknown or a cell cannot be read; the message names the line or row and the
            column.
    """
    if isinstance(data, str | PathLike):
        return _runs_of_text(data, space, responses)
    if hasattr(data, "columns") and hasattr(data, "to_dict"):
        return _runs_of_rows("the DataFrame", data.to_dict("records"), space, responses)
    if isinstance(data, Iterable) and not isinstance(data, Mapping):
        return _runs_of_rows("the list of runs", list(data), space, responses)
    raise InvalidInputError(f"runs must come as a path, a DataFrame or a list of dicts, not as {type(data).__name__}")


def _runs_of_text(data: str | PathLike[str], space: Space, responses: Responses) -> Runs:
    is_text = isinstance(data, str) and "\n" in data
    subject, text = ("the text", str(data)) if is_text else (Path(data).name, _read(Path(data)))
    try:
        numbers, records = csv_records(plain_csv(text, space, responses), space, list(responses), MAX_RUNS)
    except ValidationError as error:
        raise _refusal(subject, [_placed(problem, "") for problem in field_problems(error)]) from None
    return _runs(subject, records, [f"line {number}" for number in numbers])


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path} is not a UTF-8 text; in Excel, save the file as CSV UTF-8") from None


def _runs_of_rows(subject: str, rows: Sequence[Any], space: Space, responses: Responses) -> Runs:
    roles = _roles(space, responses)
    if any(f"covars.{EXCLUDED}" in row for row in rows if isinstance(row, Mapping)):
        roles[EXCLUDED] = _EXCLUDED
    says = f"is not a column of this experiment; the columns are {listed([*space, *responses])}"
    wrong: list[FieldProblem] = []
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InvalidInputError(f"{subject} must hold dicts; row {index} is {type(row).__name__}")
        wrong += [FieldProblem(field=f"row {index}.{name}", message=says) for name in row if name not in roles]
        if roles[EXCLUDED] == _EXCLUDED and is_true(plain(row.get(EXCLUDED))) is None:
            field = f"row {index}.{EXCLUDED}"
            wrong.append(FieldProblem(field=field, message=EXCLUDED_VALUES, value=str(row[EXCLUDED])))
        if len(wrong) >= MAX_PROBLEMS:
            break
    if wrong:
        raise _refusal(subject, wrong)
    is_ours = roles[EXCLUDED] == _EXCLUDED
    kept = [index for index, row in enumerate(rows) if not (is_ours and is_true(plain(row.get(EXCLUDED))))]
    return _runs(subject, [_record(rows[index], roles) for index in kept], [f"row {index}" for index in kept])


_Role = tuple[str, str]
"""The part of a record that a column's cells belong to, and their name in this part."""
_IGNORED: _Role = ("", "")
_EXCLUDED: _Role = ("", EXCLUDED)


def _roles(space: Space, responses: Responses) -> dict[str, _Role]:
    roles: dict[str, _Role] = {TIME: _IGNORED, EXCLUDED: _EXCLUDED, STATUS: (STATUS, "")}
    roles |= {sd_column(name, responses): ("sds", name) for name in responses}
    roles |= {f"{name} sd": ("sds", name) for name in responses}
    roles |= {name: ("responses", name) for name in responses}
    # history() writes covars.status where a covariate is called status.
    return roles | {f"covars.{name}": ("covars", name) for name in space} | {name: ("covars", name) for name in space}


def _record(row: Mapping[Any, Any], roles: Mapping[str, _Role]) -> dict[str, Any]:
    record: dict[str, Any] = {"covars": {}, "responses": {}, "sds": {}}
    for column, cell in row.items():
        part, name = roles.get(column, _IGNORED)
        value = plain(cell)
        if part == STATUS:
            record[STATUS] = "ok" if is_missing(value) else value
        elif part and not is_missing(value):
            record[part][name] = value
    return {part: cells for part, cells in record.items() if cells or part == "covars"}


def _runs(subject: str, records: Sequence[dict[str, Any]], places: list[str]) -> Runs:
    told: list[Told] = []
    wrong: list[FieldProblem] = []
    for record, place in zip(records, places, strict=True):
        try:
            told.append(Told.model_validate(record))
        except ValidationError as error:
            wrong += [_placed(problem, place) for problem in field_problems(error)]
        if len(wrong) >= MAX_PROBLEMS:
            break
    if wrong:
        raise _refusal(subject, wrong)
    if not told:
        raise InvalidInputError(f"{subject} holds no run")
    return Runs(subject, told, places)


def _placed(problem: FieldProblem, place: str) -> FieldProblem:
    first, _, rest = problem.field.partition(".")
    field = rest if first in {"covars", "responses", "csv"} and rest else problem.field
    field = f"{rest} sd" if first == "sds" else field
    return problem.model_copy(update={"field": f"{place}.{field}" if place else field})


def _refusal(subject: str, wrong: Sequence[FieldProblem]) -> InvalidInputError:
    return InvalidInputError(f"{subject} is not valid:", list(wrong[:MAX_PROBLEMS]))
