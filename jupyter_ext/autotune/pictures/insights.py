"""The insights into an experiment, shown as text, as HTML and as pictures."""

from typing import Any

from autotune.pictures.picture import Picture
from autotune.values import number_text
from autotune.views.bests import context_lines, expected_rows, measured_rows
from autotune.views.goals import response_name
from autotune.views.insights_html import earlier_texts, insights_html, used_text
from autotune.views.shown import configuration_text, counted
from autotune_pictures.crossval import crossval, quality_text
from autotune_pictures.earlier import earlier
from autotune_pictures.importance import NOT_VARIED, importance, varied
from autotune_pictures.slices import slices
from autotune_wire.experiments import Experiment
from autotune_wire.insights import InsightsReply
from autotune_wire.responses import Responses, primary_of
from autotune_wire.space import Space
from autotune_wire.suggestions import Predicted

N_NAMED = 3


class Insights(InsightsReply):
    """What the model has learnt: importance of covariates, quality of predictions, response curves and best runs.

    Attributes:
        seen: The experiment as it was when the insights were fetched.
    """

    seen: Experiment

    @property
    def name(self) -> str:
        """The name of the experiment."""
        return self.seen.name

    @property
    def covars(self) -> Space:
        """The covariates of the experiment, by name."""
        return self.seen.covars

    @property
    def goals(self) -> Responses:
        """The responses of the experiment with their goals, by name."""
        return self.seen.responses

    def __repr__(self) -> str:
        lines = [f"Insights({self.name!r}, {counted(self.n_observations, 'observation')})"]
        lines += [f"  {self.verdict}"] if self.verdict else []
        lines += [f"  ! {note.finding} \N{RIGHTWARDS ARROW} {note.advice}" for note in self.health]
        lines += [f"  {used}"] if (used := used_text(self)) else []
        lines += [f"  {response}: {self._learnt(response)}" for response in self.goals]
        if self.not_varied:
            lines.append(f"  {NOT_VARIED}: {', '.join(self.not_varied)}")
        lines += [f"  {text}" for text in earlier_texts(self)]
        lines += self._bests()
        if self.feasible_share is not None:
            lines.append(f"  {self.feasible_share:.0%} of the space is predicted to work and to meet every threshold")
        if self.hypervolume is not None:
            lines.append(f"  Pareto front of {len(self.pareto)}, hypervolume {number_text(self.hypervolume)}")
        return "\n".join(lines)

    __str__ = __repr__

    @property
    def primary(self) -> str:
        """The name of the first objective."""
        return primary_of(self.goals)[0]

    def _learnt(self, response: str) -> str:
        shares = list(varied(self, response).items())[:N_NAMED]
        points = self.leave_one_out.get(response, [])
        matters = ", ".join(f"{name} {share:.0%}" for name, share in shares)
        parts = [f"matters most: {matters}"] if matters else []
        return "; ".join([*parts, *([quality_text(points)] if points else [])]) or "too few observations"

    def _bests(self) -> list[str]:
        lines = []
        observed, predicted = self.best_observed, self.best_predicted
        if observed is not None:
            rows = measured_rows(observed.responses or {self.primary: observed.response}, self.goals, self.primary)
            lines.append(f"  best so far: {self._values(rows)} at {configuration_text(observed.covars)}")
        if predicted is not None:
            known = predicted.predictions or {self.primary: Predicted(mean=predicted.mean, sd=predicted.sd)}
            values = self._values(expected_rows(known, self.goals))
            lines.append(f"  best predicted: {values} at {configuration_text(predicted.covars)}")
        if self.best_by_context:
            lines.append("  best predicted in each context:")
            lines += [f"  {line}" for line in context_lines(self.best_by_context, response_name(self.goals))]
        return lines

    def _values(self, rows: list[tuple[str, str]]) -> str:
        return rows[0][1] if len(rows) == 1 else ", ".join(f"{name} {text}" for name, text in rows)

    def pictures(self) -> list[Picture]:
        """Draw how much each covariate and each earlier experiment matters, and each response's slices and quality.

        The runs themselves are not on these pictures: they are on those of ``Experiment.plot``.
        """
        drawn = [importance(self.seen, self)] if any(varied(self, name) for name in self.goals) else []
        drawn += [earlier(self.seen, self)] if self.earlier else []
        for name in self.goals:
            drawn += [slices(self.seen, [], self, name)] if self.slices.get(name) else []
            drawn += [crossval(self.seen, None, self, name)] if self.leave_one_out.get(name) else []
        return [Picture(spec) for spec in drawn]

    def _repr_html_(self) -> str:
        return insights_html(self, self.name, self.covars, self.goals)

    def _ipython_display_(self) -> None:
        # An output is drawn from one of its forms, so that the text and each picture are outputs of their own.
        from IPython.display import display

        forms: dict[str, Any] = {"text/html": self._repr_html_(), "text/plain": repr(self)}
        display(forms, raw=True)
        for picture in self.pictures():
            display(picture)
