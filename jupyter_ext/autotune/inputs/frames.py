"""The space of a DataFrame of past runs: each column that is no response becomes a covariate, over its own range."""

from collections.abc import Collection
from typing import Any

from autotune.inputs.guessing import with_guess
from autotune.values import is_missing, plain
from autotune_wire.responses import RESPONSE
from autotune_wire.told_columns import ABOUT, EXCLUDED, FAILED_BECAUSE, SD, STATUS, STOPPED_STEP


def is_frame(given: Any) -> bool:
    """Return whether something is a DataFrame of pandas, or a table with the same methods."""
    return hasattr(given, "columns") and hasattr(given, "itertuples")


def covariates_of_frame(frame: Any, responses: Collection[str] | None) -> dict[str, Any]:
    """Describe the covariates of past runs.

    A column of whole numbers becomes an ``int``, of other numbers a ``cont``, each over the range of its values, and of
    texts a ``cat`` with its values as options. The columns that a history has about its runs are left out.

    Args:
        frame: A DataFrame with a row for each run.
        responses: The names of the responses, which are columns; None stands for a single one, ``Response``.

    Raises:
        ValueError: If a column of the responses is missing, or the values of a column are no values of a covariate.
    """
    columns = [str(column) for column in frame.columns]
    measured = [RESPONSE] if responses is None else list(responses)
    lacking = [name for name in measured if name not in columns]
    if lacking:
        raise ValueError(
            f"has no column {lacking[0]!r}: name the columns that are responses, as by --max COLUMN or "
            f'responses={{"COLUMN": "maximize"}}; the columns are {", ".join(columns)}'
        )
    about = {*measured, *ABOUT, STATUS, FAILED_BECAUSE, STOPPED_STEP, EXCLUDED, SD}
    about |= {f"{name} {SD}" for name in measured}
    covariates = {}
    for place, column in enumerate(columns):
        if column not in about:
            values = [plain(value) for value in frame.iloc[:, place] if not is_missing(value)]
            covariates[column] = with_guess(covariate_of_values(column, values))
    return covariates


def covariate_of_values(column: str, values: list[Any]) -> dict[str, Any]:
    """Describe the covariate that a column of a table is, without a guess.

    Raises:
        ValueError: If the column has no value, or values that are neither numbers nor texts.
    """
    if not values:
        raise ValueError(f"has no value in the column {column!r}: leave the column out")
    if all(isinstance(value, str) for value in values):
        return {"vtype": "cat", "options": list(dict.fromkeys(values))}
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        raise ValueError(f"has values in the column {column!r} that are neither numbers nor texts: write them as texts")
    is_whole = all(isinstance(value, int) for value in values)
    return {"vtype": "int" if is_whole else "cont", "min": min(values), "max": max(values)}
