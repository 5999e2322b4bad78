"""Suggestions, observations and best runs of the contract, shown as text and as HTML tables."""

from collections.abc import Mapping

from autotune.values import number_text, spread_text, value_text
from autotune.views.tables import Row, html_table
from autotune_wire import experiments, observations, suggestions
from autotune_wire.base import Configuration
from autotune_wire.constraints import Constraint, LinearConstraint
from autotune_wire.responses import RESPONSE, Objective, Response, primary_of
from autotune_wire.space import CatCovariate, Covariate

_NAMELESS = "response"


class Suggestion(suggestions.Suggestion):
    """A configuration to try next, with its source and the predicted responses."""

    def __repr__(self) -> str:
        return f"Suggestion({configuration_text(self.covars)}, {self.source}, predicted {self.prediction()})"

    __str__ = __repr__

    def prediction(self) -> str:
        """Write the predicted mean and standard deviation of each response; ``none yet`` before there is a model."""
        if len(self.predictions) > 1:
            return ", ".join(f"{name} {predicted_text(response)}" for name, response in self.predictions.items())
        return prediction_text(self)

    def _repr_html_(self) -> str:
        predicted = {f"predicted {name}": predicted_text(response) for name, response in self.predictions.items()}
        if len(predicted) < 2:
            predicted = {"predicted response": self.prediction()}
        return html_table(
            f"Suggestion ({origin_text(self)}): {self.reason}",
            [*_configuration_rows(self.covars), *predicted.items()],
        )


class Observation(observations.Observation):
    """A configuration that was run, and its outcome."""

    def __repr__(self) -> str:
        return f"Observation({configuration_text(self.covars)}, {', '.join(map(' '.join, outcome_texts(self)))})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table("Observation", [*_configuration_rows(self.covars), *outcome_texts(self)])


class Best(experiments.Best):
    """The observation with the best response so far.

    Attributes:
        name: The name of the response.
    """

    name: str = _NAMELESS

    def __repr__(self) -> str:
        return f"Best({configuration_text(self.covars)}, {self.name} {number_text(self.response)})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table("Best so far", [*_configuration_rows(self.covars), (self.name, number_text(self.response))])


class BestPredicted(experiments.BestPredicted):
    """The configuration of a run for which the model predicts the best response.

    Noise misleads the model less than a single observation, so this may be another run than the best observed one.

    Attributes:
        name: The name of the response.
    """

    name: str = _NAMELESS

    def __repr__(self) -> str:
        return f"BestPredicted({configuration_text(self.covars)}, {self.name} {spread_text(self.mean, self.sd)})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = [*_configuration_rows(self.covars), (f"predicted {self.name}", spread_text(self.mean, self.sd))]
        return html_table("Best predicted", rows)


def outcome_texts(run: observations.Observation | observations.ObservationVersion) -> list[tuple[str, str]]:
    """Return the outcome of a run as pairs of name and text: its responses, or that it failed or is excluded."""
    excluded = [("status", "excluded")] if run.is_excluded else []
    if run.status == "failed":
        return [("status", "failed"), *excluded]
    if len(run.responses) > 1 or run.response is None:
        measured = [(name, _measured_text(value, run.sds.get(name))) for name, value in run.responses.items()]
        return [*measured, *excluded]
    return [("response", _measured_text(run.response, next(iter(run.sds.values()), None))), *excluded]


def response_name(responses: Mapping[str, Response]) -> str:
    """Return the name of the first objective for people, ``response`` where the user gave no name."""
    name, _ = primary_of(responses)
    return _NAMELESS if name == RESPONSE else name


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


def configuration_text(covars: Configuration) -> str:
    """Write a configuration on one line."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in covars.items())


def covariate_text(covariate: Covariate) -> str:
    """Write the values that a covariate can take, its scale, its role and when it is active."""
    if isinstance(covariate, CatCovariate):
        text = ", ".join(map(value_text, covariate.options)) + (" (in this order)" if covariate.ordered else "")
    else:
        text = f"{value_text(covariate.min)} to {value_text(covariate.max)}"
        text += "" if covariate.step is None else f" in steps of {value_text(covariate.step)}"
        text += ", log scale" if covariate.log else ""
    text += "" if covariate.role == "design" else f"; {covariate.role}"
    condition = covariate.active_if
    if condition is None:
        return text
    return f"{text}; only where {condition.covariate} is {', '.join(map(value_text, condition.values))}"


def constraint_text(constraint: Constraint) -> str:
    """Write a constraint on one line."""
    if isinstance(constraint, LinearConstraint):
        terms = [_term(name, weight) for name, weight in constraint.weights.items()]
        total = " ".join(terms).removeprefix("+ ").replace("- ", "-", 1 if terms[0].startswith("-") else 0)
        return f"{total} {constraint.relation} {number_text(constraint.bound)}"
    parts = [
        f"{name} {'' if len(values) == 1 else 'one of '}{', '.join(map(value_text, values))}"
        for name, values in constraint.combination.items()
    ]
    return f"never {' with '.join(parts)}"


def goals_text(responses: Mapping[str, Response]) -> str:
    """Write the goals of the responses on one line; of a single response without a name, the goal alone."""
    if list(responses) == [RESPONSE]:
        return responses[RESPONSE].goal
    return ", ".join(goal_text(name, response) for name, response in responses.items())


def goal_text(name: str, response: Response) -> str:
    """Write the goal of one response with its name."""
    if isinstance(response, Objective):
        return f"{response.goal} {name}"
    return f"{name} {response.goal} {number_text(response.bound)}"


def counted(n: int, noun: str) -> str:
    """Write a number with its noun, which takes an ``s`` unless the number is 1."""
    return f"{n} {noun}{'' if n == 1 else 's'}"


def _term(name: str, weight: float) -> str:
    size = "" if abs(weight) == 1 else f"{number_text(abs(weight))} "
    return f"{'-' if weight < 0 else '+'} {size}{name}"


def _measured_text(value: float, sd: float | None) -> str:
    return number_text(value) if sd is None else spread_text(value, sd)


def _configuration_rows(covars: Configuration) -> list[Row]:
    return [(name, value_text(value)) for name, value in covars.items()]
