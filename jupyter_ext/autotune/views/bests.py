"""The best run so far, observed and predicted, shown as text and as HTML tables."""

from collections.abc import Mapping, Sequence

from pydantic import ConfigDict, Field

from autotune.values import spread_text, value_text
from autotune.views.goals import NAMELESS, expected_text, measured_text
from autotune.views.pareto import Pareto
from autotune.views.shown import configuration_rows, configuration_text
from autotune.views.tables import Row, html_table
from autotune_wire import experiments
from autotune_wire.insights import BestInContext
from autotune_wire.responses import Response
from autotune_wire.suggestions import Predicted


class Best(experiments.Best):
    """The observation with the best response so far.

    With several objectives this is the observation that is best in the first one, and ``front`` has all observations
    that are best in some way.

    Attributes:
        name: The name of the response; of several objectives, that of the first.
        goals: The responses of the experiment with their goals, by name.
        front: With several objectives, the Pareto front; else None.
        by_context: The best predicted run in each context, if it was asked for.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str = NAMELESS
    goals: dict[str, Response] = Field(default_factory=dict, exclude=True)
    front: Pareto | None = Field(default=None, exclude=True)
    by_context: list[BestInContext] = Field(default_factory=list, exclude=True)

    def __repr__(self) -> str:
        measured = ", ".join(f"{name} {text}" for name, text in self._measured())
        alone = "" if self.front is None else f"; the best in {self.name} alone"
        lines = [f"Best({configuration_text(self.covars)}, {measured}{alone})"]
        lines += [] if self.front is None else [repr(self.front)]
        if self.by_context:
            lines += ["Best predicted in each context:", *context_lines(self.by_context, self.name)]
        return "\n".join(lines)

    __str__ = __repr__

    def _repr_html_(self) -> str:
        caption = "Best so far" if self.front is None else f"Best so far in {self.name} alone"
        html = html_table(caption, [*configuration_rows(self.covars), *self._measured()])
        if self.front is not None:
            html = self.front._repr_html_() + html
        if self.by_context:
            header, rows = context_table(self.by_context, self.name)
            html += html_table("Best predicted in each context", rows, header)
        return html

    def _measured(self) -> list[tuple[str, str]]:
        return measured_rows(self.responses or {self.name: self.response}, self.goals, self.name)


class BestPredicted(experiments.BestPredicted):
    """The configuration for which the model predicts the best response, of the runs that may be suggested again.

    Noise misleads the model less than a single observation, so this may be another run than the best observed one.

    Attributes:
        name: The name of the response.
        goals: The responses of the experiment with their goals, by name.
    """

    name: str = NAMELESS
    goals: dict[str, Response] = Field(default_factory=dict, exclude=True)

    def __repr__(self) -> str:
        expected = ", ".join(f"{name} {text}" for name, text in self._expected())
        return f"BestPredicted({configuration_text(self.covars)}, {expected})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        rows = [(f"predicted {name}", text) for name, text in self._expected()]
        return html_table("Best predicted", [*configuration_rows(self.covars), *rows])

    def _expected(self) -> list[tuple[str, str]]:
        if len(self.predictions) < 2:
            return [(self.name, spread_text(self.mean, self.sd))]
        return expected_rows(self.predictions, self.goals)


def measured_rows(
    measured: Mapping[str, float], goals: Mapping[str, Response], name: str = NAMELESS
) -> list[tuple[str, str]]:
    """Return the measured responses as pairs of name and text, each threshold beside its bound.

    Args:
        measured: The responses, by name.
        goals: The goals of the experiment's responses.
        name: What a single response is called.
    """
    if len(measured) == 1:
        return [(name, measured_text(value, goals.get(known))) for known, value in measured.items()]
    # The order is that of the goals, which the user gave.
    ordered = {known: measured[known] for known in goals if known in measured} | dict(measured)
    return [(known, measured_text(value, goals.get(known))) for known, value in ordered.items()]


def expected_rows(predictions: Mapping[str, Predicted], goals: Mapping[str, Response]) -> list[tuple[str, str]]:
    """Return the predicted responses as pairs of name and text, each threshold beside its bound."""
    ordered = {known: predictions[known] for known in goals if known in predictions} | dict(predictions)
    return [(known, expected_text(predicted, goals.get(known))) for known, predicted in ordered.items()]


def context_table(bests: Sequence[BestInContext], name: str) -> tuple[Row, list[Row]]:
    """Write the header and the rows of the best predicted run in each context."""
    contexts = list(dict.fromkeys(context for best in bests for context in best.context))
    covars = dict.fromkeys(covar for best in bests for covar in best.covars if covar not in contexts)
    header = (*contexts, *covars, f"predicted {name}")
    rows: list[Row] = [
        (
            *(value_text(best.context[context]) if context in best.context else "" for context in contexts),
            *(value_text(best.covars[covar]) if covar in best.covars else "" for covar in covars),
            spread_text(best.mean, best.sd),
        )
        for best in bests
    ]
    return header, rows


def context_lines(bests: Sequence[BestInContext], name: str) -> list[str]:
    """Write the best predicted run in each context, a line for each context."""
    return [
        f"  {configuration_text(best.context)}: {name} {spread_text(best.mean, best.sd)} at "
        + configuration_text({covar: value for covar, value in best.covars.items() if covar not in best.context})
        for best in bests
    ]
