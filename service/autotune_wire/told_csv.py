"""Runs as CSV: a header, and a line per run."""

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
    """A cell cannot be read; the message says what it must be."""


def csv_records(
    text: str, space: Space, responses: Sequence[str], max_runs: int
) -> tuple[list[int], list[dict[str, Any]]]:
    """Read the runs of a CSV text.

    Args:
        text: The lines; empty ones are left out.
        space: The covariates, whose types say how their cells are read.
        responses: The names of the responses.
        max_runs: How many lines may come after the header.

    Returns:
        The number of each run's line, counted from 1, and the runs as records.

    Raises:
        ValidationError: If a column is unknown or missing, or a cell cannot be read; it names line and column.
    """
    lines = _lines(text)
    header = next(lines, (1, []))[1]
    roles = _roles(header, space, responses)
    numbers: list[int] = []
    records: list[Record] = []
    wrong: list[InitErrorDetails] = []
    for number, cells in lines:
        if len(numbers) == max_runs:
            raise refusal(("csv", f"line {number}"), None, f"at most {max_runs} runs can be told at once")
        numbers.append(number)
        records.append(_record(number, cells, roles, wrong))
        if len(wrong) >= _MAX_WRONG:
            break
    if wrong:
        raise ValidationError.from_exception_data("Tell", wrong)
    if not records:
        raise refusal(("csv",), None, "holds no run: it needs a header and a line per run")
    return numbers, records


_Role = tuple[str, str, Covariate | None]
"""Where a column's cells go in a record, under which name, and the covariate they are values of."""


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise refusal(("csv", f"line {reader.line_num}"), None, f"is no CSV: {error}") from None


def _roles(header: Sequence[str], space: Space, responses: Sequence[str]) -> dict[str, _Role]:
    known: dict[str, _Role] = {_STATUS: (_STATUS, _STATUS, None)}
    if len(responses) == 1:
        known[_SD] = ("sds", responses[0], None)
    known |= {f"{name} {_SD}": ("sds", name, None) for name in responses}
    known |= {name: ("responses", name, None) for name in responses}
    known |= {name: ("covars", name, covariate) for name, covariate in space.items()}
    for name in header:
        if name not in known:
            says = f"is no column of this experiment; it has {', '.join(known)}"
            raise refusal(("csv", "line 1", name), None, says)
        if header.count(name) > 1:
            raise refusal(("csv", "line 1", name), None, "stands twice in the header")
    return {name: known[name] for name in header}


def _record(number: int, cells: Sequence[str], roles: dict[str, _Role], wrong: list[InitErrorDetails]) -> Record:
    record: Record = {"covars": {}, "responses": {}, "sds": {}}
    n_wrong = len(wrong)
    if len(cells) != len(roles):
        wrong.append(detail(("csv", f"line {number}"), None, f"has {len(cells)} cells, the header has {len(roles)}"))
        return record
    for (column, (part, name, covariate)), cell in zip(roles.items(), cells, strict=True):
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
        return [detail(place, None, "has no response; a run that gave nothing has the status failed")]
    alone = [name for name in record["sds"] if name not in record["responses"]]
    return [detail(place, None, f"has a standard deviation of {alone[0]}, but no response")] if alone else []


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
