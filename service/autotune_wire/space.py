"""Covariates and the space they span."""

from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from autotune_wire.base import Name, Number, Request, Whole

MAX_COVARIATES = 100
MAX_OPTIONS = 1000


class IntCovariate(Request):
    """A whole number between two bounds, both included."""

    vtype: Literal["int"]
    guess: Whole
    min: Whole
    max: Whole

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_bounds(self.guess, self.min, self.max)
        return self


class ContCovariate(Request):
    """A real number between two bounds, both included."""

    vtype: Literal["cont"]
    guess: Number
    min: Number
    max: Number

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_bounds(self.guess, self.min, self.max)
        if self.max - self.min == float("inf"):
            raise PydanticCustomError("range", "max - min is not a finite number", {"field": "max", "value": self.max})
        return self


class CatCovariate(Request):
    """One of a list of options that have no order."""

    vtype: Literal["cat"]
    guess: Name
    options: list[Name] = Field(min_length=1, max_length=MAX_OPTIONS)

    @model_validator(mode="after")
    def _check(self) -> Self:
        twice = [option for option, count in Counter(self.options).items() if count > 1]
        if twice:
            raise PydanticCustomError(
                "options_not_unique",
                "options must differ from each other; {twice} stands there twice",
                {"field": "options", "value": self.options, "twice": ", ".join(sorted(twice))},
            )
        if self.guess not in self.options:
            raise PydanticCustomError(
                "guess_not_an_option",
                "guess must be one of the options: {allowed}",
                {"field": "guess", "value": self.guess, "allowed": ", ".join(self.options)},
            )
        return self


Covariate = Annotated[IntCovariate | ContCovariate | CatCovariate, Field(discriminator="vtype")]
Space = dict[Name, Covariate]
"""The covariates by name, in the order the user gave, which is also the engine's column order."""


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
