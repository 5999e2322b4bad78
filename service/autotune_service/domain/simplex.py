"""Whether bounds on variables and on weighted sums of them can all be met, decided exactly.

The simplex for feasibility of bounded variables by Dutertre and de Moura (CAV 2006), which King, Barrett and Dutertre
(Simplex with Sum of Infeasibilities for SMT, FMCAD 2013) restate. The method needs no artificial variables and keeps
its tableau when a bound changes. The smallest index goes first (Bland's rule), so the search ends. Fractions make the
result exact.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction

Bounds = list[Fraction | None]
"""A bound for each variable and then for each sum; None where the variable or sum has no bound."""

_WORD_BITS = 64


class UndecidedError(Exception):
    """The search took more steps than it may."""


class Budget:
    """The number of steps that a search may still take; a limit in steps gives the same result on every machine."""

    def __init__(self, n_steps: int) -> None:
        self._left = n_steps

    def spend(self, n_steps: int) -> None:
        """Take steps off the budget.

        Raises:
            UndecidedError: If fewer steps are left.
        """
        self._left -= n_steps
        if self._left < 0:
            raise UndecidedError


class Simplex:
    """n variables and m weighted sums of them; ``values`` has one number for each, variables first."""

    def __init__(self, sums: Sequence[Mapping[int, Fraction]], n_variables: int, budget: Budget) -> None:
        """Start with every value zero.

        Args:
            sums: The weights of each sum, by the index of the variable.
            n_variables: The number n of variables.
            budget: The steps that the pivots may take.
        """
        self.values = [Fraction(0)] * (n_variables + len(sums))
        self._rows = {n_variables + place: dict(weights) for place, weights in enumerate(sums)}
        self._budget = budget

    def is_met(self, lower: Bounds, upper: Bounds) -> bool:
        """Return whether all bounds can be met at once; if they can, ``values`` then meets them.

        Raises:
            UndecidedError: If the budget is used up.
        """
        self._enter(lower, upper)
        while True:
            leaving = next((row for row in sorted(self._rows) if self._missed(row, lower, upper) is not None), None)
            if leaving is None:
                return True
            target = self._missed(leaving, lower, upper)
            assert target is not None
            entering = self._with_room(leaving, target > self.values[leaving], lower, upper)
            if entering is None:
                return False
            self._pivot(leaving, entering, target)

    def _enter(self, lower: Bounds, upper: Bounds) -> None:
        for place in range(len(self.values)):
            missed = self._missed(place, lower, upper)
            if missed is not None and place not in self._rows:
                self.values[place] = missed
        for place, row in self._rows.items():
            self.values[place] = sum((weight * self.values[other] for other, weight in row.items()), Fraction(0))

    def _missed(self, place: int, lower: Bounds, upper: Bounds) -> Fraction | None:
        low, high, value = lower[place], upper[place], self.values[place]
        if low is not None and value < low:
            return low
        return high if high is not None and value > high else None

    def _with_room(self, leaving: int, rises: bool, lower: Bounds, upper: Bounds) -> int | None:
        for place, weight in sorted(self._rows[leaving].items()):
            bound = upper[place] if rises == (weight > 0) else lower[place]
            if bound is None or bound != self.values[place]:
                return place
        return None

    def _pivot(self, leaving: int, entering: int, target: Fraction) -> None:
        row = self._rows.pop(leaving)
        weight = row.pop(entering)
        change = (target - self.values[leaving]) / weight
        solved = {leaving: 1 / weight} | {place: -other / weight for place, other in row.items()}
        cost = sum(1 + number.denominator.bit_length() // _WORD_BITS for number in solved.values())
        self.values[leaving] = target
        self.values[entering] += change
        for place, other in self._rows.items():
            factor = other.pop(entering, None)
            if factor is not None:
                self._budget.spend(cost)
                self.values[place] += factor * change
                _add(other, factor, solved)
        self._budget.spend(cost)
        self._rows[entering] = solved


def _add(row: dict[int, Fraction], factor: Fraction, other: Mapping[int, Fraction]) -> None:
    for place, weight in other.items():
        total = row.get(place, 0) + factor * weight
        if total:
            row[place] = Fraction(total)
        else:
            row.pop(place, None)
