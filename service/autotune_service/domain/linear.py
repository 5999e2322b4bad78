"""Whether any values meet linear constraints, whole numbers and steps included: branch and bound over the simplex."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, gcd, lcm

from autotune_service.domain.simplex import Bounds, Budget, Simplex
from autotune_wire.base import Value
from autotune_wire.constraints import RELATIVE_SLACK, LinearConstraint
from autotune_wire.space import CatCovariate, Covariate


@dataclass(frozen=True, slots=True)
class _Variable:
    """A number ``origin + unit * k``, where k lies between two bounds and may have to be whole."""

    origin: Fraction
    unit: Fraction
    low: Fraction
    high: Fraction
    is_whole: bool


class LinearSystem:
    """Linear constraints over a space; numbers count as the decimals they are written as, so ten times 0.1 is 1."""

    def __init__(
        self,
        space: Mapping[str, Covariate],
        constraints: Sequence[LinearConstraint],
        fixed: Mapping[str, Value],
        *,
        with_slack: bool,
        budget: Budget,
    ) -> None:
        """Set up the system.

        Args:
            space: The covariates by name.
            constraints: The linear constraints over these covariates.
            fixed: Values that the covariates must have, by name.
            with_slack: Whether a sum may miss its bound by the rounding error of its terms.
            budget: The steps that the search may take.
        """
        self._space = space
        self._fixed = fixed
        self._budget = budget
        self._names = [name for name in space if any(constraint.weights.get(name) for constraint in constraints)]
        self._variables = [_variable(space[name], fixed.get(name)) for name in self._names]
        self._sums = [self._weights(constraint) for constraint in constraints]
        self._sum_bounds = [
            self._bounds(constraint, weights, with_slack)
            for constraint, weights in zip(constraints, self._sums, strict=True)
        ]

    def solve(self, excluded: Mapping[str, Collection[Value]]) -> dict[str, Value] | None:
        """Find values for the covariates of the sums.

        Args:
            excluded: Values that a covariate must not have, by its name; ignored for a covariate that may have every
                real number between its bounds.

        Returns:
            A value for each covariate with a weight; None if no values meet the constraints.

        Raises:
            UndecidedError: If the budget is used up first.
        """
        simplex = Simplex(self._sums, len(self._names), self._budget)
        lower: Bounds = [*(variable.low for variable in self._variables), *(low for low, _ in self._sum_bounds)]
        upper: Bounds = [*(variable.high for variable in self._variables), *(high for _, high in self._sum_bounds)]
        holes = [self._holes(place, excluded) for place in range(len(self._names))]
        stack = [(lower, upper)]
        while stack:
            lower, upper = stack.pop()
            self._budget.spend(len(lower))
            if not _is_ordered(lower, upper) or not simplex.is_met(lower, upper):
                continue
            branch = self._branch(simplex.values, holes)
            if branch is None:
                # The variables' values come first; those of the sums follow them.
                return {
                    name: self._value(name, value) for name, value in zip(self._names, simplex.values, strict=False)
                }
            place, below, above = branch
            stack.append((_with(lower, place, above), upper))
            stack.append((lower, _with(upper, place, below)))
        return None

    def _weights(self, constraint: LinearConstraint) -> dict[int, Fraction]:
        weights = [_exact(constraint.weights.get(name, 0)) for name in self._names]
        return {
            place: weight * variable.unit
            for place, (weight, variable) in enumerate(zip(weights, self._variables, strict=True))
            if weight
        }

    def _bounds(
        self, constraint: LinearConstraint, weights: Mapping[int, Fraction], with_slack: bool
    ) -> tuple[Fraction | None, Fraction | None]:
        origin = sum(
            (_exact(constraint.weights.get(name, 0)) * variable.origin for name, variable in self._named()), Fraction(0)
        )
        slack = self._slack(constraint) if with_slack else Fraction(0)
        bound = _exact(constraint.bound) - origin
        low = None if constraint.relation == "<=" else bound - slack
        high = None if constraint.relation == ">=" else bound + slack
        if weights and all(self._variables[place].is_whole for place in weights):
            # The sum is a multiple of the greatest common divisor of its weights, so its bounds can be tightened.
            unit = _common_divisor(weights.values())
            low = None if low is None else ceil(low / unit) * unit
            high = None if high is None else floor(high / unit) * unit
        return low, high

    def _slack(self, constraint: LinearConstraint) -> Fraction:
        reaches = [
            abs(_exact(constraint.weights.get(name, 0)))
            * max(abs(variable.origin + variable.unit * end) for end in (variable.low, variable.high))
            for name, variable in self._named()
        ]
        return _exact(RELATIVE_SLACK) * sum(reaches, abs(_exact(constraint.bound)))

    def _named(self) -> list[tuple[str, _Variable]]:
        return list(zip(self._names, self._variables, strict=True))

    def _holes(self, place: int, excluded: Mapping[str, Collection[Value]]) -> set[Fraction]:
        variable = self._variables[place]
        values = excluded.get(self._names[place], ()) if variable.is_whole else ()
        return {(_exact(value) - variable.origin) / variable.unit for value in values}

    def _branch(
        self, values: Sequence[Fraction], holes: Sequence[set[Fraction]]
    ) -> tuple[int, Fraction, Fraction] | None:
        for place, variable in enumerate(self._variables):
            value = values[place]
            if variable.is_whole and value.denominator != 1:
                return place, Fraction(floor(value)), Fraction(ceil(value))
            if value in holes[place]:
                return place, value - 1, value + 1
        return None

    def _value(self, name: str, value: Fraction) -> Value:
        covariate = self._space[name]
        assert not isinstance(covariate, CatCovariate)
        if name in self._fixed:
            return self._fixed[name]
        return float(value) if covariate.n_values is None else covariate.value_at(int(value))


def _variable(covariate: Covariate, value: Value | None) -> _Variable:
    assert not isinstance(covariate, CatCovariate)
    if value is not None:
        return _Variable(Fraction(0), Fraction(1), _exact(value), _exact(value), is_whole=False)
    n_values = covariate.n_values
    if n_values is None:
        return _Variable(Fraction(0), Fraction(1), _exact(covariate.min), _exact(covariate.max), is_whole=False)
    unit = _exact(covariate.step or 1)
    return _Variable(_exact(covariate.min), unit, Fraction(0), Fraction(n_values - 1), is_whole=True)


def _exact(value: Value) -> Fraction:
    return Fraction(value) if isinstance(value, int) else Fraction(repr(float(value)))


def _common_divisor(weights: Collection[Fraction]) -> Fraction:
    denominator = lcm(*(weight.denominator for weight in weights))
    return Fraction(gcd(*(int(weight * denominator) for weight in weights)), denominator)


def _is_ordered(lower: Bounds, upper: Bounds) -> bool:
    return all(low is None or high is None or low <= high for low, high in zip(lower, upper, strict=True))


def _with(bounds: Bounds, place: int, bound: Fraction) -> Bounds:
    return [*bounds[:place], bound, *bounds[place + 1 :]]
