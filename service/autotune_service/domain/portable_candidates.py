"""The list of candidates of an imported experiment: its rows, and what refers to them."""

from collections.abc import Iterator

from autotune_service.domain.candidates import BLOCK, Block, CheckedRow, check_bytes, packed, row_problems
from autotune_service.domain.configuration import value_in
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.portable_text import PortableDocument
from autotune_wire.base import Configuration, Value
from autotune_wire.candidates import CandidateList, cell_problems
from autotune_wire.portable import PortableRows
from autotune_wire.problems import FieldProblem, shown
from autotune_wire.space import Space


def candidate_problems(document: PortableDocument) -> Iterator[FieldProblem]:
    """Find rows that are not where they should be or do not fit the space, and numbers that no row has."""
    space = document.spaces[-1].covars
    n, n_bytes = 0, 0
    for index, rows in enumerate(document.candidates):
        field = f"candidates.{index}"
        is_last = index + 1 == len(document.candidates)
        problems = [*_form_problems(rows, field, n + 1, is_last=is_last), *_name_problems(space, rows, field)]
        yield from problems
        if problems:
            return
        n += rows.n
        try:
            n_bytes += block_of(space, rows, field).n_bytes
            check_bytes(n_bytes, "candidates")
        except InvalidError as error:
            yield from error.errors
            return
    for name, numbered in (
        ("suggestions", (None if one.candidate is None else one.candidate.number for one in document.suggestions)),
        ("observations", (one.candidate for one in document.observations)),
    ):
        for index, number in enumerate(numbered):
            if number is not None and number > n:
                message = f"must be the number of a row of candidates, and there are {n}"
                yield FieldProblem(field=f"{name}.{index}.candidate", message=message, value=number)


def block_of(space: Space, rows: PortableRows, field: str) -> Block:
    """Check rows and pack them as they are stored.

    Args:
        space: The newest space; rows that are withdrawn may lie outside it.
        rows: The rows.
        field: Their place in the document.

    Raises:
        InvalidError: If a row does not fit.
    """
    withdrawn = set(rows.withdrawn)
    columns = {**rows.covars, **rows.details}
    listed = [{name: values[i] for name, values in columns.items() if values[i] is not None} for i in range(rows.n)]
    problems = cell_problems(space, listed, field)
    if problems:
        raise InvalidError.of(problems)
    checked = []
    for number, row in enumerate(listed, start=rows.first):
        if number not in withdrawn:
            problems = list(row_problems(space, row, f"{field}.covars", f"row {number} of the list"))
            if problems:
                raise InvalidError.of(problems)
        covars = {name: rows.covars[name][number - rows.first] for name in rows.covars if name in row}
        checked.append(CheckedRow(_typed(space, covars), {name: row.get(name) for name in rows.details}))
    (block,) = packed(checked, rows.first)
    block.withdrawn.extend(sorted(withdrawn))
    return block


def _typed(space: Space, covars: dict[str, Value | None]) -> Configuration:
    """Return the values of a row in their covariates' own types; what is beyond these stays as it is."""
    typed: Configuration = {}
    for name, value in covars.items():
        if value is not None:
            own = value_in(space[name], value)
            typed[name] = value if own is None else own
    return typed


def list_of(document: PortableDocument, n_bytes: int) -> dict[str, object] | None:
    """Return what the experiment says of its list, as its column has it; None without a list."""
    if not len(document.candidates):
        return None
    n, n_withdrawn = 0, 0
    names: dict[str, None] = {}
    for rows in document.candidates:
        n, n_withdrawn = n + rows.n, n_withdrawn + len(set(rows.withdrawn))
        names |= dict.fromkeys(rows.details)
    listed = CandidateList(n=n, n_withdrawn=n_withdrawn, details=[*names])
    revision = sum(event.type == "candidates_changed" for event in document.events)
    return {**listed.model_dump(mode="json", exclude={"n_left"}), "n_bytes": n_bytes, "revision": revision}


def _form_problems(rows: PortableRows, field: str, first: int, *, is_last: bool) -> Iterator[FieldProblem]:
    if rows.first != first:
        message = f"must be {first}: the rows are numbered from 1 without a gap"
        yield FieldProblem(field=f"{field}.first", message=message, value=rows.first)
    if rows.n != BLOCK and not is_last:
        yield FieldProblem(field=f"{field}.n", message=f"must be {BLOCK}, except for the last", value=rows.n)
    for part, columns in (("covars", rows.covars), ("details", rows.details)):
        for name, values in columns.items():
            if len(values) != rows.n:
                message = f"must have {rows.n} values, one for each row"
                yield FieldProblem(field=f"{field}.{part}.{name}", message=message, value=len(values))
    outside = [number for number in rows.withdrawn if not first <= number < first + rows.n]
    if outside:
        message = f"must be numbers of these rows, {first} to {first + rows.n - 1}"
        yield FieldProblem(field=f"{field}.withdrawn", message=message, value=outside[0])


def _name_problems(space: Space, rows: PortableRows, field: str) -> Iterator[FieldProblem]:
    for name in rows.covars:
        if name not in space or space[name].role == "context":
            yield FieldProblem(field=f"{field}.covars.{shown(name)}", message="is no covariate that rows have")
    for name in rows.details:
        if name in space:
            yield FieldProblem(field=f"{field}.details.{shown(name)}", message="is a covariate, and no detail")
