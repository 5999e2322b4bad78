"""Covariates and the space they span."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from autotune_wire.base import Configuration, Name, Number, Option, Request, Value, Whole
from autotune_wire.problems import SHOWN_CHARACTERS, FieldProblem, shown

MAX_COVARIATES = 100
MAX_OPTIONS = 1000
MAX_DESCRIPTORS = 50
MAX_UNIT_LENGTH = 30
MAX_GRID = 1_000_000
"""Most values of a `cont` covariate with a step; with more, two neighbouring values are practically the same."""

GRID_SLACK = 1e-9
"""Share of max - min by which a number may miss a value of the step's grid."""

Role = Literal["design", "context", "fidelity"]


class Condition(Request):
    """When a covariate is active: in runs where another covariate has one of these values."""

    covariate: Name = Field(description="Another covariate, `int` or `cat`, without an `active_if` of its own.")
    values: Annotated[list[Value], Field(min_length=1, max_length=MAX_OPTIONS, fail_fast=True)] = Field(
        description="The values of that covariate for which this one is active."
    )

    @cached_property
    def value_set(self) -> frozenset[Value]:
        """The values, to look one up among as many as there may be."""
        return frozenset(self.values)


class _Covariate(Request):
    """The fields that all kinds of covariates have."""

    role: Role = Field(
        default="design",
        description="`design`: the value is chosen by the engine. `context`: the value is known when asking, and may "
        "lie beyond its range. "
        "`fidelity`: the value says how exact a run is; at most one covariate, `int` or `cont`. At least one covariate "
        "must be `design`.",
    )
    active_if: Condition | None = Field(
        default=None, description="When the covariate is active. If absent, the covariate is active in every run."
    )
    # Left out where there is none: a client that does not know the field reads such an experiment all the same.
    unit: Annotated[Name, Field(max_length=MAX_UNIT_LENGTH)] | None = Field(
        default=None,
        exclude_if=lambda unit: unit is None,
        description="The unit of the values, such as °C or mol/L. It is shown with them, and an experiment that "
        "learns from another one has the same units; the unit changes nothing else.",
    )


class IntCovariate(_Covariate):
    """A whole number between two bounds, both included; a constant if the bounds are equal."""

    vtype: Literal["int"]
    guess: Whole = Field(description="The first value to try, from min to max; with a step, an allowed value.")
    min: Whole = Field(description="At most max. If min equals max, the covariate is held at this value.")
    max: Whole
    log: bool = Field(
        default=False,
        strict=True,
        description="Scale by the logarithm, so that equal ratios count equally. Needs min > 0; excludes step.",
    )
    step: Annotated[Whole, Field(ge=1)] | None = Field(
        default=None,
        description="The allowed values are min, min + step, min + 2 step ... up to max. At most max - min, unless min "
        "equals max.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_numeric(self)
        if self.step is not None and (self.guess - self.min) % self.step:
            raise _off_grid(self.guess, self.min, self.step, self.value_at(self.index_near(self.guess)))
        return self

    @property
    def n_values(self) -> int:
        """Return the number of values between min and max."""
        return (self.max - self.min) // (self.step or 1) + 1

    def value_at(self, index: int) -> int:
        """Return the value at an index from 0 to ``n_values - 1``."""
        return self.min + index * (self.step or 1)

    def index_near(self, value: float) -> int:
        """Return the index of the value nearest to a finite number."""
        index = round(value - self.min if self.step is None else (value - self.min) / self.step)
        return min(max(index, 0), self.n_values - 1)

    def is_value(self, value: Value) -> bool:
        """Return whether the covariate can have this value; 8.0 counts as 8, a text never counts."""
        if isinstance(value, str) or value != value // 1 or not self.min <= value <= self.max:
            return False
        return (int(value) - self.min) % (self.step or 1) == 0


class ContCovariate(_Covariate):
    """A real number between two bounds, both included; a constant if the bounds are equal."""

    vtype: Literal["cont"]
    guess: Number = Field(description="The first value to try, from min to max; with a step, an allowed value.")
    min: Number = Field(description="At most max. If min equals max, the covariate is held at this value.")
    max: Number
    log: bool = Field(
        default=False,
        strict=True,
        description="Scale by the logarithm, so that equal ratios count equally. Needs min > 0; excludes step.",
    )
    step: Annotated[Number, Field(gt=0)] | None = Field(
        default=None,
        description=f"The allowed values are min, min + step, min + 2 step ... up to max. At most max - min, unless "
        f"min equals max, and large enough for at most {MAX_GRID} values.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max - self.min == float("inf"):
            raise PydanticCustomError("range", "max - min is not a finite number", {"field": "max", "value": self.max})
        _check_numeric(self)
        if self.step is None:
            return self
        if (self.max - self.min) / self.step >= MAX_GRID:
            raise PydanticCustomError(
                "step_too_small",
                "step gives more than {most} values between min and max; leave it out for a real number",
                {"field": "step", "value": self.step, "most": MAX_GRID},
            )
        nearest = self.value_at(self.index_near(self.guess))
        if abs(nearest - self.guess) > GRID_SLACK * (self.max - self.min):
            raise _off_grid(self.guess, self.min, self.step, nearest)
        self.guess = nearest
        return self

    @property
    def n_values(self) -> int | None:
        """Return the number of values: 1 for a constant, those on the step's grid, None without a step."""
        if self.min == self.max:
            return 1
        if self.step is None:
            return None
        return int((self.max - self.min) * (1 + GRID_SLACK) / self.step) + 1

    def value_at(self, index: int) -> float:
        """Return the value at an index from 0 to ``n_values - 1``; only if the values can be counted.

        Bounds and step are added as the decimals they are written as: three steps of 0.1 are exactly 0.3.
        """
        if index == 0:
            return self.min
        value = Decimal(repr(self.min)) + index * Decimal(repr(self.step))
        return min(float(value), self.max)

    def index_near(self, value: float) -> int:
        """Return the index of the value nearest to a finite number; only if the values can be counted."""
        if self.min == self.max:
            return 0
        assert self.step is not None
        assert self.n_values is not None
        return round(min(max((value - self.min) / self.step, 0), self.n_values - 1))


class CatCovariate(_Covariate):
    """A choice from a list of options."""

    vtype: Literal["cat"]
    guess: Option = Field(description="The first option to try, one of `options`.")
    options: Annotated[list[Option], Field(fail_fast=True)] = Field(
        min_length=1, max_length=MAX_OPTIONS, description="All texts or, only where `ordered` is true, all numbers."
    )
    ordered: bool = Field(
        default=False,
        strict=True,
        description="Whether the options are steps of a scale, in the order given. Only then may options be numbers.",
    )
    # Left out where there are none: a client that does not know the field reads such an experiment all the same.
    descriptors: dict[Name, dict[Name, Number]] | None = Field(
        default=None,
        exclude_if=lambda descriptors: descriptors is None,
        max_length=MAX_OPTIONS,
        description="What is known of each option, as numbers: polarity and boiling point of a solvent, mass of a "
        f"cation. Every option has the same 1 to {MAX_DESCRIPTORS} descriptors, in any units. Others may have them "
        "too, such as options that were dropped and that runs have. The engine learns how much each descriptor tells, "
        "beside whether two options are the same. Excludes `ordered`.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_kind()
        twice = [option for option, count in Counter(self.options).items() if count > 1]
        if twice:
            raise PydanticCustomError(
                "options_not_unique",
                "options must differ from each other; listed more than once: {twice}",
                {"field": "options", "value": self.options, "twice": listed(twice)},
            )
        if not self.is_value(self.guess):
            are_texts = isinstance(self.options[0], str)
            kind = "a text, " if are_texts and not isinstance(self.guess, str) else ""
            raise PydanticCustomError(
                "guess_not_an_option",
                "guess must be {kind}one of the options: {allowed}",
                {"field": "guess", "value": self.guess, "kind": kind, "allowed": listed(self.options)},
            )
        self.guess = self.option_of(self.guess)
        if self.descriptors is not None:
            self._check_descriptors(self.descriptors)
        return self

    def _check_descriptors(self, descriptors: dict[str, dict[str, float]]) -> None:
        if self.ordered:
            raise _of_descriptors(
                "options that are steps of a scale have none: leave ordered or descriptors out", "ordered"
            )
        given = [*descriptors]
        missing = [option for option in self.options if option not in descriptors]
        if missing:
            raise _of_descriptors(
                f"every option must have descriptors; those without: {listed(missing)}", listed(given)
            )
        first = str(self.options[0])
        names = list(descriptors[first])
        if not 1 <= len(names) <= MAX_DESCRIPTORS:
            message = f"every option must have 1 to {MAX_DESCRIPTORS} descriptors, not {len(names)}"
            raise _of_descriptors(message, listed(names))
        for option, own in descriptors.items():
            if differing := own.keys() ^ set(names):
                what = f"{shown(option)} and {shown(first)} differ in {listed(sorted(differing))}"
                raise _of_descriptors(f"all options must have the same descriptors; {what}", listed([*own]))
            descriptors[option] = {name: own[name] for name in names}  # equal spaces are written alike

    def _check_kind(self) -> None:
        n_texts = sum(isinstance(option, str) for option in self.options)
        if n_texts not in {0, len(self.options)}:
            raise PydanticCustomError(
                "options_mixed",
                "options must be all texts or all numbers",
                {"field": "options", "value": listed(self.options)},
            )
        if n_texts == 0 and not self.ordered:
            raise PydanticCustomError(
                "options_not_texts",
                "options must be texts; set ordered to true for numbers, which are then steps of a scale",
                {"field": "options", "value": listed(self.options)},
            )

    @cached_property
    def _by_value(self) -> dict[Value, Value]:
        return {option: option for option in self.options}

    @property
    def n_values(self) -> int:
        """Return the number of options."""
        return len(self.options)

    @property
    def descriptor_names(self) -> list[str]:
        """Return the names of the descriptors, which all options have; none if they have no descriptors."""
        return list(next(iter((self.descriptors or {}).values()), {}))

    def is_value(self, value: Value) -> bool:
        """Return whether the covariate can have this value; 8.0 counts as the option 8, the text "8" does not."""
        return value in self._by_value

    def option_of(self, value: Value) -> Value:
        """Return the option that equals a value, in the option's own type.

        Raises:
            KeyError: If no option equals the value.
        """
        return self._by_value[value]


def _of_descriptors(message: str, value: str) -> PydanticCustomError:
    context = {"field": "descriptors", "message": message, "value": value}
    return PydanticCustomError("descriptors", "{message}", context)


Covariate = Annotated[IntCovariate | ContCovariate | CatCovariate, Field(discriminator="vtype")]
Space = dict[Name, Covariate]
"""The covariates by name, in the order the user gave, which is also the engine's column order."""


def is_active(space: Mapping[str, Covariate], name: str, configuration: Mapping[str, Value]) -> bool:
    """Return whether a covariate is active in a configuration; an inactive covariate has no value there."""
    condition = space[name].active_if
    return condition is None or configuration.get(condition.covariate) in condition.value_set


def backfilled(
    space: Mapping[str, Covariate], configuration: Configuration, backfill: Mapping[str, Value]
) -> Configuration:
    """Build the configuration of this space that a configuration of a former space stands for.

    Args:
        space: The covariates by name.
        configuration: A configuration of this space or of a former one.
        backfill: The backfill values of all edits together, by the name of the covariate that was added.

    Returns:
        The configuration, with the backfill value of each covariate that it lacks and that is active in it.
    """
    filled = {**backfill, **configuration}
    return {
        name: filled[name]
        for name in space
        if name in configuration or (name in backfill and is_active(space, name, filled))
    }


def units_of(space: Mapping[str, Covariate]) -> dict[str, str]:
    """Return the units of the covariates that have one, by name."""
    return {name: covariate.unit for name, covariate in space.items() if covariate.unit is not None}


def listed(values: Sequence[Value]) -> str:
    """Join values with commas; a long text is cut, and what is cut off is not looked at."""
    return str(shown(", ".join(map(str, values[: SHOWN_CHARACTERS + 1]))))


def space_problems(space: Mapping[str, Covariate]) -> list[FieldProblem]:
    """List the problems between the covariates of a space that are each valid alone: roles and conditions."""
    problems = [problem for name in space for problem in _covariate_problems(space, name)]
    fidelities = [name for name, covariate in space.items() if covariate.role == "fidelity"]
    problems += [
        FieldProblem(
            field=f"covars.{name}.role",
            message=f"only one covariate may be the fidelity; {fidelities[0]} already is",
            value=name,
        )
        for name in fidelities[1:]
    ]
    if space and all(covariate.role != "design" for covariate in space.values()):
        problems.append(FieldProblem(field="covars", message="at least one covariate must have the role design"))
    return problems


def _covariate_problems(space: Mapping[str, Covariate], name: str) -> Iterator[FieldProblem]:
    covariate = space[name]
    if covariate.role == "fidelity" and (isinstance(covariate, CatCovariate) or covariate.log):
        message = "a fidelity must be int or cont, without log"
        yield FieldProblem(field=f"covars.{name}.role", message=message, value="fidelity")
    if covariate.active_if is None:
        return
    field = f"covars.{name}.active_if"
    if covariate.role != "design":
        message = f"a {covariate.role} covariate is active in every run: leave active_if out"
        yield FieldProblem(field=field, message=message)
    yield from _condition_problems(space, covariate.active_if, field)


def _condition_problems(space: Mapping[str, Covariate], condition: Condition, field: str) -> Iterator[FieldProblem]:
    parent = space.get(condition.covariate)
    fits = [
        name
        for name, covariate in space.items()
        if covariate.active_if is None and not isinstance(covariate, ContCovariate)
    ]
    if parent is None or condition.covariate not in fits:
        message = (
            "must be another covariate, int or cat, without an active_if of its own: "
            f"{listed(fits) if fits else 'this experiment has none'}"
        )
        yield FieldProblem(field=f"{field}.covariate", message=message, value=condition.covariate)
        return
    assert not isinstance(parent, ContCovariate)
    wrong = [value for value in condition.values if not parent.is_value(value)]
    if wrong:
        message = f"must be values of {condition.covariate}; these are not: {listed(wrong)}"
        yield FieldProblem(field=f"{field}.values", message=message, value=shown(wrong[0]))


def _check_numeric(covariate: IntCovariate | ContCovariate) -> None:
    guess, low, high, step = covariate.guess, covariate.min, covariate.max, covariate.step
    if low > high:
        raise PydanticCustomError(
            "bounds", "min must be at most max ({high})", {"field": "min", "value": low, "high": high}
        )
    if not low <= guess <= high:
        raise PydanticCustomError(
            "guess_out_of_bounds",
            "guess must lie between min and max, {low} to {high}",
            {"field": "guess", "value": guess, "low": low, "high": high},
        )
    if covariate.log and low <= 0:
        raise PydanticCustomError("log_of_zero", "min must be more than 0 with log", {"field": "min", "value": low})
    if covariate.log and step is not None:
        raise PydanticCustomError("log_and_step", "give log or step, not both", {"field": "step", "value": step})
    if step is not None and low < high and step > (high - low) * (1 + GRID_SLACK):
        raise PydanticCustomError(
            "step_too_large",
            "step must be at most max - min, {span}",
            {"field": "step", "value": step, "span": high - low},
        )


def _off_grid(guess: float, low: float, step: float, nearest: float) -> PydanticCustomError:
    return PydanticCustomError(
        "guess_off_grid",
        "guess must be min plus a whole number of steps, {low} + k x {step}; the nearest is {nearest}",
        {"field": "guess", "value": guess, "low": low, "step": step, "nearest": nearest},
    )
