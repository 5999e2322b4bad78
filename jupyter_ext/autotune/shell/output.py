"""Tables and lines of JSON on the standard output."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from autotune.values import value_text


def write_line(fields: Mapping[str, Any]) -> None:
    """Write an object as one line of JSON."""
    click.echo(json.dumps(fields, ensure_ascii=False, default=_plain))


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as CSV, as ``add_history`` reads them."""
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _plain(row.get(name)) for name in columns} for row in rows)


def write_table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows in columns of the same width, for a person."""
    texts = [list(columns), *([_text(row.get(name)) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for cells in texts:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip())


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if value is None:
        return ""
    return value_text(value) if isinstance(value, float) else str(value)
