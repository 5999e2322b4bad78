"""The rows of a list of candidates, as a table and in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from autotune.values import value_text
from autotune.views.tables import Records
from autotune_wire.candidates import Candidate, CandidateList, Cell, SuggestedCandidate
from autotune_wire.space import Covariate

NUMBER, STATE, RUNS = "number", "state", "runs"


def candidate_records(rows: Sequence[Candidate], space: Mapping[str, Covariate], details: Sequence[str]) -> Records:
    """Build a table of rows: the number, the covariates, the details, the state and how many runs count."""
    own = {NUMBER, STATE, RUNS}
    covars = {name: f"covars.{name}" if name in own else name for name in space if space[name].role != "context"}
    columns = {**covars, **{name: f"details.{name}" if name in own else name for name in details}}
    records: list[dict[str, Any]] = [
        {
            NUMBER: row.number,
            **{columns[name]: cell for name, cell in {**row.covars, **row.details}.items() if name in columns},
            STATE: row.state,
            RUNS: row.n_told,
        }
        for row in rows
    ]
    return Records([NUMBER, *columns.values(), STATE, RUNS], records)


def list_text(listed: CandidateList) -> str:
    """Write how many rows a list has and how many are left."""
    text = f"{listed.n} rows"
    if listed.n_left is not None:
        text += f", {listed.n_left} left"
    return text + (f", {listed.n_withdrawn} withdrawn" if listed.n_withdrawn else "")


def row_texts(candidate: SuggestedCandidate | None) -> list[tuple[str, str]]:
    """Return the number of a row of a list and its details, as pairs of name and text; empty without a row."""
    if candidate is None:
        return []
    details = [(name, cell_text(cell)) for name, cell in candidate.details.items() if cell is not None]
    return [("row", str(candidate.number)), *details]


def cell_text(cell: Cell) -> str:
    """Write a detail for a person."""
    if cell is None:
        return ""
    return ("yes" if cell else "no") if isinstance(cell, bool) else value_text(cell)
