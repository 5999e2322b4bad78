"""Insert many rows with one statement that has one argument.

A statement with a VALUES line for each row takes longer to compile than to run. It also has to be compiled again for
each number of rows.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSON

from autotune_service.store.statements import Filled, Statement, json_text


def insert_rows(table: sa.Table, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> Filled:
    """Build the query that stores rows.

    Args:
        table: The table that the rows go to.
        names: The columns that the rows have.
        rows: The value of each column, by its name. The keys in the value of a JSON column keep their order.
    """
    # UUIDs and times are texts in the JSON; Postgres converts them to the types of the columns.
    return insert_written(table, names, json_text(rows))


def insert_written(table: sa.Table, names: Sequence[str], text: str) -> Filled:
    """Build the query that stores rows that are JSON already, a list of objects."""
    return _insert(table, tuple(names))(rows=text)


@lru_cache
def _insert(table: sa.Table, names: tuple[str, ...]) -> Statement:
    columns = [sa.column(name, table.c[name].type) for name in names]
    records = sa.func.json_to_recordset(sa.cast(sa.bindparam("rows", type_=sa.Text), JSON))
    source = records.table_valued(*columns, name="given").render_derived(with_types=True)
    return Statement(sa.insert(table).from_select(list(names), sa.select(*(source.c[name] for name in names))))
