"""Many rows in one statement with one argument.

A statement with a VALUES line per row takes longer to compile than to run, and is another one for each number of rows.
"""

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON


def insert_rows(table: sa.Table, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> sa.Insert:
    """Build the query that stores rows.

    Args:
        table: Where they go.
        names: The columns that the rows have.
        rows: Their values; a JSON column keeps the order of its names.
    """
    text = json.dumps(
        rows, default=str, ensure_ascii=False, allow_nan=False
    )  # a UUID or a time is a text that Postgres reads
    columns = [sa.column(name, table.c[name].type) for name in names]
    records = sa.func.json_to_recordset(sa.cast(sa.literal(text, sa.Text), JSON))
    source = records.table_valued(*columns, name="given").render_derived(with_types=True)
    return sa.insert(table).from_select(list(names), sa.select(*(source.c[name] for name in names)))
