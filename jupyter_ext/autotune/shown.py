"""What the service tells, with a readable face: the wire's models, shown as text and as a table."""

from autotune.tables import Row, html_table
from autotune.values import number_text, spread_text, value_text
from autotune_wire import experiments, observations, suggestions
from autotune_wire.base import Configuration


class Suggestion(suggestions.Suggestion):
    """A configuration to try next, with where it came from and what the model expects of it."""

    def __repr__(self) -> str:
        return f"Suggestion({_configuration_text(self.covars)}, {self.source}, predicted {self.prediction()})"

    __str__ = __repr__

    def prediction(self) -> str:
        """Write the predicted mean and its standard deviation, or that there is no model yet."""
        return prediction_text(self)

    def _repr_html_(self) -> str:
        return html_table(
            f"Suggestion ({self.source}): {self.reason}",
            [*_configuration_rows(self.covars), ("predicted response", self.prediction())],
        )


class Observation(observations.Observation):
    """A configuration that was run, with its response."""

    def __repr__(self) -> str:
        return f"Observation({_configuration_text(self.covars)}, response {number_text(self.response)})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table("Observation", [*_configuration_rows(self.covars), ("response", number_text(self.response))])


class Best(experiments.Best):
    """The observation with the best response so far."""

    def __repr__(self) -> str:
        return f"Best({_configuration_text(self.covars)}, response {number_text(self.response)})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table("Best so far", [*_configuration_rows(self.covars), ("response", number_text(self.response))])


def prediction_text(suggestion: suggestions.Suggestion) -> str:
    """Write a suggestion's predicted mean and standard deviation, as far as there is a model."""
    if suggestion.mean is None:
        return "none yet"
    return number_text(suggestion.mean) if suggestion.sd is None else spread_text(suggestion.mean, suggestion.sd)


def _configuration_text(covars: Configuration) -> str:
    return ", ".join(f"{name}={value_text(value)}" for name, value in covars.items())


def _configuration_rows(covars: Configuration) -> list[Row]:
    return [(name, value_text(value)) for name, value in covars.items()]
