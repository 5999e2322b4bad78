"""An experiment saved to a file: its runs as a table, or everything as one document."""

import csv
from pathlib import Path
from typing import Any

from pydantic import RootModel

from autotune.errors import InvalidInputError

TABLE, DOCUMENT = ".csv", ".json"


class Document(RootModel[dict[str, Any]]):
    """An exported experiment, as the service sends it; a newer service may send more than this client knows."""


def checked_path(path: Path, *, replace: bool) -> Path:
    """Check, before anything is fetched, that a file can be written.

    Raises:
        InvalidInputError: If the file's name ends in another way, the file exists already, or its folder does not.
    """
    if path.suffix.lower() not in {TABLE, DOCUMENT}:
        says = f"{path.name} must end in {TABLE}, for the table of runs, or in {DOCUMENT}, for the whole experiment"
        raise InvalidInputError(says)
    if path.exists() and not replace:
        raise InvalidInputError(
            f"{path} exists already\nchoose another name, or replace it with --replace (replace=True)"
        )
    if not path.absolute().parent.is_dir():
        raise InvalidInputError(f"{path} cannot be written, as there is no folder {path.parent}\nmake the folder first")
    return path


def write_table(path: Path, table: Any) -> None:
    """Write a table of runs, a DataFrame or a list of dicts, so that ``add_history`` reads it."""
    if hasattr(table, "to_csv"):
        table.to_csv(path, index=False)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(table[0]) if table else [])
        writer.writeheader()
        writer.writerows(table)
