"""Input constraints: which configurations of a space may be run."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from math import fsum, isfinite
from typing import Annotated, Literal

from pydantic import Field

from autotune_wire.base import Configuration, Name, Number, Request, Value
from autotune_wire.problems import FieldProblem, shown
from autotune_wire.space import MAX_COVARIATES, MAX_OPTIONS, CatCovariate, ContCovariate, Covariate, listed

MAX_CONSTRAINTS = 50
_UNKNOWN = "is not a covariate of this experiment"
RELATIVE_SLACK = 1e-9
"""Share of a sum's terms by which the sum may miss its bound. Doubles, and texts of ten digits, round by less."""


class LinearConstraint(Request):
    """A weighted sum of numeric covariates, in their own units, on one side of a bound."""

    ctype: Literal["linear"]
    weights: Annotated[dict[Name, Number], Field(min_length=1, max_length=MAX_COVARIATES)] = Field(
        description="The factor of each covariate in the sum: `int` or `cont`, active in every run, and not the "
        "fidelity."
    )
    relation: Literal["<=", ">=", "=="]
    bound: Number

    def total(self, configuration: Configuration) -> float:
        """Return the weighted sum of the configuration's values.

        Raises:
            KeyError: If the configuration lacks a covariate of the sum.
        """
        return fsum(self._terms(configuration))

    def slack(self, configuration: Configuration) -> float:
        """Return by how much the sum may miss the bound: 1e-9 of the summed magnitudes of bound and terms."""
        return self._slack(self._terms(configuration))

    def holds(self, configuration: Configuration) -> bool:
        """Return whether the configuration meets the constraint, up to the slack.

        Raises:
            KeyError: If the configuration lacks a covariate of the sum.
        """
        terms = self._terms(configuration)
        excess, slack = fsum(terms) - self.bound, self._slack(terms)
        return (self.relation == ">=" or excess <= slack) and (self.relation == "<=" or excess >= -slack)

    def violation(self, configuration: Configuration) -> str:
        """Describe how a configuration violates the constraint, such as "a + 2 b is 1.2, and must be <= 1"."""
        total = self.total(configuration)
        return f"{self._sum} is {total:.10g}, and must be {self.relation} {self.bound:.10g}"

    @property
    def _sum(self) -> str:
        terms = []
        for name, weight in self.weights.items():
            sign = " - " if weight < 0 else " + "
            terms.append(sign + (name if abs(weight) == 1 else f"{abs(weight):.10g} {name}"))
        text = "".join(terms)
        return str(shown(text.removeprefix(" + ") if text.startswith(" + ") else f"-{text[3:]}"))

    def _slack(self, terms: Sequence[float]) -> float:
        return RELATIVE_SLACK * (abs(self.bound) + fsum(map(abs, terms)))

    def _terms(self, configuration: Configuration) -> list[float]:
        return [weight * float(configuration[name]) for name, weight in self.weights.items()]


class ForbiddenCombination(Request):
    """A forbidden combination: runs in which every covariate named has one of the values listed for it."""

    ctype: Literal["forbidden"]
    combination: Annotated[
        dict[Name, Annotated[list[Value], Field(min_length=1, max_length=MAX_OPTIONS, fail_fast=True)]],
        Field(min_length=1, max_length=MAX_COVARIATES),
    ] = Field(
        description="For each covariate of the combination, `cat` or `int`, the values that must not occur together."
    )

    @cached_property
    def _value_sets(self) -> dict[str, frozenset[Value]]:
        return {name: frozenset(values) for name, values in self.combination.items()}

    def holds(self, configuration: Configuration) -> bool:
        """Return whether the configuration avoids the combination, as it does if one of the covariates is inactive."""
        return any(
            name not in configuration or configuration[name] not in values for name, values in self._value_sets.items()
        )

    def violation(self, configuration: Configuration) -> str:
        """Describe how a configuration violates the constraint, such as "oven = B, fan = on is forbidden"."""
        return f"{listed([f'{name} = {configuration[name]}' for name in self.combination])} is forbidden"


Constraint = Annotated[LinearConstraint | ForbiddenCombination, Field(discriminator="ctype")]


def repeated_values(space: Mapping[str, Covariate], constraints: Sequence[Constraint]) -> list[FieldProblem]:
    """List the conditions and forbidden combinations in which a value is given more than once.

    Such a value changes nothing, so what was stored with one is read on; only what is new is refused.
    """
    given = {
        f"covars.{name}.active_if.values": covariate.active_if.values
        for name, covariate in space.items()
        if covariate.active_if is not None
    }
    for index, constraint in enumerate(constraints):
        if isinstance(constraint, ForbiddenCombination):
            for name, values in constraint.combination.items():
                given[f"constraints.{index}.combination.{shown(name)}"] = values
    return [
        FieldProblem(field=field, message=f"must differ from each other; listed more than once: {listed(twice)}")
        for field, values in given.items()
        if (twice := [value for value, count in Counter(values).items() if count > 1])
    ]


def constraint_problems(space: Mapping[str, Covariate], constraints: Sequence[Constraint]) -> list[FieldProblem]:
    """List where constraints do not fit the space. Whether any configuration meets them all is not checked here."""
    problems: list[FieldProblem] = []
    for index, constraint in enumerate(constraints):
        field = f"constraints.{index}"
        if isinstance(constraint, LinearConstraint):
            problems += _sum_problems(space, constraint, field)
        else:
            problems += _combination_problems(space, constraint, field)
    return problems


def _sum_problems(space: Mapping[str, Covariate], constraint: LinearConstraint, field: str) -> Iterator[FieldProblem]:
    fits = [name for name, covariate in space.items() if _why_not_summed(covariate) is None]
    for name, weight in constraint.weights.items():
        covariate = space.get(name)
        reason = _UNKNOWN if covariate is None else _why_not_summed(covariate)
        if reason is not None:
            message = f"{reason}; allowed in a sum: {listed(fits) if fits else 'int and cont, of which there are none'}"
            yield FieldProblem(field=f"{field}.weights.{shown(name)}", message=message, value=weight)
    if not any(constraint.weights.values()):
        yield FieldProblem(field=f"{field}.weights", message="at least one weight must differ from 0")
    ends = [constraint.bound, *(weight * _reach(space.get(name)) for name, weight in constraint.weights.items())]
    if not isfinite(sum(map(abs, ends))):
        yield FieldProblem(field=f"{field}.weights", message="the sum is too large for a number; use smaller weights")


def _combination_problems(
    space: Mapping[str, Covariate], constraint: ForbiddenCombination, field: str
) -> Iterator[FieldProblem]:
    fits = [name for name, covariate in space.items() if not isinstance(covariate, ContCovariate)]
    for name, values in constraint.combination.items():
        path = f"{field}.combination.{shown(name)}"
        covariate = space.get(name)
        if covariate is None or isinstance(covariate, ContCovariate):
            reason = _UNKNOWN if covariate is None else "is cont"
            allowed = listed(fits) if fits else "int and cat, of which there are none"
            yield FieldProblem(field=path, message=f"{reason}; allowed in a combination: {allowed}")
            continue
        wrong = [value for value in values if not covariate.is_value(value)]
        if wrong:
            message = f"must be values of {name}; these are not: {listed(wrong)}"
            yield FieldProblem(field=path, message=message, value=shown(wrong[0]))


def _why_not_summed(covariate: Covariate) -> str | None:
    if isinstance(covariate, CatCovariate):
        return "is cat, not a number"
    if covariate.role == "fidelity":
        return "is the fidelity"
    return None if covariate.active_if is None else "is not active in every run"


def _reach(covariate: Covariate | None) -> float:
    if covariate is None or isinstance(covariate, CatCovariate):
        return 0.0
    return float(max(abs(covariate.min), abs(covariate.max)))
