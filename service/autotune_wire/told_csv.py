"""Runs told as CSV: a header line, then one line per run."""

import csv
import io
import re
from collections.abc import Collection, Sequence

from autotune_wire.numerals import DecimalSign
from autotune_wire.space import CatCovariate, Space
from autotune_wire.told_columns import columns_of
from autotune_wire.told_rows import Read, Sheet, Terms, read_sheet
from autotune_wire.told_tables import refusal

MAX_CSV_LENGTH = 2**24
MAX_COLUMNS = 10_000
DELIMITERS = ",;\t"
_LINE_END = re.compile(r"[\r\n]")
_SEPARATOR = re.compile(r'"?sep=([^\r\n"])"?[,;\t ]*(?=[\r\n]|$)', re.IGNORECASE)
"""What Excel writes in the first line to say how the cells are separated."""


def csv_records(
    text: str, space: Space, responses: Sequence[str], max_runs: int, terms: Terms, path: tuple[str, ...] = ()
) -> Read:
    """Read the runs of a text whose cells are separated by commas, semicolons or tabs.

    Args:
        text: The text; empty lines are skipped.
        space: The covariates, whose types decide how their cells are read.
        responses: The names of the responses.
        max_runs: How many lines may come after the header.
        terms: What the text leaves open.
        path: What stands before the line in the path of a field, for messages.

    Raises:
        ValidationError: If the text is not a table, a column is missing or occurs twice, a cell cannot be read, or
            there are no runs or too many. The error names line and column.
    """
    sheet = _sheet(text.removeprefix("\ufeff"), space, responses, max_runs, path)
    if not sheet.rows:
        raise refusal(path, None, "holds no run: give a header line, then one line per run")
    return read_sheet(sheet, space, responses, terms)


def _sheet(text: str, space: Space, responses: Sequence[str], max_runs: int, path: tuple[str, ...]) -> Sheet:
    said, body = separated(text)
    columns = columns_of(space, responses)
    names = {*space, *responses, *(name for named in columns for name in named.values())}
    options = {
        option
        for covariate in space.values()
        if isinstance(covariate, CatCovariate)
        for option in covariate.options
        if isinstance(option, str)
    }
    # Blanks around a cell mean nothing, unless the user gave names with blanks around them.
    padded = {name for name in (*names, *options) if name != name.strip()}
    delimiter = said or _delimiter(body, names)
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=delimiter, skipinitialspace=not padded, strict=True)
    header: list[str] = []
    header_place = "line 1"
    rows: list[list[str]] = []
    places: list[str] = []
    try:
        for cells in reader:
            row = [cell if cell in padded else cell.strip() for cell in cells]
            if not any(row):
                continue
            place = f"line {reader.line_num}"
            if not header:
                header, header_place = row, place
                if len(header) > MAX_COLUMNS:
                    raise refusal((*path, place), None, f"has {len(header)} columns, at most {MAX_COLUMNS} are read")
                continue
            while len(row) > len(header) and not row[-1]:
                del row[-1]
            if len(row) != len(header):
                message = f"has {len(row)} cells, the header has {len(header)}"
                raise refusal((*path, place), None, message)
            if len(rows) == max_runs:
                raise refusal((*path, place), None, f"at most {max_runs} runs can be told at once")
            rows.append(row)
            places.append(place)
    except csv.Error as error:
        raise refusal((*path, f"line {reader.line_num}"), None, f"is not CSV: {error}") from None
    return Sheet(header, rows, places, header_place, path, usual_sign(delimiter))


def separated(text: str) -> tuple[str | None, str]:
    """Return the delimiter that the first line of a text names, as Excel writes it, and the text behind that.

    The delimiter is None, and the text whole, if the first line names none.
    """
    said = _SEPARATOR.match(text)
    return (said[1], text[said.end() :]) if said else (None, text)


def usual_sign(delimiter: str) -> DecimalSign | None:
    """Return the decimal sign of numbers that could have either, by what stands between the cells; None if open."""
    # With commas between the cells, a number with a decimal comma needs quotes: the point is usual.
    return "." if delimiter == "," else None


def _delimiter(text: str, names: Collection[str]) -> str:
    known = {name.strip().casefold() for name in names}
    cell = re.search(r"[^\s,;]", text)
    if cell is None:
        return DELIMITERS[0]
    end = _LINE_END.search(text, cell.start())
    begin = max(text.rfind(mark, 0, cell.start()) for mark in "\r\n") + 1
    header = text[begin : end.start() if end else len(text)].strip()

    def n_known(delimiter: str) -> int:
        try:
            cells = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True))
        except csv.Error:  # a cell is longer than csv takes
            return 0
        return sum(_is_known(cell, known) for cell in cells)

    return max(DELIMITERS, key=n_known)


def _is_known(cell: str, known: Collection[str]) -> bool:
    bare = cell.strip().casefold()
    return bare in known or bare == "response" or bare.removeprefix("params_") in known
