"""Descriptors of options, read from a table with a row for each option: a DataFrame, a CSV file, or dicts."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from autotune.inputs.frames import is_frame
from autotune.inputs.loading import read_text
from autotune.values import is_missing, plain
from autotune_wire.numerals import DecimalSign, number_of
from autotune_wire.told_csv import DELIMITERS, separated, usual_sign

Table = dict[str, dict[str, Any]]
"""For each option its descriptors by name."""


def described(covariate: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a covariate with its descriptors read, and with the options and guess that it lacks.

    Of a DataFrame or a file only the rows of options are taken, so that one table of a shelf serves many experiments.

    Args:
        covariate: A description with ``descriptors``: a table as ``table_of`` reads it.

    Raises:
        ValueError: If the table cannot be read; the message says what to mend.
    """
    table = table_of(covariate["descriptors"])
    options = covariate.get("options", [*table])
    if not isinstance(covariate["descriptors"], Mapping):
        table = {option: table[option] for option in options if option in table}
    first = {"guess": options[0]} if options else {}
    return {**first, **covariate, "options": options, "descriptors": table}


def table_of(given: Any) -> Table:
    """Read a table of descriptors.

    Args:
        given: A dict with a dict for each option; a DataFrame or the path of a CSV file, with a row for each option,
            whose name is in the first column of texts or, in a DataFrame without one, in the index. Columns of numbers
            are descriptors. Other columns are left out.

    Raises:
        ValueError: If the table cannot be read, names no option, or names one twice.
    """
    if is_frame(given):
        return _of_frame(given)
    if isinstance(given, str | PathLike):
        return _of_file(Path(given).expanduser())
    if isinstance(given, Mapping):
        # What is no number is named by the check of the whole description.
        return {option: plain(own) for option, own in given.items()}
    raise ValueError(
        f"has descriptors as {type(given).__name__}: give a dict for each option, a DataFrame or a CSV file"
    )


def _of_frame(frame: Any) -> Table:
    header = [str(column) for column in frame.columns]
    lost = cells_lost(header)
    if lost is not None:
        raise ValueError(f"the DataFrame {lost}")
    rows = [[plain(value) for value in row] for row in frame.itertuples(index=False, name=None)]
    index = [plain(value) for value in frame.index]
    if all(isinstance(value, str) for value in index):
        header, rows = ["", *header], [[name, *row] for name, row in zip(index, rows, strict=True)]
    return _of_rows("the DataFrame", header, rows)


def _of_file(path: Path) -> Table:
    said, body = separated(read_text(path))
    head = body.partition("\n")[0]
    delimiter = said or max(DELIMITERS, key=head.count)
    lines = [[cell.strip() for cell in line] for line in csv.reader(io.StringIO(body, newline=""), delimiter=delimiter)]
    header, *rows = [line for line in lines if any(line)] or [[]]
    lost = cells_lost(header, rows)
    if lost is not None:
        raise ValueError(f"{path.name} {lost}")
    sign = usual_sign(delimiter) or sign_of(cell for row in rows for cell in row)
    return _of_rows(path.name, header, [[_value_of(cell, sign) for cell in row] for row in rows])


def cells_lost(header: Sequence[str], rows: Iterable[Sequence[Any]] = ()) -> str | None:
    """Say by which cells a table would be read wrongly: further columns of a name, or cells beyond the header."""
    twice = next((name for name in dict.fromkeys(header) if name and header.count(name) > 1), None)
    if twice is not None:
        return f"has several columns {twice!r}: rename or remove all but one"
    n = len(header)
    long = next(((number, row) for number, row in enumerate(rows, start=1) if any(row[n:])), None)
    if long is None:
        return None
    return (
        f"has {len(long[1])} cells in row {long[0]}, and {n} in the header: put quotes around a cell with the "
        "delimiter in it, or part the cells by semicolons"
    )


def sign_of(cells: Iterable[str]) -> DecimalSign:
    """Return the decimal sign: a comma where one cell at least is a number with a comma and none without."""
    signs: tuple[DecimalSign, DecimalSign] = (",", ".")
    texts = [cell for cell in cells if any(sign in cell for sign in signs)]
    return max(signs, key=lambda sign: sum(sign in text and number_of(text, sign) is not None for text in texts))


def _value_of(cell: str, sign: DecimalSign) -> Any:
    if not cell:
        return None
    number = number_of(cell, sign)
    return cell if number is None else number


def _of_rows(subject: str, header: list[str], rows: list[list[Any]]) -> Table:
    columns = [[row[j] if j < len(row) else None for row in rows] for j in range(len(header))]
    named = next((j for j, cells in enumerate(columns) if cells and all(isinstance(cell, str) for cell in cells)), None)
    if named is None:
        raise ValueError(f"cannot tell the options of {subject}: its first column must hold their names as texts")
    numeric = [j for j, cells in enumerate(columns) if j != named and all(map(_may_be_number, cells))]
    table: Table = {}
    for i, option in enumerate(map(str, columns[named])):
        if option in table:
            raise ValueError(f"{subject} has the option {option!r} twice")
        missing = [header[j] for j in numeric if is_missing(columns[j][i])]
        if missing:
            raise ValueError(f"{subject} has no number for {option!r} in {', '.join(missing)}: fill it in or drop it")
        table[option] = {header[j]: columns[j][i] for j in numeric}
    return table


def _may_be_number(cell: Any) -> bool:
    return is_missing(cell) or (isinstance(cell, int | float) and not isinstance(cell, bool))
