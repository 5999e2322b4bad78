"""Whether a space with its constraints has any configuration.

The search is exact: numbers count as the decimals they are written as. A search that would take too long is given up
and the constraints are accepted, so constraints are refused only if they are proved impossible.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from autotune_service.domain.configuration import guess_of
from autotune_service.domain.constraints import violations
from autotune_service.domain.errors import InvalidError
from autotune_service.domain.linear import LinearSystem
from autotune_service.domain.simplex import Budget, UndecidedError
from autotune_wire.base import Configuration, Value
from autotune_wire.constraints import Constraint, ForbiddenCombination, LinearConstraint
from autotune_wire.problems import FieldProblem
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, IntCovariate, is_active

_MAX_STEPS = 200_000
"""Most steps of a search. All of them take about a second, so a coroutine runs the search in a thread."""


def check_feasible(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], fixed: Mapping[str, Value] | None = None
) -> None:
    """Check that some configuration meets all constraints.

    Args:
        space: The covariates by name.
        constraints: Constraints that fit the space.
        fixed: Checked values that an ask fixes.

    Raises:
        InvalidError: If no configuration does. The error has one entry for each constraint of a small set that no
            configuration meets together.
    """
    fixed = fixed or {}
    if not fixed and not violations(constraints, guess_of(space)):
        return
    budget = Budget(_MAX_STEPS)
    try:
        if find_configuration(space, constraints, fixed, budget) is not None:
            return
    except UndecidedError:
        return
    conflict = _conflict(space, constraints, fixed, budget)
    raise InvalidError.of([_problem(space, constraints, fixed, index, conflict) for index in conflict])


def find_configuration(
    space: Mapping[str, Covariate],
    constraints: Sequence[Constraint],
    fixed: Mapping[str, Value],
    budget: Budget,
) -> Configuration | None:
    """Find a configuration that meets all constraints.

    If no configuration meets the constraints exactly, a second search lets each sum miss its bound by the rounding
    error of its terms.

    Args:
        space: The covariates by name.
        constraints: Constraints that fit the space.
        fixed: Checked values that the configuration must have.
        budget: The steps that the search may take.

    Returns:
        The configuration; None if no configuration meets the constraints.

    Raises:
        UndecidedError: If the budget is used up first.
    """
    linear = [constraint for constraint in constraints if isinstance(constraint, LinearConstraint)]
    combinations = [
        {name: frozenset(values) for name, values in constraint.combination.items()}
        for constraint in constraints
        if isinstance(constraint, ForbiddenCombination)
    ]
    for with_slack in (False, True):
        system = LinearSystem(space, linear, fixed, with_slack=with_slack, budget=budget)
        if system.solve({}) is None:
            continue
        found = _Search(space, fixed, combinations, system, budget).solve({})
        if found is not None:
            return found
    return None


_Excluded = Mapping[str, frozenset[Value]]
"""Values that a covariate must not have, by the covariate's name."""


@dataclass(frozen=True, slots=True)
class _Search:
    """A backtracking search: for each forbidden combination, excludes the combination's values of one covariate."""

    space: Mapping[str, Covariate]
    fixed: Mapping[str, Value]
    combinations: list[dict[str, frozenset[Value]]]
    system: LinearSystem
    budget: Budget

    def solve(self, excluded: _Excluded) -> Configuration | None:
        ways = [
            list(self._ways(excluded, combination))
            for combination in self.combinations
            if not self._is_avoided(excluded, combination)
        ]
        if not ways:
            numbers = self.system.solve(excluded)
            return None if numbers is None else self._configuration(excluded, numbers)
        for name, values in min(ways, key=len):
            found = self.solve({**excluded, name: excluded.get(name, frozenset()) | values})
            if found is not None:
                return found
        return None

    def _is_avoided(self, excluded: _Excluded, combination: Mapping[str, frozenset[Value]]) -> bool:
        self.budget.spend(sum(map(len, combination.values())))
        return any(
            self._is_out(excluded, name, values) or self._is_inactive(excluded, name)
            for name, values in combination.items()
        )

    def _is_out(self, excluded: _Excluded, name: str, values: Collection[Value]) -> bool:
        if name in self.fixed:
            return self.fixed[name] not in values
        return excluded.get(name, frozenset()).issuperset(values)

    def _is_inactive(self, excluded: _Excluded, name: str) -> bool:
        condition = self.space[name].active_if
        return condition is not None and self._is_out(excluded, condition.covariate, condition.values)

    def _ways(
        self, excluded: _Excluded, combination: Mapping[str, frozenset[Value]]
    ) -> Iterator[tuple[str, frozenset[Value]]]:
        for name, values in combination.items():
            yield from self._way(excluded, name, values)
            condition = self.space[name].active_if
            if condition is not None:
                yield from self._way(excluded, condition.covariate, frozenset(condition.values))

    def _way(self, excluded: _Excluded, name: str, values: frozenset[Value]) -> Iterator[tuple[str, frozenset[Value]]]:
        covariate = self.space[name]
        assert not isinstance(covariate, ContCovariate)
        if name not in self.fixed and len(excluded.get(name, frozenset()) | values) < covariate.n_values:
            yield name, values

    def _configuration(self, excluded: _Excluded, numbers: Mapping[str, Value]) -> Configuration:
        found = {
            name: self.fixed[name]
            if name in self.fixed
            else numbers.get(name, _first(covariate, excluded.get(name, frozenset())))
            for name, covariate in self.space.items()
        }
        return {name: value for name, value in found.items() if is_active(self.space, name, found)}


def _first(covariate: Covariate, excluded: frozenset[Value]) -> Value:
    if isinstance(covariate, ContCovariate):
        return covariate.guess
    if isinstance(covariate, CatCovariate):
        return next(option for option in covariate.options if option not in excluded)
    values = (covariate.value_at(index) for index in range(covariate.n_values))
    return next(value for value in values if value not in excluded)


def _conflict(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], fixed: Mapping[str, Value], budget: Budget
) -> list[int]:
    """Find a small set of constraints that no configuration meets together, as indices.

    A constraint that no configuration meets by itself is the whole set. Otherwise constraints are left out one after
    the other, as long as the rest is still proved impossible.
    """
    for index, constraint in enumerate(constraints):
        if not _may_hold(space, [constraint], fixed, budget):
            return [index]
    kept = list(range(len(constraints)))
    for index in list(kept):
        fewer = [other for other in kept if other != index]
        if not _may_hold(space, [constraints[other] for other in fewer], fixed, budget):
            kept = fewer
    return kept


def _may_hold(
    space: Mapping[str, Covariate], constraints: Sequence[Constraint], fixed: Mapping[str, Value], budget: Budget
) -> bool:
    try:
        return find_configuration(space, constraints, fixed, budget) is not None
    except UndecidedError:
        return True


def _problem(
    space: Mapping[str, Covariate],
    constraints: Sequence[Constraint],
    fixed: Mapping[str, Value],
    index: int,
    conflict: Sequence[int],
) -> FieldProblem:
    field = f"constraints.{index}"
    condition = " with the values fixed" if fixed else ""
    others = ", ".join(f"constraints.{other}" for other in conflict if other != index)
    if others:
        return FieldProblem(field=field, message=f"cannot be met together with {others}{condition}")
    constraint = constraints[index]
    if isinstance(constraint, ForbiddenCombination):
        return FieldProblem(field=field, message=f"forbids every configuration{condition}")
    low, high = _sum_range(space, constraint, fixed)
    sums = f"its sum lies between {low:.10g} and {high:.10g}"
    message = f"cannot be met{condition}: {sums}, and must be {constraint.relation} {constraint.bound:.10g}"
    if low <= constraint.bound <= high:
        message += ", which no whole numbers and steps of its covariates give"
    return FieldProblem(field=field, message=message, value=constraint.bound)


def _sum_range(
    space: Mapping[str, Covariate], constraint: LinearConstraint, fixed: Mapping[str, Value]
) -> tuple[float, float]:
    ends = []
    for name, weight in constraint.weights.items():
        covariate = space[name]
        assert isinstance(covariate, IntCovariate | ContCovariate)
        n_values = covariate.n_values
        high = covariate.max if n_values is None else covariate.value_at(n_values - 1)
        values = [fixed[name]] * 2 if name in fixed else [covariate.min, high]
        ends.append(sorted(Fraction(repr(weight)) * Fraction(repr(float(value))) for value in values))
    return float(sum(low for low, _ in ends)), float(sum(high for _, high in ends))
