"""Which changes of a space its runs allow, and how runs of a former space are read in the new one."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from autotune_service.domain.configuration import allowed, value_in
from autotune_service.domain.errors import InvalidError
from autotune_wire.base import Configuration, Value
from autotune_wire.constraints import Constraint, constraint_problems
from autotune_wire.experiments import SpaceEdit
from autotune_wire.problems import FieldProblem, shown
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, IntCovariate, listed


def revised(
    old: Mapping[str, Covariate],
    edit: SpaceEdit,
    *,
    constraints: Sequence[Constraint] = (),
    responses: Collection[str] = (),
) -> list[str]:
    """Check an edit of a space and describe its changes.

    Whether the engine can serve the new space, and whether the new constraints leave any configuration, is not
    checked here.

    Args:
        old: The space before the edit.
        edit: The whole new space, the backfill values of its new covariates and the new constraints.
        constraints: The constraints before the edit.
        responses: The names of the responses, which a new covariate must not have.

    Returns:
        One sentence for each change; empty if nothing changes.

    Raises:
        InvalidError: With one entry for every change that the runs so far forbid.
    """
    lost = "cannot be removed, because the runs so far have values for it; narrow it instead"
    problems = [FieldProblem(field=f"covars.{name}", message=lost) for name in old if name not in edit.covars]
    problems += _backfill_problems(old, edit, responses)
    for name in old.keys() & edit.covars.keys():
        problems += _kept_problems(old, edit.covars, name)
    if edit.constraints is None and not problems:
        problems += constraint_problems(edit.covars, constraints)
    if problems:
        raise InvalidError.of(problems)
    return list(_changes(old, edit, constraints))


def retired_values(
    space: Mapping[str, Covariate], formers: Sequence[Mapping[str, Covariate]], met: Sequence[Configuration] = ()
) -> dict[str, list[Value]]:
    """List by covariate the values that former spaces and runs had and this space does not have, oldest first.

    Listed are the options of a choice, and for a number that is held at one value now the ends of its former ranges.

    Args:
        space: The space as it is now.
        formers: The spaces before it, oldest first.
        met: Configurations of runs from elsewhere, such as those of an earlier experiment.
    """
    retired: dict[str, dict[Value, None]] = {}
    for former in formers:
        for name, covariate in former.items():
            now = space.get(name)
            if isinstance(covariate, CatCovariate) and isinstance(now, CatCovariate):
                known, values = set(now.options), covariate.options
            elif isinstance(covariate, CatCovariate) or isinstance(now, CatCovariate | None) or now.min < now.max:
                continue
            else:
                known, values = {now.min}, [covariate.min, covariate.max]
            dropped = [value for value in values if value not in known and value not in retired.get(name, ())]
            if dropped:
                retired.setdefault(name, {}).update(dict.fromkeys(dropped))
    for name, now in space.items():
        if met and (isinstance(now, CatCovariate) or now.min == now.max):
            known = set(now.options) if isinstance(now, CatCovariate) else {now.min}
            others = [covars[name] for covars in met if name in covars and covars[name] not in known]
            if others:
                ends = others if isinstance(now, CatCovariate) else [min(map(float, others)), max(map(float, others))]
                retired.setdefault(name, {}).update(dict.fromkeys(ends))
    return {name: list(values) for name, values in retired.items()}


def _backfill_problems(
    old: Mapping[str, Covariate], edit: SpaceEdit, responses: Collection[str]
) -> Iterator[FieldProblem]:
    new = {name: covariate for name, covariate in edit.covars.items() if name not in old}
    for name, covariate in new.items():
        field = f"backfill.{name}"
        if name in responses:
            yield FieldProblem(field=f"covars.{name}", message="is the name of a response; a covariate needs its own")
        if name not in edit.backfill:
            message = f"is missing: the value that all runs so far had; must be {allowed(covariate)}"
            yield FieldProblem(field=field, message=message)
        elif value_in(covariate, edit.backfill[name]) is None:
            message = f"must be {allowed(covariate)}"
            yield FieldProblem(field=field, message=message, value=shown(edit.backfill[name]))
    for name in edit.backfill.keys() - new.keys():
        message = f"only new covariates take a backfill value: {listed(list(new)) if new else 'this edit adds none'}"
        yield FieldProblem(field=f"backfill.{shown(name)}", message=message, value=shown(edit.backfill[name]))


def _kept_problems(old: Mapping[str, Covariate], new: Mapping[str, Covariate], name: str) -> Iterator[FieldProblem]:
    before, after = _lasting(old[name]), _lasting(new[name])
    if before["vtype"] != after["vtype"]:
        before, after = {"vtype": before["vtype"]}, {"vtype": after["vtype"]}
    for feature, value in before.items():
        if after[feature] != value:
            message = f"cannot change, because the runs so far were recorded with it; must stay {value}"
            yield FieldProblem(field=f"covars.{name}.{feature}", message=message, value=after[feature])
    if not _means_the_same(old, new, name):
        message = (
            "cannot change, because it decides which of the runs so far have a value; "
            "only values that its covariate gained or lost can be added or removed"
        )
        yield FieldProblem(field=f"covars.{name}.active_if", message=message)


def _lasting(covariate: Covariate) -> dict[str, str | bool]:
    lasting: dict[str, str | bool] = {"vtype": covariate.vtype, "role": covariate.role}
    if isinstance(covariate, CatCovariate):
        return lasting | {"ordered": covariate.ordered}
    return lasting | {"log": covariate.log}


def _means_the_same(old: Mapping[str, Covariate], new: Mapping[str, Covariate], name: str) -> bool:
    before, after = old[name].active_if, new[name].active_if
    if before is None or after is None:
        return before is after
    if before.covariate != after.covariate or after.covariate not in new:
        return False
    parents = old[before.covariate], new[after.covariate]
    values = {*before.values, *after.values}
    shared = {value for value in values if all(value_in(parent, value) is not None for parent in parents)}
    return shared.intersection(before.values) == shared.intersection(after.values)


def _changes(old: Mapping[str, Covariate], edit: SpaceEdit, constraints: Sequence[Constraint]) -> Iterator[str]:
    for name, covariate in edit.covars.items():
        before = old.get(name)
        if before is None:
            yield f"{name}: new, {allowed(covariate)}; the runs so far count as {edit.backfill[name]}"
        elif isinstance(covariate, CatCovariate) and isinstance(before, CatCovariate):
            yield from _option_changes(name, before, covariate)
        elif not isinstance(covariate, CatCovariate) and not isinstance(before, CatCovariate):
            yield from _range_changes(name, before, covariate)
        if before is not None and before.guess != covariate.guess:
            yield f"{name}: guess {before.guess} is now {covariate.guess}"
        if before is not None and before.unit != covariate.unit:
            yield f"{name}: unit {before.unit or 'none'} is now {covariate.unit or 'none'}"
        if before is not None and covariate.active_if is not None and before.active_if != covariate.active_if:
            yield f"{name}: is active where {covariate.active_if.covariate} is {listed(covariate.active_if.values)}"
    if edit.constraints is not None and list(edit.constraints) != list(constraints):
        yield f"constraints: {len(edit.constraints)} instead of {len(constraints)}"


def _range_changes(
    name: str, before: IntCovariate | ContCovariate, after: IntCovariate | ContCovariate
) -> Iterator[str]:
    if (before.min, before.max, before.step) != (after.min, after.max, after.step):
        yield f"{name}: {allowed(after)}; it was {allowed(before)}"


def _option_changes(name: str, before: CatCovariate, after: CatCovariate) -> Iterator[str]:
    added = [option for option in after.options if not before.is_value(option)]
    dropped = [option for option in before.options if not after.is_value(option)]
    if added:
        yield f"{name}: options added: {listed(added)}"
    if dropped:
        yield f"{name}: options dropped: {listed(dropped)}"
    kept = [option for option in before.options if after.is_value(option)]
    if kept != [option for option in after.options if before.is_value(option)]:
        yield f"{name}: options in another order: {listed(after.options)}"
    yield from _descriptor_changes(name, before, after, kept)


def _descriptor_changes(name: str, before: CatCovariate, after: CatCovariate, kept: Sequence[Value]) -> Iterator[str]:
    if before.descriptors is None or after.descriptors is None:
        if before.descriptors is not None:
            yield f"{name}: options have no descriptors any more"
        if after.descriptors is not None:
            yield f"{name}: options have descriptors: {listed(after.descriptor_names)}"
        return
    known, now = before.descriptor_names, after.descriptor_names
    if added := [descriptor for descriptor in now if descriptor not in known]:
        yield f"{name}: descriptors added: {listed(added)}"
    if dropped := [descriptor for descriptor in known if descriptor not in now]:
        yield f"{name}: descriptors dropped: {listed(dropped)}"
    same = set(known) & set(now)
    other = [
        option
        for option in map(str, kept)
        if any(before.descriptors[option][one] != after.descriptors[option][one] for one in same)
    ]
    if other:
        yield f"{name}: other descriptors of {listed(other)}"
