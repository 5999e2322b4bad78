"""Runs told as CSV: a header line, then one line per run."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from autotune_wire.base import Value
from autotune_wire.space import CatCovariate, Covariate, IntCovariate, Space
from autotune_wire.told_tables import Record, detail, refusal

MAX_CSV_LENGTH = 2**24
_MAX_WRONG = 20
_STATUS = "status"
_SD = "sd"


class _CellError(Exception):
    """A cell cannot be read; the message says what the cell must be."""


def csv_records(
    text: str, space: Space, responses: Sequence[str], max_runs: int
) -> tuple[list[int], list[dict[str, Any]]]:
    """Read the runs of a CSV text.

    Args:
        text: The CSV text; empty lines are skipped.
        space: The covariates, whose types decide how their cells are read.
        responses: The names of the responses.
        max_runs: How many lines may come after the header.

    Returns:
        The number of each run's line, counted from 1, and the runs as records.

    Raises:
        ValidationError: If the text is not CSV, a column is unknown or occurs twice, a cell cannot be read, or there
            are no runs or too many. The error names line and column.
    """
    lines = _lines(text)
    header = next(lines, (1, []))[1]
    columns = _columns(header, space, responses)
    numbers: list[int] = []
    records: list[Record] = []
    wrong: list[InitErrorDetails] = []
    for number, cells in lines:
        if len(numbers) == max_runs:
            raise refusal(("csv", f"line {number}"), None, f"at most {max_runs} runs can be told at once")
        numbers.append(number)
        records.append(_record(number, cells, columns, wrong))
        if len(wrong) >= _MAX_WRONG:
            break
    if wrong:
        raise ValidationError.from_exception_data("Tell", wrong)
    if not records:
        raise refusal(("csv",), None, "holds no run: give a header line, then one line per run")
    return numbers, records


_Column = tuple[str, str, Covariate | None]
"""The part of a record that a column fills, the name within that part, and the covariate of the column, if any."""


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise refusal(("csv", f"line {reader.line_num}"), None, f"is not CSV: {error}") from None


def _columns(header: Sequence[str], space: Space, responses: Sequence[str]) -> dict[str, _Column]:
    known: dict[str, _Column] = {_STATUS: (_STATUS, _STATUS, None)}
    if len(responses) == 1:
        known[_SD] = ("sds", responses[0], None)
    known |= {f"{name} {_SD}": ("sds", name, None) for name in responses}
    known |= {name: ("responses", name, None) for name in responses}
    known |= {name: ("covars", name, covariate) for name, covariate in space.items()}
    for name in header:
        if name not in known:
            message = f"is not a column of this experiment; the columns are {', '.join(known)}"
            raise refusal(("csv", "line 1", name), None, message)
        if header.count(name) > 1:
            raise refusal(("csv", "line 1", name), None, "occurs twice in the header")
    return {name: known[name] for name in header}


def _record(number: int, cells: Sequence[str], columns: dict[str, _Column], wrong: list[InitErrorDetails]) -> Record:
    record: Record = {"covars": {}, "responses": {}, "sds": {}}
    n_wrong = len(wrong)
    if len(cells) != len(columns):
        wrong.append(detail(("csv", f"line {number}"), None, f"has {len(cells)} cells, the header has {len(columns)}"))
        return record
    for (column, (part, name, covariate)), cell in zip(columns.items(), cells, strict=True):
        try:
            if part == _STATUS:
                record[_STATUS] = _status(cell)
            elif cell:
                record[part][name] = _number(cell) if covariate is None else _value(covariate, cell)
                if part == "sds" and record[part][name] < 0:
                    raise _CellError("must not be negative")
        except _CellError as error:
            wrong.append(detail(("csv", f"line {number}", column), cell, str(error)))
    if len(wrong) == n_wrong:
        wrong += _wrong_outcome(number, record)
    return {name: value for name, value in record.items() if value or name == "covars"}


def _wrong_outcome(number: int, record: Record) -> list[InitErrorDetails]:
    place = ("csv", f"line {number}")
    is_failed = record.get(_STATUS) == "failed"
    if is_failed and record["responses"]:
        return [detail((*place, _STATUS), "failed", "a failed run has no response")]
    if not is_failed and not record["responses"]:
        return [detail(place, None, "has no response; set status to failed for a run that gave no response")]
    alone = [name for name in record["sds"] if name not in record["responses"]]
    return [detail(place, None, f"has a standard deviation of {alone[0]}, but no response {alone[0]}")] if alone else []


def _status(cell: str) -> str:
    if cell in {"", "ok", "failed"}:
        return cell or "ok"
    raise _CellError("must be ok, failed or empty")


def _number(cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _CellError("must be a finite number")
    return number


def _value(covariate: Covariate, cell: str) -> Value:
    if isinstance(covariate, CatCovariate):
        return next((option for option in covariate.options if _is_written(option, cell)), cell)
    number = _number(cell)
    if isinstance(covariate, IntCovariate):
        if not number.is_integer():
            raise _CellError("must be a whole number")
        return int(number)
    return number


def _is_written(option: Value, cell: str) -> bool:
    if isinstance(option, str):
        return option.strip() == cell
    try:
        return float(cell) == option
    except ValueError:
        return False
