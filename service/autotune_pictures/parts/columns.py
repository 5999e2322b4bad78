"""Data in columns: of a thousand rows, only what differs is written for each."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from autotune_pictures.parts.frame import Spec


def columnar(fields: Mapping[str, Sequence[float] | Sequence[str]], derived: Mapping[str, str] | None = None) -> Spec:
    """Return the data of a layer and the transform that makes rows of them.

    Each column is one text, its values apart by spaces. A row with names takes several times as many characters, and a
    list of numbers takes a line for each number in a saved notebook.

    Args:
        fields: The columns, of equal lengths and not empty; texts hold no space.
        derived: Vega expressions by the field that each computes from those of ``fields`` and from ``number``, the
            number of the row, 1 for the first.
    """
    row = {f"all_{field}": " ".join(map(_written, column)) for field, column in fields.items()}
    transform: list[Spec] = [{"calculate": f"split(datum.all_{field}, ' ')", "as": f"text_{field}"} for field in fields]
    transform.append({"flatten": [f"text_{field}" for field in fields]})
    for field, column in fields.items():
        read = "datum.text_{}" if isinstance(column[0], str) else "toNumber(datum.text_{})"
        transform.append({"calculate": read.format(field), "as": field})
    transform += [{"window": [{"op": "row_number", "as": "number"}]}] if derived else []
    transform += [{"calculate": expression, "as": field} for field, expression in (derived or {}).items()]
    return {"data": {"values": [row]}, "transform": transform}


def looked_up(field: str, table: Sequence[Any]) -> str:
    """Return the Vega expression of the entry of a table at the index that a field has.

    Texts are JSON in this expression, so that no character of a name can end it.
    """
    return f"({json.dumps(list(table))})[datum.{field}]"


def indices(values: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return for each text its index in the table of the different texts, and this table."""
    table = {text: index for index, text in enumerate(dict.fromkeys(values))}
    return [table[text] for text in values], list(table)


def _written(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.10g}"
