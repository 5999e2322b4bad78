"""The search for a row of a list that an ask may get, and what is said where there is none."""

from collections.abc import Iterable, Mapping, Sequence, Set

from autotune_service.domain.candidates import Block
from autotune_service.domain.configuration import is_same_value
from autotune_wire.base import Configuration, Value
from autotune_wire.constraints import Constraint
from autotune_wire.problems import FieldProblem, shown
from autotune_wire.space import CatCovariate, Covariate, is_active, listed

_NEAREST = 6
"""Of how many numbers a message says that they are in the list."""


class Sought:
    """The search for a row that an ask may get: not withdrawn, with the fixed values, and meeting the constraints.

    Args:
        space: The covariates by name.
        constraints: The constraints of the experiment.
        fixed: Checked values that the ask fixes. A context is in no row, and every row is run in it.
    """

    def __init__(self, space: Mapping[str, Covariate], constraints: Sequence[Constraint], fixed: Configuration) -> None:
        self._space, self._constraints, self._fixed = space, constraints, fixed
        self._own = {name: value for name, value in fixed.items() if space[name].role != "context"}
        self._seen: dict[str, set[Value]] = {name: set() for name in self._own}
        self._with_others: dict[str, set[Value]] = {name: set() for name in self._own}
        self._has_values = False

    def is_in(self, blocks: Iterable[Block]) -> bool:
        """Look for such a row, and keep in mind what the rows have instead."""
        return any(self._is_one(row.covars) for block in blocks for row in block.rows_left())

    def problems(self) -> list[FieldProblem]:
        """List what is wrong with the fixed values, once all blocks were looked at and no row was found."""
        if self._has_values or not self._own:
            message = "no row of the list that is not withdrawn meets the constraints with these values"
            return [FieldProblem(field="fixed", message=message, value=self._shown(self._fixed))]
        alone = [name for name in self._own if not self._has(name)]
        if alone:
            message = "no row of the list that is not withdrawn has it"
            return [self._problem(name, message, self._seen[name]) for name in alone]
        several = "no row of the list that is not withdrawn has it with the other fixed values"
        together = [self._problem(name, several, found) for name, found in self._with_others.items() if found]
        message = "no row of the list that is not withdrawn has these values together: fix fewer of them"
        return together or [FieldProblem(field="fixed", message=message, value=self._shown(self._own))]

    def _is_one(self, covars: Configuration) -> bool:
        others = []
        for name, value in self._own.items():
            own = covars.get(name)
            if own is not None:
                self._seen[name].add(own)
            if own is None or not is_same_value(self._space[name], own, value):
                others.append(name)
        if len(others) == 1 and others[0] in covars:
            self._with_others[others[0]].add(covars[others[0]])
        if others:
            return False
        self._has_values = True
        values = {**covars, **self._fixed}
        run = {name: value for name, value in values.items() if is_active(self._space, name, values)}
        return all(constraint.holds(run) for constraint in self._constraints)

    def _has(self, name: str) -> bool:
        return any(is_same_value(self._space[name], value, self._own[name]) for value in self._seen[name])

    def _problem(self, name: str, message: str, instead: Set[Value]) -> FieldProblem:
        covariate, value = self._space[name], self._own[name]
        if not instead:
            has = "none has a value of it"
        elif isinstance(covariate, CatCovariate):
            has = f"those have {listed([option for option in covariate.options if option in instead])}"
        else:
            nearest = sorted(map(float, instead), key=lambda number: (abs(number - float(value)), number))[:_NEAREST]
            has = f"the nearest are {listed([f'{number:.12g}' for number in sorted(nearest)])}"
        return FieldProblem(field=f"fixed.{name}", message=f"{message}; {has}", value=shown(value))

    @staticmethod
    def _shown(values: Configuration) -> Value:
        return listed([f"{name} = {value}" for name, value in values.items()])
