"""The two tables of a tell, ``covars_tell`` and ``response_tell``, read into one record per run."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails

from autotune_wire.space import Covariate, listed
from autotune_wire.tables import Table, rows_of
from autotune_wire.told_cells import CellError, Options, with_options

Record = dict[str, Any]


def table_records(
    covars_tell: Table, response_tell: Table, responses: Sequence[str], space: Mapping[str, Covariate]
) -> list[Record]:
    """Read the two tables into records, one per run.

    A cell is null if the covariate is not active in the run, or the response was not measured.

    Raises:
        ValidationError: If a table cannot be read, the tables differ in length, a column of ``response_tell`` is not a
            response, or a row has no response.
    """
    known: dict[str, Options] = {}
    covars = [_with_options(index, row, space, known) for index, row in enumerate(_rows("covars_tell", covars_tell))]
    measured = [_named(row, responses) for row in _rows("response_tell", response_tell)]
    if len(covars) != len(measured):
        message = f"has {len(measured)} rows, covars_tell has {len(covars)}"
        raise refusal(("response_tell",), response_tell, message)
    for index, row in enumerate(measured):
        _check_measured(index, row, responses)
    rows = zip(covars, measured, strict=True)
    if len(responses) == 1:
        return [{"covars": _filled(row), "response": values[responses[0]]} for row, values in rows]
    return [{"covars": _filled(row), "responses": _filled(values)} for row, values in rows]


def in_tables(index: int, found: ErrorDetails, responses: Sequence[str]) -> InitErrorDetails:
    """Translate an error in a run into an error in the cell of the two tables that the run was read from."""
    loc = found["loc"]
    if loc[:1] == ("covars",):
        loc = ("covars_tell", index, *loc[1:])
    elif loc[:1] == ("response",):
        loc = ("response_tell", index, responses[0])
    elif loc[:1] == ("responses",):
        loc = ("response_tell", index, *loc[1:])
    else:
        loc = ("covars_tell",)
    return InitErrorDetails(type=found["type"], loc=loc, input=found["input"], ctx=found.get("ctx", {}))


def refusal(loc: tuple[str | int, ...], value: object, message: str) -> ValidationError:
    """Build the error for one wrong place in the body."""
    return ValidationError.from_exception_data("Tell", [detail(loc, value, message)])


def detail(loc: tuple[str | int, ...], value: object, message: str) -> InitErrorDetails:
    """Describe one wrong place in the body, as a part of a ``ValidationError``."""
    return InitErrorDetails(type="value_error", loc=loc, input=value, ctx={"error": ValueError(message)})


def _rows(field: str, table: Table) -> list[Record]:
    try:
        return rows_of(table)
    except ValueError as error:
        raise refusal((field,), table, str(error)) from None


def _with_options(index: int, row: Record, space: Mapping[str, Covariate], known: dict[str, Options]) -> Record:
    try:
        return with_options(row, space, known)
    except CellError as error:
        raise refusal(("covars_tell", index), None, str(error)) from None


def _named(row: Record, responses: Sequence[str]) -> Record:
    """Rename the column of an only response that is written in another case, or called as one without a name is."""
    if len(responses) > 1 or len(row) != 1:
        return row
    [(name, value)] = row.items()
    return {responses[0]: value} if name.casefold() in {responses[0].casefold(), "response"} else row


def _check_measured(index: int, row: Record, responses: Sequence[str]) -> None:
    unknown = [name for name in row if name not in responses]
    if unknown or not row:
        message = f"must have the columns {', '.join(responses)}, but has {listed(unknown) or 'none'}"
        raise refusal(("response_tell",), list(row), message)
    if all(value is None for value in row.values()):
        raise refusal(
            ("response_tell", index, next(iter(row))), None, "is missing, and so is every other response of the run"
        )


def _filled(row: Record) -> Record:
    return {name: value for name, value in row.items() if value is not None}
