"""Covariates and the space they span."""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from autotune_wire.base import Name, Number, Option, Request, Value, Whole
from autotune_wire.problems import FieldProblem, shown

MAX_COVARIATES = 100
MAX_OPTIONS = 1000
MAX_GRID = 1_000_000
"""Most values of a real number with a step: beyond it two neighbours are one setting anyway."""

GRID_SLACK = 1e-9
"""Share of a range by which a number may miss a value of its grid."""

Role = Literal["design", "context", "fidelity"]


class Condition(Request):
    """When a covariate plays a part: where another one, which always does, has one of these values."""

    covariate: Name = Field(description="Another covariate, `int` or `cat`, without a condition of its own.")
    values: Annotated[list[Value], Field(min_length=1, max_length=MAX_OPTIONS)] = Field(
        description="Values of that covariate."
    )


class _Covariate(Request):
    """What all kinds of covariates have."""

    role: Role = Field(
        default="design",
        description="`design` is chosen, `context` is known when asking, `fidelity` says how exact a run is "
        "(one covariate at most, a number). At least one covariate must be `design`.",
    )
    active_if: Condition | None = Field(default=None, description="Where absent, it plays a part in every run.")


class IntCovariate(_Covariate):
    """A whole number between two bounds, both included."""

    vtype: Literal["int"]
    guess: Whole = Field(description="From min to max, and a value of the step's grid.")
    min: Whole = Field(description="Less than max.")
    max: Whole
    log: bool = Field(
        default=False, strict=True, description="Equal ratios matter equally; needs min > 0, goes without step."
    )
    step: Annotated[Whole, Field(ge=1)] | None = Field(
        default=None, description="Only min, min + step, min + 2 step ... up to max are run; at most max - min."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_numeric(self)
        if self.step is not None and (self.guess - self.min) % self.step:
            raise _off_grid(self.guess, self.min, self.step, self.value_at(self.index_near(self.guess)))
        return self

    @property
    def n_values(self) -> int:
        """How many values there are."""
        return (self.max - self.min) // (self.step or 1) + 1

    def value_at(self, index: int) -> int:
        """Give the value at a place from 0 to ``n_values - 1``."""
        return self.min + index * (self.step or 1)

    def index_near(self, value: float) -> int:
        """Give the place of the value nearest to a finite number."""
        index = round(value - self.min if self.step is None else (value - self.min) / self.step)
        return min(max(index, 0), self.n_values - 1)

    def is_value(self, value: Value) -> bool:
        """Whether the covariate can have this value; 8.0 is the value 8, a text is none."""
        if isinstance(value, str) or value != value // 1 or not self.min <= value <= self.max:
            return False
        return (int(value) - self.min) % (self.step or 1) == 0


class ContCovariate(_Covariate):
    """A real number between two bounds, both included."""

    vtype: Literal["cont"]
    guess: Number = Field(description="From min to max, and a value of the step's grid.")
    min: Number = Field(description="Less than max.")
    max: Number
    log: bool = Field(
        default=False, strict=True, description="Equal ratios matter equally; needs min > 0, goes without step."
    )
    step: Annotated[Number, Field(gt=0)] | None = Field(
        default=None,
        description=f"Only min, min + step, min + 2 step ... up to max are run; at most max - min, "
        f"and such that there are at most {MAX_GRID} values.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.max - self.min == float("inf"):
            raise PydanticCustomError("range", "max - min is not a finite number", {"field": "max", "value": self.max})
        _check_numeric(self)
        if self.step is not None:
            self._check_grid(self.step)
        return self

    def _check_grid(self, step: float) -> None:
        if (self.max - self.min) / step >= MAX_GRID:
            raise PydanticCustomError(
                "step_too_small",
                "step gives more than {most} values between min and max; leave it out for a real number",
                {"field": "step", "value": step, "most": MAX_GRID},
            )
        nearest = self.value_at(self.index_near(self.guess))
        if abs(nearest - self.guess) > GRID_SLACK * (self.max - self.min):
            raise _off_grid(self.guess, self.min, step, nearest)
        self.guess = nearest

    @property
    def n_values(self) -> int | None:
        """How many values there are, None where there is no step."""
        if self.step is None:
            return None
        return int((self.max - self.min) * (1 + GRID_SLACK) / self.step) + 1

    def value_at(self, index: int) -> float:
        """Give the value at a place from 0 to ``n_values - 1``; only with a step.

        Bounds and step count as the decimals they are written as: three steps of 0.1 are 0.3.
        """
        value = Decimal(repr(self.min)) + index * Decimal(repr(self.step))
        return min(float(value), self.max)

    def index_near(self, value: float) -> int:
        """Give the place of the value nearest to a finite number; only with a step."""
        assert self.step is not None
        assert self.n_values is not None
        return min(max(round((value - self.min) / self.step), 0), self.n_values - 1)


class CatCovariate(_Covariate):
    """One of a list of options."""

    vtype: Literal["cat"]
    guess: Option = Field(description="One of the options.")
    options: list[Option] = Field(
        min_length=1, max_length=MAX_OPTIONS, description="All texts or, only where `ordered` is true, all numbers."
    )
    ordered: bool = Field(
        default=False,
        strict=True,
        description="The options are steps of a scale, in their order; then they may be numbers.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_kind()
        twice = [option for option, count in Counter(self.options).items() if count > 1]
        if twice:
            raise PydanticCustomError(
                "options_not_unique",
                "options must differ from each other; {twice} stands there twice",
                {"field": "options", "value": self.options, "twice": listed(twice)},
            )
        if self.guess not in self.options:
            raise PydanticCustomError(
                "guess_not_an_option",
                "guess must be one of the options: {allowed}",
                {"field": "guess", "value": self.guess, "allowed": listed(self.options)},
            )
        self.guess = self.option_of(self.guess)
        return self

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

    @property
    def n_values(self) -> int:
        """How many options there are."""
        return len(self.options)

    def is_value(self, value: Value) -> bool:
        """Whether the covariate can have this value; 8.0 is the option 8, the text "8" is not."""
        return value in self.options

    def option_of(self, value: Value) -> Value:
        """Give the option that equals a value, in the option's own type.

        Raises:
            ValueError: If there is none.
        """
        return self.options[self.options.index(value)]


Covariate = Annotated[IntCovariate | ContCovariate | CatCovariate, Field(discriminator="vtype")]
Space = dict[Name, Covariate]
"""The covariates by name, in the order the user gave, which is also the engine's column order."""


def is_active(space: Mapping[str, Covariate], name: str, configuration: Mapping[str, Value]) -> bool:
    """Whether a covariate plays a part in a configuration; one that does not has no value there."""
    condition = space[name].active_if
    return condition is None or configuration.get(condition.covariate) in condition.values


def listed(values: list[Value] | list[str]) -> str:
    """Write values one after the other, cut where they are many."""
    return str(shown(", ".join(map(str, values))))


def space_problems(space: Mapping[str, Covariate]) -> list[FieldProblem]:
    """Say what is wrong among the covariates of a space, each of which is valid by itself."""
    problems = [problem for name in space for problem in _covariate_problems(space, name)]
    fidelities = [name for name, covariate in space.items() if covariate.role == "fidelity"]
    problems += [
        FieldProblem(field=f"covars.{name}.role", message=f"only one may be fidelity, {fidelities[0]} is", value=name)
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
        message = f"a {covariate.role} plays a part in every run: it has no condition"
        yield FieldProblem(field=field, message=message)
    yield from _condition_problems(space, covariate.active_if, field)


def _condition_problems(space: Mapping[str, Covariate], condition: Condition, field: str) -> Iterator[FieldProblem]:
    parent = space.get(condition.covariate)
    fits = [other for other, one in space.items() if one.active_if is None and not isinstance(one, ContCovariate)]
    if parent is None or condition.covariate not in fits:
        message = (
            "must be another covariate, int or cat, without a condition of its own: "
            f"{listed(fits) if fits else 'there is none'}"
        )
        yield FieldProblem(field=f"{field}.covariate", message=message, value=condition.covariate)
        return
    assert not isinstance(parent, ContCovariate)
    wrong = [value for value in condition.values if not parent.is_value(value)]
    if wrong:
        message = f"must be values of {condition.covariate}; {listed(wrong)} is none"
        yield FieldProblem(field=f"{field}.values", message=message, value=shown(wrong[0]))


def _check_numeric(covariate: IntCovariate | ContCovariate) -> None:
    low, high, step = covariate.min, covariate.max, covariate.step
    _check_bounds(covariate.guess, low, high)
    if covariate.log and low <= 0:
        raise PydanticCustomError("log_of_zero", "min must be more than 0 with log", {"field": "min", "value": low})
    if covariate.log and step is not None:
        raise PydanticCustomError("log_and_step", "give log or step, not both", {"field": "step", "value": step})
    if step is not None and step > (high - low) * (1 + GRID_SLACK):
        raise PydanticCustomError(
            "step_too_large",
            "step must be at most max - min, {span}",
            {"field": "step", "value": step, "span": high - low},
        )


def _check_bounds(guess: float, low: float, high: float) -> None:
    if low >= high:
        raise PydanticCustomError(
            "bounds", "min must be less than max ({high})", {"field": "min", "value": low, "high": high}
        )
    if not low <= guess <= high:
        raise PydanticCustomError(
            "guess_out_of_bounds",
            "guess must lie between min and max, {low} to {high}",
            {"field": "guess", "value": guess, "low": low, "high": high},
        )


def _off_grid(guess: float, low: float, step: float, nearest: float) -> PydanticCustomError:
    return PydanticCustomError(
        "guess_off_grid",
        "guess must be min plus a whole number of steps, {low} + k x {step}; the nearest is {nearest}",
        {"field": "guess", "value": guess, "low": low, "step": step, "nearest": nearest},
    )
