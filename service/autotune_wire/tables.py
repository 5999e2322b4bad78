"""Tables as JSON in the shapes that pandas writes, read without pandas."""

from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import from_json

from autotune_wire.problems import shown

MAX_ROWS = 1000


def _table(value: Any) -> Any:
    if not isinstance(value, str | list | dict):
        raise ValueError("must be a table: JSON as a text, a list or an object")
    rows_of(value)
    return value


Table = Annotated[str | list[Any] | dict[str, Any], BeforeValidator(_table)]
"""JSON text, or the JSON itself."""


def rows_of(table: Table) -> list[dict[str, Any]]:
    """Read a table that pandas wrote.

    Four shapes are read: ``to_json(orient="records")``: ``[{"a": 1}]``; ``to_json()``, by column and then by index:
    ``{"a": {"0": 1}}``; ``to_dict("list")``: ``{"a": [1]}``; and one plain record: ``{"a": 1}``.

    Args:
        table: The table, as JSON text or as decoded JSON.

    Returns:
        One dict per row, by column name.

    Raises:
        ValueError: If the text is not JSON, the JSON has none of the four shapes, there are too many rows, or a cell
            is no single value. The message says which.
    """
    rows = _rows(table)
    if len(rows) > MAX_ROWS:
        raise ValueError(f"must have at most {MAX_ROWS} rows, not {len(rows)}")
    for index, row in enumerate(rows):
        for name, cell in row.items():
            if isinstance(cell, dict | list):
                raise ValueError(
                    f"must have a single value in each cell; row {index} has {shown(cell)} in {shown(name)}"
                )
    return rows


def _rows(table: Table) -> list[dict[str, Any]]:
    parsed = from_json(table, allow_inf_nan=False) if isinstance(table, str) else table
    if isinstance(parsed, list):
        if not all(isinstance(row, dict) for row in parsed):
            raise ValueError('a list must hold one record per row, as in [{"a": 1}]')
        return parsed
    if not isinstance(parsed, dict):
        raise ValueError('must be records [{"a": 1}], columns {"a": {"0": 1}} or lists {"a": [1]}')
    return _rows_of_columns(parsed)


def one_row_table(row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Shape one record as pandas' ``to_json()`` writes a frame of one row: ``{"a": {"0": 1}}``."""
    return {name: {"0": value} for name, value in row.items()}


def _rows_of_columns(columns: dict[str, Any]) -> list[dict[str, Any]]:
    cells = list(columns.values())
    if cells and all(isinstance(column, dict) for column in cells):
        index = list(cells[0])
        if any(list(column) != index for column in cells):
            raise ValueError("every column must have the same index")
        return [{name: column[label] for name, column in columns.items()} for label in index]
    if cells and all(isinstance(column, list) for column in cells):
        if len({len(column) for column in cells}) > 1:
            raise ValueError("every column must have the same number of rows")
        return [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]
    if any(isinstance(column, dict | list) for column in cells):
        raise ValueError("columns must all be dicts, all be lists, or all be single values")
    return [columns]
