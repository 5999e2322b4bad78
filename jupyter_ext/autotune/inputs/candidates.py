"""A list of candidates, read from a DataFrame, dicts or a CSV file, and the covariates that its columns describe."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from autotune.errors import InvalidInputError
from autotune.inputs.descriptors import cells_lost, sign_of
from autotune.inputs.frames import covariate_of_values, is_frame
from autotune.inputs.guessing import with_guess
from autotune.inputs.loading import read_text
from autotune.values import is_missing, plain
from autotune_wire.candidates import Row
from autotune_wire.numerals import DecimalSign, number_of
from autotune_wire.told_csv import DELIMITERS, separated, usual_sign

_MOST_BYTES = 600_000
"""Of the rows of one request: with what else is in it, less than a service takes unless its limit was lowered."""


@dataclass(frozen=True)
class RowTable:
    """The rows of a table.

    Args:
        subject: What they were read from, for messages.
        rows: The cells of each row by column; those that are empty are left out.
        sign: The decimal sign of a file, whose cells are texts; None if cells are values.
    """

    subject: str
    rows: list[dict[str, Any]]
    sign: DecimalSign | None = None

    @property
    def columns(self) -> list[str]:
        """The columns, in order."""
        return [*dict.fromkeys(name for row in self.rows for name in row)]

    def values(self, column: str) -> list[Any]:
        """Return the values of a column: numbers where all cells of a file are."""
        cells = [row[column] for row in self.rows if column in row]
        if self.sign is None:
            return cells
        numbers = [_number(cell, self.sign) for cell in cells]
        return cells if None in numbers else numbers

    def typed(self, covariates: Mapping[str, Any]) -> list[Row]:
        """Return the rows for a body: the cells of a file are numbers where their covariate has numbers."""
        if self.sign is None:
            return self.rows
        numeric = [name for name, covariate in covariates.items() if _has_numbers(covariate)]
        rows = [dict(row) for row in self.rows]
        for row in rows:
            for name in numeric:
                number = _number(row[name], self.sign) if name in row else None
                if number is not None:
                    row[name] = number
        return rows


def read_rows(given: Any) -> RowTable:
    """Read the rows of a list of candidates.

    Args:
        given: A DataFrame, a dict for each row, or the path of a CSV file with a header line. The details of a file
            stay as they are written, so that a bottle 007 is no number. What was read already is returned as it is.

    Raises:
        InvalidInputError: If it is none of these, or has no row.
    """
    if isinstance(given, RowTable):
        return given
    if is_frame(given):
        names = [str(column) for column in given.columns]
        lost = cells_lost(names)
        if lost is not None:
            raise InvalidInputError(f"the DataFrame {lost}")
        rows = (dict(zip(names, row, strict=True)) for row in given.itertuples(index=False, name=None))
        return _table("the DataFrame", rows)
    if isinstance(given, str | PathLike):
        return _of_file(Path(given).expanduser())
    if isinstance(given, Iterable) and not isinstance(given, Mapping):
        dicts = list(given)
        for index, row in enumerate(dicts):
            if not isinstance(row, Mapping):
                raise InvalidInputError(f"candidates must be dicts; row {index + 1} is {type(row).__name__}")
        return _table("the list of candidates", dicts)
    raise InvalidInputError(
        f"candidates must come as a DataFrame, a list of dicts or the path of a CSV file, not as {type(given).__name__}"
    )


def described_by(covars: Any, table: RowTable) -> Any:
    """Return descriptions of covariates, with those that are left out taken from the columns of a table.

    Args:
        covars: The names of the columns that are covariates; or a dict as for ``Client.new``, in which None, or a dict
            without ``vtype``, leaves the rest to the column of this name. Anything else is returned as it is.
        table: The rows.

    Raises:
        InvalidInputError: If a column is missing, or its values are no values of a covariate.
    """
    if isinstance(covars, str):
        covars = [covars]
    if isinstance(covars, Sequence):
        covars = dict.fromkeys(map(str, covars))
    if not isinstance(covars, Mapping):
        return covars
    return {
        name: _of_column(table, name, given or {}) if given is None or _is_part(given) else given
        for name, given in covars.items()
    }


def in_parts(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Split rows into parts that each fit into one request; at least one part, which may be empty."""
    part: list[Row] = []
    n_bytes = 0
    for row in rows:
        n_bytes += len(json.dumps(row))
        if part and n_bytes > _MOST_BYTES:
            yield part
            part, n_bytes = [], len(json.dumps(row))
        part.append(row)
    yield part


def _table(subject: str, rows: Iterable[Mapping[Any, Any]], sign: DecimalSign | None = None) -> RowTable:
    cells = [{str(name): plain(cell) for name, cell in row.items() if not is_missing(cell)} for row in rows]
    if not cells:
        raise InvalidInputError(f"{subject} has no row")
    return RowTable(subject, cells, sign)


def _of_file(path: Path) -> RowTable:
    said, body = separated(read_text(path))
    delimiter = said or max(DELIMITERS, key=body.partition("\n")[0].count)
    lines = [[cell.strip() for cell in line] for line in csv.reader(io.StringIO(body, newline=""), delimiter=delimiter)]
    header, *rows = [line for line in lines if any(line)] or [[]]
    lost = cells_lost(header, rows)
    if lost is not None:
        raise InvalidInputError(f"{path.name} {lost}")
    sign = usual_sign(delimiter) or sign_of(cell for row in rows for cell in row)
    return _table(
        path.name, ({name: cell or None for name, cell in zip(header, row, strict=False)} for row in rows), sign
    )


def _of_column(table: RowTable, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    values = table.values(name)
    if not values:
        columns = ", ".join(table.columns)
        raise InvalidInputError(f"{table.subject} has no column {name!r} with values; its columns are {columns}")
    try:
        return with_guess({**covariate_of_values(name, values), **given})
    except ValueError as error:
        raise InvalidInputError(f"{table.subject} {error}") from None


def _is_part(given: Any) -> bool:
    return isinstance(given, Mapping) and "vtype" not in given


def _number(cell: str, sign: DecimalSign) -> float | None:
    number = number_of(cell, sign)
    return int(number) if number is not None and cell.lstrip("+-").isdecimal() else number


def _has_numbers(covariate: Any) -> bool:
    if not isinstance(covariate, Mapping):
        return False
    options = covariate.get("options") or [0]
    return covariate.get("vtype") != "cat" or not isinstance(options[0], str)
