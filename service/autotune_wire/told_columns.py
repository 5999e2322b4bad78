"""The columns of a table of runs: their names in a history, and which columns of a user's table are meant by them.

A user chooses the names of covariates and responses, so these may be those of the table's own columns, as ``status``.
In a history the covariate is then called ``covars.status`` and the response ``responses.status``.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

STATUS, FAILED_BECAUSE, STOPPED_STEP, EXCLUDED, SD = "status", "failed_because", "stopped_step", "excluded", "sd"
ID, OUTSIDE, NOTE, TAGS, TOLD_BY, TIME = "id", "outside", "note", "tags", "told_by", "time_created"
_OF_RUN = (STATUS, FAILED_BECAUSE, STOPPED_STEP, EXCLUDED)
ABOUT = (ID, OUTSIDE, NOTE, TAGS, TOLD_BY, TIME)
"""Columns of a history that are about the observation: a table that is read may have them, and they are not read."""

_COVARS, _RESPONSES, _PARAMS = "covars.", "responses.", "params_"
_OF_OPTUNA = ("number", "datetime_start", "datetime_complete", "duration")
_UNNAMED = re.compile(r"|Unnamed: \d+(_level_\d+)?")
"""The name of a column without a name, as of pandas' index, in a file and in a frame that was read from this file."""


class Role(NamedTuple):
    """What the cells of a column are.

    Attributes:
        part: ``covars``, ``responses``, ``sds``, ``status``, ``failed_because``, ``stopped_step``, ``excluded``,
            ``state`` (Optuna's) or ``about``.
        name: The name of the covariate or the response; else empty.
    """

    part: str
    name: str = ""


_ABOUT = Role("about")


class Columns(NamedTuple):
    """The names of the columns of a history, by covariate and by response; no two columns have the same name."""

    covars: dict[str, str]
    responses: dict[str, str]
    sds: dict[str, str]

    def roles(self) -> dict[str, Role]:
        """Return the role of each column of a history, by its name."""
        named = {name: Role(name) for name in _OF_RUN} | dict.fromkeys(ABOUT, _ABOUT)
        for part, columns in self._asdict().items():
            named |= {column: Role(part, name) for name, column in columns.items()}
        return named


class Assigned(NamedTuple):
    """The roles of the columns of a table.

    Attributes:
        roles: The role of each column, in order; None for a column that is not read.
        extra: The names of the columns that are neither the experiment's nor known bookkeeping.
        by_position: Optuna's values, such as ``values_0``, with the response that each is read as.
    """

    roles: list[Role | None]
    extra: list[str]
    by_position: dict[str, str]


class ColumnsError(ValueError):
    """Two columns have the same role; the message says which.

    Attributes:
        column: The name of the second one.
    """

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column


def columns_of(space: Iterable[str], responses: Sequence[str]) -> Columns:
    """Name the columns of a history; equal covariates and responses get equal names, whatever was told."""
    sds = {name: SD if len(responses) == 1 else f"{name} {SD}" for name in responses}
    taken = {*_OF_RUN, *ABOUT, *sds.values()}
    measured = {name: _free(name, _RESPONSES, taken) for name in responses}
    return Columns({name: _free(name, _COVARS, taken) for name in space}, measured, sds)


def assigned_roles(header: Sequence[str], space: Collection[str], responses: Sequence[str]) -> Assigned:
    """Find out what each column of a table is.

    A table with all the columns of a history is read as one. In any other table a column is what is called so: a
    covariate by its exact name, a response or one of the table's own columns in upper or lower case, and a covariate or
    value by the name that Optuna's ``trials_dataframe()`` gives it.

    Raises:
        ColumnsError: If two columns are the same.
    """
    own = columns_of(space, responses)
    own_roles, chosen = own.roles(), {*space, *responses}
    inner = {name: _inner(name, space, chosen, own_roles) for name in header}
    table = _Table(header, is_optuna=any(inner[name] is not None and name.startswith(_PARAMS) for name in header))
    if not table.is_optuna and {*own.covars.values(), *own.responses.values()} <= table.names:
        table.assign(own_roles)
    table.assign(_exact(inner, space, responses))
    table.assign(_in_any_case(table.names, responses))
    by_position = _values_of_optuna(table, responses)
    extra = [
        name
        for name, role in zip(header, table.roles, strict=True)
        if role is None and not _UNNAMED.fullmatch(name) and not (table.is_optuna and name.startswith("system_attrs_"))
    ]
    return Assigned([None if role == _ABOUT else role for role in table.roles], extra, by_position)


class _Table:
    """The columns of a table, whose roles are found in several passes: what an earlier pass found, stays."""

    def __init__(self, header: Sequence[str], *, is_optuna: bool) -> None:
        self.header = header
        self.is_optuna = is_optuna
        self.names = frozenset(header)
        self.roles: list[Role | None] = [None] * len(header)

    def assign(self, candidates: Mapping[str, Role]) -> None:
        """Give columns without a role the one that their name has, unless another column has it already."""
        used = {role for role in self.roles if role != _ABOUT}
        found: dict[Role, list[int]] = defaultdict(list)
        for index, name in enumerate(self.header):
            role = candidates.get(name)
            if self.roles[index] is None and role is not None and role not in used:
                found[role].append(index)
        for role, indices in found.items():
            if len(indices) > 1 and role != _ABOUT:
                first, second = (self.header[index] for index in indices[:2])
                message = (
                    "occurs twice in the header"
                    if first == second
                    else f"and {first} may both be {role.name or role.part}: leave one of them out"
                )
                raise ColumnsError(second, message)
            for index in indices:
                self.roles[index] = role


def _exact(inner: Mapping[str, str | None], space: Collection[str], responses: Sequence[str]) -> dict[str, Role]:
    found = dict.fromkeys(ABOUT, _ABOUT) | {name: Role(name) for name in _OF_RUN}
    if len(responses) == 1:
        found[SD] = Role("sds", responses[0])
    found |= {f"{name} {SD}": Role("sds", name) for name in responses}
    found |= {f"{_RESPONSES}{name}": Role("responses", name) for name in responses}
    found |= {name: Role("responses", name) for name in responses}
    prefixed = {covariate for covariate in inner.values() if covariate is not None}
    for name, covariate in inner.items():
        if covariate is not None:
            found[name] = Role("covars", covariate)
        elif name in space and name not in prefixed:
            # With covars.status beside it, status is the column of the table's own, not the covariate.
            found[name] = Role("covars", name)
    return found


def _in_any_case(names: Collection[str], responses: Sequence[str]) -> dict[str, Role]:
    known: dict[str, set[Role]] = defaultdict(set)
    for name in (*ABOUT, *_OF_RUN):
        known[name].add(_ABOUT if name in ABOUT else Role(name))
    for name in responses:
        known[name.casefold()].add(Role("responses", name))
        known[f"{name} {SD}".casefold()].add(Role("sds", name))
    if len(responses) == 1:
        known["response"].add(Role("responses", responses[0]))
        known["response sd"].add(Role("sds", responses[0]))
        known[SD].add(Role("sds", responses[0]))
    meant = {name: known.get(name.casefold(), set()) for name in names}
    return {name: next(iter(roles)) for name, roles in meant.items() if len(roles) == 1}


def _values_of_optuna(table: _Table, responses: Sequence[str]) -> dict[str, str]:
    if not table.is_optuna:
        return {}
    table.assign(dict.fromkeys(_OF_OPTUNA, _ABOUT) | {"state": Role("state")})
    if len(responses) == 1:
        table.assign({"value": Role("responses", responses[0])})
    table.assign({f"values_{name}": Role("responses", name) for name in responses})
    numbered = {f"values_{index}": name for index, name in enumerate(responses)}
    if table.names.isdisjoint(numbered) or f"values_{len(responses)}" in table.names:
        return {}
    before = list(table.roles)
    table.assign({column: Role("responses", name) for column, name in numbered.items()})
    changed = {table.header[index] for index, role in enumerate(table.roles) if role != before[index]}
    return {column: name for column, name in numbered.items() if column in changed}


def _inner(name: str, space: Collection[str], chosen: Collection[str], own: Collection[str]) -> str | None:
    """Return the covariate that a column with a prefix is of, None if it has none or is called so without a prefix."""
    for prefix, others in ((_COVARS, ()), (_PARAMS, own)):
        covariate = name.removeprefix(prefix)
        if covariate != name and covariate in space and name not in chosen and name not in others:
            return covariate
    return None


def _free(name: str, prefix: str, taken: set[str]) -> str:
    while name in taken:
        name = prefix + name
    taken.add(name)
    return name
