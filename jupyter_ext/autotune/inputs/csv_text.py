"""Text files as spreadsheets and programs write them, converted to the CSV that the service takes."""

import csv
import io
import re
from collections.abc import Collection, Sequence

from autotune.errors import InvalidInputError
from autotune.values import is_true
from autotune.views.tables import EXCLUDED, TIME
from autotune_wire.responses import Responses
from autotune_wire.space import CatCovariate, Space

_DELIMITERS = ",;\t"
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_IGNORED = {TIME, ""}
"""Columns that ``history().to_csv()`` adds to the covariates and responses: the time and the index."""
EXCLUDED_VALUES = "must be true, false or empty"


def plain_csv(text: str, space: Space, responses: Responses) -> str:
    """Convert a text to one with the same lines, with commas between the cells and with decimal points.

    The lines of excluded runs are empty in the new text, so that the other lines keep their numbers.

    Args:
        text: A header and a line for each run. The cells are separated by commas, semicolons or tabs; with semicolons
            or tabs, ``1,5`` is a number.
        space: The covariates. The separator is found by their names and those of the responses in the header.
        responses: The responses.

    Raises:
        InvalidInputError: If the text is not a table of this kind; the message names the line.
    """
    known = {*space, *responses}
    delimiter = _delimiter(text, known)
    rows = _rows(text, delimiter)
    header = next((row for row in rows if any(row)), [])
    kept = [index for index, name in enumerate(header) if name in known or name not in _IGNORED]
    excluded_at = _index_of_excluded(header, known)
    if excluded_at is not None:
        kept.remove(excluded_at)
    texts = {
        name
        for name, covariate in space.items()
        if isinstance(covariate, CatCovariate) and isinstance(covariate.options[0], str)
    }
    numeric = set() if delimiter == "," else set(header) - texts
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for number, row in enumerate(rows, start=1):
        if excluded_at is not None and row is not header and any(row) and _is_excluded(row[excluded_at], number):
            writer.writerow([])
            continue
        cells = [_bare(name, space) for name in row] if row is header else _pointed(row, header, numeric)
        writer.writerow([cells[index] for index in kept] if any(row) else [])
    return out.getvalue()


def _index_of_excluded(header: Sequence[str], known: Collection[str]) -> int | None:
    # history() writes a covariate called excluded as covars.excluded; without that column, excluded is the covariate.
    is_ours = EXCLUDED not in known or f"covars.{EXCLUDED}" in header
    return header.index(EXCLUDED) if is_ours and EXCLUDED in header else None


def _is_excluded(cell: str, number: int) -> bool:
    excluded = is_true(cell)
    if excluded is None:
        raise InvalidInputError(f"line {number}.{EXCLUDED}: {EXCLUDED_VALUES} (given: {cell!r})")
    return excluded


def _delimiter(text: str, known: Collection[str]) -> str:
    first = next((line for line in text.split("\n") if line.strip()), "")
    headers = {
        delimiter: next(csv.reader([first.strip()], delimiter=delimiter, skipinitialspace=True), [])
        for delimiter in _DELIMITERS
    }
    return max(headers, key=lambda delimiter: sum(cell.strip() in known for cell in headers[delimiter]))


def _rows(text: str, delimiter: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    rows: list[list[str]] = []
    width = 0
    try:
        for cells in reader:
            row = [cell.strip() for cell in cells]
            width = width or (len(row) if any(row) else 0)
            if any(row) and len(row) != width:
                raise InvalidInputError(f"line {reader.line_num} has {len(row)} cells, the header has {width}")
            rows.append(row)
    except csv.Error as error:
        raise InvalidInputError(f"line {reader.line_num} is not CSV: {error}") from None
    return rows


def _bare(name: str, space: Space) -> str:
    # history() writes covars.status where a covariate is called status.
    bare = name.removeprefix("covars.")
    return bare if name not in space and bare in space else name


def _pointed(row: Sequence[str], header: Sequence[str], numeric: Collection[str]) -> list[str]:
    return [
        cell.replace(",", ".") if name in numeric and _DECIMAL_COMMA.fullmatch(cell) else cell
        for name, cell in zip(header, row, strict=False)
    ]
