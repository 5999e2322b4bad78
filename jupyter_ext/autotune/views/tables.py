"""Small HTML tables for notebooks, and tables of runs and predictions for pandas."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.util import find_spec
from typing import Any

from autotune_wire.base import Configuration
from autotune_wire.observations import Observation
from autotune_wire.responses import Responses, primary_of
from autotune_wire.space import Space
from autotune_wire.suggestions import Predicted

Row = Sequence[str]
STATUS, EXCLUDED, TIME, SD = "status", "excluded", "time_created", "sd"
_LEFT = 'style="text-align:left"'


def html_table(caption: str, rows: Sequence[Row], header: Row = ()) -> str:
    """Write an HTML table whose first column names each row; every cell is escaped."""
    head = "".join(f"<th {_LEFT}>{escape(cell)}</th>" for cell in header)
    body = "".join(
        f"<tr><th {_LEFT}>{escape(name)}</th>" + "".join(f"<td {_LEFT}>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for name, *cells in rows
    )
    title = f"<caption {_LEFT}>{escape(caption)}</caption>"
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def run_table(runs: Sequence[Observation], space: Space, responses: Responses) -> Any:
    """Build a table of observations: a row for each run, with its covariates, its responses and the time of its tell.

    Further columns appear only where a run has something for them: the standard deviations that were told, ``status``
    where a run failed, and ``excluded`` where a run is excluded.
    """
    own = [*responses]
    own += [sd_column(name, responses) for name in responses if any(name in run.sds for run in runs)]
    own += [STATUS] if any(run.status == "failed" for run in runs) else []
    own += [EXCLUDED] if any(run.is_excluded for run in runs) and EXCLUDED not in responses else []
    own.append(TIME)
    renamed = _renamed(space, {*own, STATUS, EXCLUDED})
    records = [_record(run, renamed, responses) for run in runs]
    return table([*renamed.values(), *own], records)


def prediction_table(
    configurations: Sequence[Configuration],
    predictions: Sequence[Mapping[str, Predicted]],
    space: Space,
    responses: Responses,
) -> Any:
    """Build a table of predictions: covariates, then mean and standard deviation of each response.

    Cells are empty for a response that has no model yet.
    """
    is_alone = len(responses) == 1
    columns = {name: ("mean" if is_alone else f"{name} mean", sd_column(name, responses)) for name in responses}
    own = [column for pair in columns.values() for column in pair]
    renamed = _renamed(space, set(own))
    records = []
    for covars, predicted in zip(configurations, predictions, strict=True):
        record = {renamed.get(name, name): value for name, value in covars.items()}
        for name, prediction in predicted.items():
            record |= zip(columns[name], (prediction.mean, prediction.sd), strict=True)
        records.append(record)
    return table([*renamed.values(), *own], records)


def table(columns: Sequence[str], records: Sequence[dict[str, Any]]) -> Any:
    """Return a pandas DataFrame where pandas is installed, else a list of dicts."""
    filled = [{column: record.get(column) for column in columns} for record in records]
    if find_spec("pandas") is None:
        return filled
    import pandas as pd

    return pd.DataFrame.from_records(filled, columns=list(columns))


def sd_column(name: str, responses: Responses) -> str:
    """Return the name of the column of a response's standard deviations, as in the CSV that the service reads."""
    return SD if len(responses) == 1 else f"{name} {SD}"


def _record(run: Observation, renamed: Mapping[str, str], responses: Responses) -> dict[str, Any]:
    record: dict[str, Any] = {renamed.get(name, name): value for name, value in run.covars.items()}
    # An older service sends the primary response only.
    measured: dict[str, Any] = dict(run.responses) or {primary_of(responses)[0]: run.response}
    record |= {EXCLUDED: run.is_excluded} | measured
    record |= {sd_column(name, responses): sd for name, sd in run.sds.items()}
    return {**record, STATUS: run.status, TIME: run.time_created}


def _renamed(space: Space, taken: set[str]) -> dict[str, str]:
    # A covariate may have the name of one of our own columns: it gets another name, so that both are shown.
    return {name: f"covars.{name}" if name in taken else name for name in space}
