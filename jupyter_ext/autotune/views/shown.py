"""Suggestions and observations of the contract, shown as text and as HTML tables."""

import math
from collections.abc import Collection, Mapping
from types import MappingProxyType

from pydantic import Field

from autotune.values import number_text, spread_text, value_text
from autotune.views.candidates import row_texts
from autotune.views.goals import NAMELESS
from autotune.views.linear import linear_text
from autotune.views.tables import html_table
from autotune_wire import observations, suggestions
from autotune_wire.base import Configuration
from autotune_wire.constraints import Constraint, LinearConstraint
from autotune_wire.responses import RESPONSE
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, units_of

_NO_UNITS: Mapping[str, str] = MappingProxyType({})


class Suggestion(suggestions.Suggestion):
    """A configuration to try next, with its source and the predicted responses.

    Attributes:
        units: The units of the covariates that have one, by name.
        rounded: How values are written that have more digits than anybody can set; ``covars`` has them in full.
    """

    units: dict[str, str] = Field(default_factory=dict, exclude=True)
    rounded: dict[str, str] = Field(default_factory=dict, exclude=True)

    def __repr__(self) -> str:
        covars = ", ".join(f"{name}={text}" for name, text in [*self.row_texts(), *self._rows()])
        return f"Suggestion({covars}, {self.source}, predicted {self.prediction()})"

    __str__ = __repr__

    def value(self, name: str) -> str:
        """Write the value of a covariate, as exactly as its range has a use for."""
        return self.rounded.get(name, value_text(self.covars[name]))

    def row_texts(self) -> list[tuple[str, str]]:
        """Return the number and the details of the row of the list that it is, as pairs of name and text."""
        return row_texts(self.candidate)

    def _rows(self) -> list[tuple[str, str]]:
        return [(name, _with_unit(self.value(name), self.units.get(name))) for name in self.covars]

    def prediction(self) -> str:
        """Write the predicted mean and standard deviation of each response; ``none yet`` before there is a model."""
        if len(self.predictions) > 1:
            return ", ".join(f"{name} {predicted_text(response)}" for name, response in self.predictions.items())
        return prediction_text(self)

    def _repr_html_(self) -> str:
        predicted = {f"predicted {name}": predicted_text(response) for name, response in self.predictions.items()}
        if len(predicted) < 2:
            name = next((name for name in self.predictions if name != RESPONSE), NAMELESS)
            predicted = {f"predicted {name}": self.prediction()}
        return html_table(
            f"Suggestion ({origin_text(self)}): {self.reason}",
            [*self.row_texts(), *self._rows(), *predicted.items()],
        )


class Observation(observations.Observation):
    """A configuration that was run, and its outcome.

    Attributes:
        notes: In the reply to a tell, a sentence about each value that lies outside the space.
        teller: The mail address of who told it, where others than the user tell and that was fetched too.
    """

    notes: list[str] = Field(default_factory=list)
    teller: str | None = Field(default=None, exclude=True)

    def __repr__(self) -> str:
        return f"Observation({configuration_text(self.covars)}, {', '.join(map(' '.join, outcome_texts(self)))})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        noted = [("note", self.note)] if self.note else []
        noted += [("tags", ", ".join(self.tags))] if self.tags else []
        return html_table("Observation", [*configuration_rows(self.covars), *outcome_texts(self), *noted])


def outcome_texts(run: observations.Observation | observations.ObservationVersion) -> list[tuple[str, str]]:
    """Return the outcome of a run as pairs of name and text: its responses, or that it failed, and its marks."""
    marks = [("status", "excluded")] if run.is_excluded else []
    if isinstance(run, observations.Observation) and run.outside:
        marks.append(("outside the space", ", ".join(run.outside)))
    if run.status == "failed":
        return [("status", "failed" if run.failed_because is None else f"failed: {run.failed_because}"), *marks]
    if run.stopped_step is not None:
        marks.insert(0, ("status", stopped_text(run.stopped_step, run.stopped_value)))
    if len(run.responses) > 1 or run.response is None:
        measured = [(name, _measured_text(value, run.sds.get(name))) for name, value in run.responses.items()]
        return [*measured, *marks]
    name = next((name for name in run.responses if name != RESPONSE), NAMELESS)
    return [(name, _measured_text(run.response, next(iter(run.sds.values()), None))), *marks]


def stopped_text(step: int, value: float | None) -> str:
    """Write that a run was stopped early, and where it stood then."""
    return f"stopped at step {step}" + ("" if value is None else f" with {number_text(value)}")


def prediction_text(suggestion: suggestions.Suggestion) -> str:
    """Write the predicted mean and standard deviation of the primary response; ``none yet`` without a model."""
    if suggestion.mean is None:
        return "none yet"
    return number_text(suggestion.mean) if suggestion.sd is None else spread_text(suggestion.mean, suggestion.sd)


def predicted_text(predicted: suggestions.Predicted) -> str:
    """Write the predicted mean and standard deviation of one response."""
    return spread_text(predicted.mean, predicted.sd)


def origin_text(suggestion: suggestions.Suggestion) -> str:
    """Write the source of a suggestion, and the seconds that the engine took where they are known."""
    return suggestion.source if suggestion.seconds is None else f"{suggestion.source}, {suggestion.seconds:.2g} s"


def configuration_text(covars: Configuration, units: Mapping[str, str] = _NO_UNITS) -> str:
    """Write a configuration on one line, with the units of the covariates that have one."""
    return ", ".join(f"{name}={text}" for name, text in configuration_rows(covars, units))


def covariate_text(covariate: Covariate) -> str:
    """Write what a covariate can be: values, unit, scale, what describes options, its role and when it is active."""
    if isinstance(covariate, CatCovariate):
        text = _with_unit(", ".join(map(value_text, covariate.options)), covariate.unit)
        text += " (in this order)" if covariate.ordered else ""
        if covariate.descriptor_names:
            text += f"; described by {', '.join(covariate.descriptor_names)}"
    elif covariate.min == covariate.max:
        text = _with_unit(f"always {value_text(covariate.min)}", covariate.unit)
    else:
        text = _with_unit(f"{value_text(covariate.min)} to {value_text(covariate.max)}", covariate.unit)
        text += "" if covariate.step is None else f" in steps of {value_text(covariate.step)}"
        text += ", log scale" if covariate.log else ""
    text += "" if covariate.role == "design" else f"; {covariate.role}"
    condition = covariate.active_if
    if condition is None:
        return text
    return f"{text}; only where {condition.covariate} is {', '.join(map(value_text, condition.values))}"


def constraint_text(constraint: Constraint, names: Collection[str]) -> str:
    """Write a constraint on one line; ``names`` are those of all covariates.

    The text of a linear constraint can be given as a constraint again.
    """
    if isinstance(constraint, LinearConstraint):
        return linear_text(constraint, names)
    parts = [
        f"{name} {'' if len(values) == 1 else 'one of '}{', '.join(map(value_text, values))}"
        for name, values in constraint.combination.items()
    ]
    return f"never {' with '.join(parts)}"


def counted(n: int, noun: str) -> str:
    """Write a number with its noun, which takes an ``s`` unless the number is 1."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _measured_text(value: float, sd: float | None) -> str:
    return number_text(value) if sd is None else spread_text(value, sd)


def configuration_rows(covars: Configuration, units: Mapping[str, str] = _NO_UNITS) -> list[tuple[str, str]]:
    """Return the rows of a configuration in an HTML table: each name with its value, and its unit if it has one."""
    return [(name, _with_unit(value_text(value), units.get(name))) for name, value in covars.items()]


def with_units(suggestions: list[Suggestion], space: Mapping[str, Covariate]) -> list[Suggestion]:
    """Return suggestions that show the units of a space, and their values as exactly as its ranges have a use for."""
    units = units_of(space)
    return [
        suggestion.model_copy(update={"units": units, "rounded": _rounded(suggestion.covars, space)})
        for suggestion in suggestions
    ]


def _rounded(covars: Configuration, space: Mapping[str, Covariate]) -> dict[str, str]:
    """Write the real numbers of a configuration to about a thousandth of their range.

    A covariate with a step has been rounded by the engine, and on a logarithmic scale ratios count: four digits.
    """
    texts = {}
    for name, value in covars.items():
        covariate = space.get(name)
        if not isinstance(covariate, ContCovariate) or covariate.step is not None or isinstance(value, str):
            continue
        width = covariate.max - covariate.min
        decimals = None if covariate.log or width <= 0 else max(0, -math.floor(math.log10(width / 1000)))
        texts[name] = f"{value:.4g}" if decimals is None else value_text(round(float(value), decimals))
    return texts


def labelled(name: str, unit: str | None) -> str:
    """Write the name of a covariate with its unit, as the header of a column: ``t (°C)``."""
    return name if unit is None else f"{name} ({unit})"


def _with_unit(text: str, unit: str | None) -> str:
    return text if unit is None else f"{text} {unit}"
