"""Lists of candidates: an experiment's suggestions are then rows of a table, such as a plate or a library."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from autotune_wire.base import MAX_NAME_LENGTH, MAX_WHOLE, Configuration, Reply, Request, storable
from autotune_wire.names import name_problems
from autotune_wire.problems import MAX_PROBLEMS, FieldProblem, shown, validation_error
from autotune_wire.space import MAX_COVARIATES, Covariate, listed

MAX_CANDIDATES = 100_000
MAX_CANDIDATE_BYTES = 32 * 2**20
"""Of all rows of a list as JSON, so that an export with the list can be imported."""

MAX_DETAILS = 20
MAX_DETAIL_LENGTH = 200
MAX_CHANGED = 1000
"""Most rows that one request withdraws, and most that it restores."""

Cell = int | float | str | bool | None
Row = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH)], Cell],
    Field(min_length=1, max_length=MAX_COVARIATES + MAX_DETAILS),
]
"""A row of a table: the values of covariates and further columns, the details, by name."""

Rows = Annotated[list[Row], Field(max_length=MAX_CANDIDATES, fail_fast=True)]
_Number = Annotated[int, Field(strict=True, ge=1, le=MAX_CANDIDATES)]
_Numbers = Annotated[list[_Number], Field(max_length=MAX_CHANGED, fail_fast=True)]

ROWS_HELP = (
    "A key that is the name of a covariate has its value there; every covariate that is active in the row must have "
    "one, except a context, which each ask gives. Every other key is a detail, such as the number of a bottle: the "
    f"model does not use it, and suggestions hand it through. A list has at most {MAX_DETAILS} details; a detail is a "
    f"text of at most {MAX_DETAIL_LENGTH} characters, a number, true, false or null. Rows may be alike."
)

State = Literal["free", "pending", "told", "withdrawn"]


class CandidatesEdit(Request):
    """The body of ``POST /experiment/{exp_uuid}/candidates``."""

    add: Rows = Field(
        default_factory=list,
        description=f"Rows to add to the list, which has at most {MAX_CANDIDATES} rows. {ROWS_HELP}",
    )
    withdraw: _Numbers = Field(
        default_factory=list,
        description="Numbers of rows that are not suggested any more, as of an empty bottle. What was told of them "
        "stays. A row that is withdrawn already stays so.",
    )
    restore: _Numbers = Field(default_factory=list, description="Numbers of withdrawn rows that come back.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = cell_problems({}, self.add, "add")
        if not (self.add or self.withdraw or self.restore):
            problems.append(FieldProblem(field="", message="name rows to add, withdraw or restore"))
        both = sorted(set(self.withdraw) & set(self.restore))
        if both:
            message = f"the same row cannot be withdrawn and restored at once: {listed(both)}"
            problems.append(FieldProblem(field="restore", message=message, value=both[0]))
        if problems:
            raise validation_error("CandidatesEdit", problems)
        return self


class CandidateList(Reply):
    """What an experiment says of its list of candidates; the rows are read page by page."""

    n: int = Field(description="How many rows the list has; they are numbered from 1.")
    n_withdrawn: int = Field(default=0, description="How many of the rows are withdrawn.")
    n_left: int | None = Field(
        default=None,
        description="How many rows are neither withdrawn nor told, whatever constraints say; null in events.",
    )
    details: list[str] = Field(default_factory=list, description="The names of the details.")


class SuggestedCandidate(Reply):
    """The row of the list that a suggestion is."""

    number: int = Field(description="The row's number; the first row of the list is 1.")
    details: dict[str, Cell] = Field(default_factory=dict, description="The row's details.")


class Candidate(SuggestedCandidate):
    """A row of the list, as it stands."""

    covars: Configuration = Field(description="The values of the covariates.")
    state: State = Field(
        description="`free`; `pending`: suggested or taken, and not told yet; `told`: at least one run of the row "
        "counts; `withdrawn`: not suggested any more, told or not."
    )
    n_told: int = Field(default=0, description="How many runs of the row count.")


class CandidatePage(Reply):
    """A page of a list of candidates, by number; ``next`` is the cursor of the following page, null on the last."""

    candidates: list[Candidate]
    next: str | None


class RankedCandidate(SuggestedCandidate):
    """A row that is left, with the model's prediction."""

    covars: Configuration
    mean: float = Field(description="Predicted primary response, in its own unit.")
    sd: float = Field(description="Standard deviation of the prediction.")


def cell_problems(space: Mapping[str, Covariate], rows: Sequence[Row], field: str) -> list[FieldProblem]:
    """List the first names and values in rows that no list may hold, whatever its experiment.

    Args:
        space: The covariates, whose values are not looked at here; may be empty.
        rows: The rows.
        field: The place of the rows in the body.
    """
    return list(islice(_cell_problems(space, rows, field), MAX_PROBLEMS))


def _cell_problems(space: Mapping[str, Covariate], rows: Sequence[Row], field: str) -> Iterator[FieldProblem]:
    names = dict.fromkeys(name for row in rows for name in row if name not in space)
    for name in names:
        problem = _text_problem(name) or ("is blank" if not name.strip() else None)
        if problem is not None:
            yield FieldProblem(field=field, message=f"as the name of a column, {shown(name)!r} {problem}")
    for index, row in enumerate(rows):
        for name, value in row.items():
            problem = None if name in space else _cell_problem(value)
            if problem is not None:
                message = f"{problem} (row {index + 1})"
                yield FieldProblem(field=f"{field}.{index}.{shown(name)}", message=message, value=shown(value))


def _cell_problem(value: Cell) -> str | None:
    if isinstance(value, str):
        if len(value) > MAX_DETAIL_LENGTH:
            return f"must have at most {MAX_DETAIL_LENGTH} characters"
        return _text_problem(value)
    if isinstance(value, int) and abs(value) > MAX_WHOLE:
        return f"a whole number must lie between -{MAX_WHOLE} and {MAX_WHOLE}"
    return None


def _text_problem(text: str) -> str | None:
    try:
        storable(text)
    except ValueError as error:
        return str(error)
    return next((problem.message for problem in name_problems({}, {"": text})), None)
