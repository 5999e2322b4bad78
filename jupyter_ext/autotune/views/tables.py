"""Small HTML tables for notebooks, and tables of runs and predictions for pandas."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.util import find_spec
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from autotune_wire.base import Configuration, Value
from autotune_wire.observations import Observation
from autotune_wire.responses import Responses, primary_of
from autotune_wire.space import Space, backfilled
from autotune_wire.suggestions import Predicted
from autotune_wire.told_columns import (
    EXCLUDED,
    FAILED_BECAUSE,
    ID,
    NOTE,
    OUTSIDE,
    SD,
    STATUS,
    STOPPED_STEP,
    TAGS,
    TIME,
    TOLD_BY,
    Columns,
    columns_of,
)

Row = Sequence[str]
WHY_NOT = "why_not"
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


class Records(NamedTuple):
    """The rows of a table, before they are a DataFrame.

    Attributes:
        columns: The names of the columns, in order.
        rows: A dict for each row; a cell that is missing or None is empty.
    """

    columns: list[str]
    rows: list[dict[str, Any]]


def run_records(
    runs: Sequence[Observation],
    space: Space,
    responses: Responses,
    tellers: Mapping[UUID, str] = MappingProxyType({}),
    backfill: Mapping[str, Value] = MappingProxyType({}),
    reported: str | None = None,
) -> Records:
    """Build the rows of observations: one for each run, with its id, covariates, responses and the time of its tell.

    The id is the run's number in the order in which all runs were told, counted from 1, as in the live panel. Further
    columns appear only where a run has something for them: the standard deviations that were told, ``status`` where a
    run failed or was stopped early, ``stopped_step`` where one was stopped, ``failed_because`` where somebody said why,
    ``excluded`` where a run is excluded, ``outside``, which names the covariates whose values lie outside the space,
    ``note`` and ``tags`` where somebody wrote them, and ``told_by`` where the user who told it is known. ``columns_of``
    names the columns.

    Args:
        runs: All observations, oldest first.
        space: The covariates.
        responses: The responses.
        tellers: The addresses of the users who told the observations.
        backfill: The values that runs had of the covariates that were added after them.
        reported: The response that runs report; in its column a run that was stopped has its last value.
    """
    columns = columns_of(space, list(responses))
    own = [*columns.responses.values()]
    own += [column for name, column in columns.sds.items() if any(name in run.sds for run in runs)]
    own += [STATUS] if any(run.status == "failed" or run.stopped_step is not None for run in runs) else []
    own += [STOPPED_STEP] if any(run.stopped_step is not None for run in runs) else []
    own += [FAILED_BECAUSE] if any(run.failed_because for run in runs) else []
    own += [EXCLUDED] if any(run.is_excluded for run in runs) else []
    own += [OUTSIDE] if any(run.outside for run in runs) else []
    own += [NOTE] if any(run.note for run in runs) else []
    own += [TAGS] if any(run.tags for run in runs) else []
    own += [TOLD_BY] if any(run.told_by in tellers for run in runs) else []
    records = []
    for n, run in enumerate(runs, start=1):
        filled = run.model_copy(update={"covars": backfilled(space, run.covars, backfill)})
        if run.stopped_value is not None:
            last = {reported or primary_of(responses)[0]: run.stopped_value}
            filled = filled.model_copy(update={"responses": run.responses | last})
        records.append({ID: n, **_record(filled, columns, responses, tellers)})
    return Records([ID, *columns.covars.values(), *own, TIME], records)


def prediction_table(
    configurations: Sequence[Configuration],
    predictions: Sequence[Mapping[str, Predicted]],
    space: Space,
    responses: Responses,
    why_not: Sequence[str | None] = (),
) -> Any:
    """Build a table of predictions: covariates, then mean and standard deviation of each response.

    Cells are empty for a response that has no model yet. A column ``why_not`` appears only where a configuration would
    not be suggested.
    """
    is_alone = len(responses) == 1
    columns = {name: ("mean" if is_alone else f"{name} mean", sd_column(name, responses)) for name in responses}
    own = [column for pair in columns.values() for column in pair]
    own += [WHY_NOT] if any(why_not) else []
    renamed = _renamed(space, set(own))
    records = []
    reasons = why_not or [None] * len(predictions)
    for covars, predicted, reason in zip(configurations, predictions, reasons, strict=True):
        record = {renamed.get(name, name): value for name, value in covars.items()}
        for name, prediction in predicted.items():
            record |= zip(columns[name], (prediction.mean, prediction.sd), strict=True)
        if reason is not None:
            record[WHY_NOT] = f"not allowed: {reason}"
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


def _record(run: Observation, columns: Columns, responses: Responses, tellers: Mapping[UUID, str]) -> dict[str, Any]:
    # An older service sends the primary response only.
    measured: dict[str, Any] = dict(run.responses) or {primary_of(responses)[0]: run.response}
    record: dict[str, Any] = {}
    for named, cells in ((columns.covars, run.covars), (columns.responses, measured), (columns.sds, run.sds)):
        record |= {named[name]: value for name, value in cells.items() if name in named}
    teller = None if run.told_by is None else tellers.get(run.told_by)
    status = run.status if run.stopped_step is None else "stopped"
    record |= {STATUS: status, FAILED_BECAUSE: run.failed_because, EXCLUDED: run.is_excluded}
    record |= {STOPPED_STEP: run.stopped_step}
    record |= {OUTSIDE: ", ".join(run.outside), NOTE: run.note, TAGS: ", ".join(run.tags) or None}
    return {**record, TOLD_BY: teller, TIME: run.time_created}


def _renamed(space: Space, taken: set[str]) -> dict[str, str]:
    # A covariate may have the name of one of our own columns: it gets another name, so that both are shown.
    return {name: f"covars.{name}" if name in taken else name for name in space}
