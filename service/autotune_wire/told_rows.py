"""The rows of a table of runs, read into one record for each run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from autotune_wire.numerals import Cell, DecimalSign, UndecidedError, decimal_sign
from autotune_wire.problems import MAX_PROBLEMS
from autotune_wire.space import CatCovariate, Space, is_active, listed
from autotune_wire.told_cells import CellError, Options, finite_number, is_nothing, value_of
from autotune_wire.told_columns import (
    EXCLUDED,
    FAILED_BECAUSE,
    STATUS,
    STOPPED_STEP,
    Assigned,
    ColumnsError,
    Role,
    assigned_roles,
)
from autotune_wire.told_tables import Record, detail, refusal

_STATE = "state"
_UNFINISHED = ("PRUNED", "RUNNING", "WAITING")
_STATES = {"COMPLETE": "ok", "FAIL": "failed"} | dict.fromkeys(_UNFINISHED, "")
_TRUTHS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
_HINT = "say which with decimal, or write the number without a sign between its thousands"


class Sheet(NamedTuple):
    """A table as it was given: texts of a file, or values of a frame.

    Attributes:
        header: The names of the columns.
        rows: The cells of each row, one for each column.
        places: The name of each row in messages, as in ``line 7``.
        header_place: The name of the header in messages; empty if it needs none.
        path: What stands before these names in the path of a field.
        usual_sign: The decimal sign where no number decides it; None if neither is usual.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    places: Sequence[str]
    header_place: str = ""
    path: tuple[str, ...] = ()
    usual_sign: DecimalSign | None = None

    def loc(self, *parts: str) -> tuple[str, ...]:
        """Return the path of a field."""
        return (*self.path, *(part for part in parts if part))


class Terms(NamedTuple):
    """How a table is to be read, where the table itself leaves it open.

    Attributes:
        ignored: The names of columns to leave out.
        sign: The decimal sign of numbers that are texts; None to decide by all of them.
        takes_extra: Whether further columns that are not the experiment's are left out, or refused.
    """

    ignored: frozenset[str] = frozenset()
    sign: DecimalSign | None = None
    takes_extra: bool = False


class Read(NamedTuple):
    """The runs of a table.

    Attributes:
        places: For each run the name of its row.
        records: The runs.
        notices: What was left out or is read in a way that the user should know, a sentence each.
    """

    places: list[str]
    records: list[Record]
    notices: list[str]


def read_sheet(sheet: Sheet, space: Space, responses: Sequence[str], terms: Terms) -> Read:
    """Read the runs of a table.

    Runs that are excluded are left out, and so are trials of Optuna that did not end. The value of a covariate that is
    not active in a run is left out.

    Raises:
        ValidationError: If a column is missing, a column is extra where ``terms`` take none, or a cell cannot be read.
            The error names the row and the column.
    """
    try:
        kept = [index for index, name in enumerate(sheet.header) if name not in terms.ignored]
        assigned = assigned_roles([sheet.header[index] for index in kept], list(space), responses)
    except ColumnsError as error:
        raise refusal(sheet.loc(sheet.header_place, error.column), None, str(error)) from None
    _check_columns(sheet, space, responses, assigned, terms)
    columns = [(index, role) for index, role in zip(kept, assigned.roles, strict=True) if role is not None]
    reader = _Reader(sheet, space, columns, terms)
    notices = _notices_of_columns(assigned)
    read = reader.read()
    return read._replace(notices=notices + read.notices)


def _check_columns(sheet: Sheet, space: Space, responses: Sequence[str], assigned: Assigned, terms: Terms) -> None:
    found = set(assigned.roles)
    others = f"; columns that are not the experiment's: {listed(assigned.extra)}" if assigned.extra else ""
    wrong = [
        detail(sheet.loc(sheet.header_place, name), None, f"is a covariate without a column{others}")
        for name, covariate in space.items()
        if covariate.active_if is None and Role("covars", name) not in found
    ]
    if not {Role("responses", name) for name in responses} & found and not found & {Role(STATUS), Role(_STATE)}:
        message = f"there is no column of a response ({listed(list(responses))}){others}"
        wrong.append(detail(sheet.loc(sheet.header_place), None, message))
    if assigned.extra and not terms.takes_extra and not wrong:
        known = listed([*space, *responses])
        message = f"is not a column of this experiment; the columns are {known}. To leave it out, name it in ignore"
        wrong = [detail(sheet.loc(sheet.header_place, name), None, message) for name in assigned.extra[:MAX_PROBLEMS]]
    if wrong:
        raise ValidationError.from_exception_data("Tell", wrong[:MAX_PROBLEMS])


def _notices_of_columns(assigned: Assigned) -> list[str]:
    notices = []
    if assigned.extra:
        names = listed(assigned.extra)
        notices.append(f"left out because they are not columns of this experiment: {names}")
    if assigned.by_position:
        pairs = ", ".join(f"{column} as {name}" for column, name in assigned.by_position.items())
        notices.append(f"the values are read in the order of the responses: {pairs}")
    return notices


class _Reader:
    """Reads the rows of a table whose columns are known."""

    def __init__(self, sheet: Sheet, space: Space, columns: Sequence[tuple[int, Role]], terms: Terms) -> None:
        self._sheet = sheet
        self._space = space
        # Whether a covariate is active depends on covariates that always are: these come first.
        self._columns = sorted(columns, key=lambda column: self._is_conditional(column[1]))
        self._parts = {role.part for _, role in columns}
        self._terms = terms
        self._options = {
            name: Options(covariate) for name, covariate in space.items() if isinstance(covariate, CatCovariate)
        }
        self._wrong: list[InitErrorDetails] = []
        self._unfinished: Counter[str] = Counter()
        self._inactive: Counter[str] = Counter()

    def read(self) -> Read:
        """Read all rows; see ``read_sheet``."""
        kept = list(self._kept_rows())
        sign = self._decimal_sign([index for index, _ in kept])
        places: list[str] = []
        records: list[Record] = []
        for index, status in kept:
            if len(self._wrong) >= MAX_PROBLEMS:
                break
            places.append(self._sheet.places[index])
            records.append(self._record(index, status, sign))
        if self._wrong:
            raise ValidationError.from_exception_data("Tell", self._wrong[:MAX_PROBLEMS])
        return Read(places, records, list(self._notices()))

    def _notices(self) -> Iterator[str]:
        if self._unfinished:
            counts = ", ".join(f"{count} {state}" for state, count in self._unfinished.items())
            yield f"left out because these trials did not end: {counts}"
        for name, count in self._inactive.items():
            yield f"the value of {name} is left out in {count} {'run' if count == 1 else 'runs'} where it is not active"

    def _kept_rows(self) -> Iterator[tuple[int, str]]:
        """Yield the rows that hold a run to be told, each with the run's status."""
        about = [(column, role.part) for column, role in self._columns if role.part in {STATUS, EXCLUDED, _STATE}]
        for index, row in enumerate(self._sheet.rows):
            status, is_excluded = "ok", False
            for column, part in about:
                cell = row[column]
                try:
                    if part == EXCLUDED:
                        is_excluded = _truth(cell)
                    else:
                        status = _status(cell) if part == STATUS else self._status_of(cell)
                except CellError as error:
                    self._refuse(index, column, str(error))
            if status and not is_excluded:
                yield index, status

    def _status_of(self, state: Any) -> str:
        name = str(state).strip().upper().removeprefix("TRIALSTATE.")
        if name not in _STATES:
            raise CellError(f"must be one of {', '.join(_STATES)}")
        if name in _UNFINISHED:
            self._unfinished[name] += 1
        return _STATES[name]

    def _decimal_sign(self, indices: Sequence[int]) -> DecimalSign:
        if self._terms.sign is not None:
            return self._terms.sign
        numeric = [
            column
            for column, role in self._columns
            if role.part in {"responses", "sds"} or (role.part == "covars" and self._is_numeric(role.name))
        ]
        cells = (
            Cell(self._sheet.places[index], self._sheet.header[column], cell.strip())
            for index in indices
            for column in numeric
            if isinstance(cell := self._sheet.rows[index][column], str)
        )
        try:
            return decimal_sign(cells, self._sheet.usual_sign, _HINT)
        except UndecidedError as error:
            wrong = [
                detail(self._sheet.loc(cell.place, cell.column), cell.text, message)
                for cell, message in error.problems[:MAX_PROBLEMS]
            ]
            raise ValidationError.from_exception_data("Tell", wrong) from None

    def _is_conditional(self, role: Role) -> bool:
        return role.part == "covars" and self._space[role.name].active_if is not None

    def _is_numeric(self, name: str) -> bool:
        covariate = self._space[name]
        return not isinstance(covariate, CatCovariate) or not isinstance(covariate.options[0], str)

    def _record(self, index: int, status: str, sign: DecimalSign) -> Record:
        parts: dict[str, Record] = {"covars": {}, "responses": {}, "sds": {}}
        n_wrong = len(self._wrong)
        row = self._sheet.rows[index]
        for column, role in self._columns:
            if role.part not in parts or self._is_inactive(role, row[column], parts["covars"]):
                continue
            try:
                value = self._value(role, row[column], sign)
            except CellError as error:
                self._refuse(index, column, str(error))
                continue
            if value is not None:
                parts[role.part][role.name] = value
        if status == "failed" and _STATE in self._parts:
            # Optuna keeps what a trial reported before it failed.
            parts["responses"], parts["sds"] = {}, {}
        if len(self._wrong) == n_wrong:
            self._check_outcome(index, status, parts)
        record: Record = {part: cells for part, cells in parts.items() if cells or part == "covars"}
        record |= {STATUS: status} if self._parts & {STATUS, _STATE} else {}
        return record | self._failed_because(row) | self._stopped_step(index, sign)

    def _failed_because(self, row: Sequence[Any]) -> Record:
        cells = (row[column] for column, role in self._columns if role.part == FAILED_BECAUSE)
        said = next((cell for cell in cells if not is_nothing(cell)), None)
        return {} if said is None else {FAILED_BECAUSE: str(said).strip()}

    def _stopped_step(self, index: int, sign: DecimalSign) -> Record:
        row = self._sheet.rows[index]
        columns = [column for column, role in self._columns if role.part == STOPPED_STEP]
        for column in columns:
            if not is_nothing(row[column]):
                try:
                    return {STOPPED_STEP: _whole(finite_number(row[column], sign))}
                except CellError as error:
                    self._refuse(index, column, str(error))
        return {}

    def _is_inactive(self, role: Role, cell: Any, covars: Record) -> bool:
        is_inactive = role.part == "covars" and not is_active(self._space, role.name, covars)
        if is_inactive and not is_nothing(cell):
            self._inactive[role.name] += 1
        return is_inactive

    def _value(self, role: Role, cell: Any, sign: DecimalSign) -> Any:
        if role.part == "covars":
            return value_of(self._space[role.name], self._options.get(role.name), cell, sign)
        if is_nothing(cell):
            return None
        number = finite_number(cell, sign)
        if role.part == "sds" and number < 0:
            raise CellError("must not be negative")
        return number

    def _check_outcome(self, index: int, status: str, parts: Mapping[str, Record]) -> None:
        place = self._sheet.loc(self._sheet.places[index])
        measured = parts["responses"]
        if status == "failed" and measured:
            self._wrong.append(detail((*place, STATUS), "failed", "a failed run has no response"))
        elif status == "ok" and not measured:
            message = "has no response; set status to failed for a run that gave no response"
            self._wrong.append(detail(place, None, message))
        elif alone := [name for name in parts["sds"] if name not in measured]:
            message = f"has a standard deviation of {alone[0]}, but no response {alone[0]}"
            self._wrong.append(detail(place, None, message))

    def _refuse(self, index: int, column: int, message: str) -> None:
        field = self._sheet.loc(self._sheet.places[index], self._sheet.header[column])
        self._wrong.append(detail(field, self._sheet.rows[index][column], message))


def _status(cell: Any) -> str:
    status = "ok" if is_nothing(cell) else str(cell).strip().casefold()
    if status not in {"ok", "failed", "stopped"}:
        raise CellError("must be ok, failed, stopped or empty; ignore can leave out a column that means something else")
    return status


def _whole(number: float) -> int:
    if number != int(number) or number < 0:
        raise CellError("must be a whole number, 0 or more")
    return int(number)


def _truth(cell: Any) -> bool:
    found = False if is_nothing(cell) else _TRUTHS.get(str(cell).strip().casefold())
    if found is None:
        raise CellError("must be true, false or empty; ignore can leave out a column that means something else")
    return found
