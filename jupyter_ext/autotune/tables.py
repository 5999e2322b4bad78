"""Small HTML tables for notebooks, and tables of runs for pandas."""

from collections.abc import Sequence
from html import escape
from typing import Any

from autotune_wire.base import Configuration
from autotune_wire.observations import RESPONSE_COLUMN, Observation

Row = Sequence[str]
_LEFT = 'style="text-align:left"'


def html_table(caption: str, rows: Sequence[Row], header: Row = ()) -> str:
    """Draw a table whose first column names the row; every cell is escaped."""
    head = "".join(f"<th {_LEFT}>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    title = f"<caption {_LEFT}>{escape(caption)}</caption>"
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def run_records(runs: Sequence[Observation]) -> list[dict[str, Any]]:
    """Lay observations out as records: the covariates, the response and when it was told."""
    return [{**_renamed(run.covars), RESPONSE_COLUMN: run.response, "time_created": run.time_created} for run in runs]


def _renamed(covars: Configuration) -> dict[str, Any]:
    # A covariate may have the name of one of our own columns, and must not vanish behind it.
    taken = {RESPONSE_COLUMN, "time_created"}
    return {f"covars.{name}" if name in taken else name: value for name, value in covars.items()}


def _cells(row: Row) -> str:
    first, *others = map(escape, row)
    return f"<th {_LEFT}>{first}</th>" + "".join(f"<td {_LEFT}>{cell}</td>" for cell in others)
