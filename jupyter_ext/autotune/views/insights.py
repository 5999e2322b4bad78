"""The insights into an experiment, shown as text and as HTML."""

from autotune.values import number_text, spread_text
from autotune.views.bars import ranked
from autotune.views.insights_html import insights_html
from autotune.views.leave_one_out import leave_one_out_text
from autotune.views.shown import configuration_text, counted
from autotune_wire.insights import InsightsReply
from autotune_wire.responses import Responses, primary_of
from autotune_wire.space import Space

N_NAMED = 3


class Insights(InsightsReply):
    """What the model has learnt: importance of covariates, quality of predictions, response curves and best runs.

    Attributes:
        name: The name of the experiment.
        covars: The covariates of the experiment, by name.
        goals: The responses of the experiment with their goals, by name.
    """

    name: str
    covars: Space
    goals: Responses

    def __repr__(self) -> str:
        lines = [f"Insights({self.name!r}, {counted(self.n_observations, 'observation')})"]
        lines += [f"  {response}: {self._learnt(response)}" for response in self.goals]
        if self.best_observed is not None:
            best = self.best_observed
            lines.append(f"  best so far: {number_text(best.response)} at {configuration_text(best.covars)}")
        if self.best_predicted is not None:
            predicted = self.best_predicted
            expected = spread_text(predicted.mean, predicted.sd)
            lines.append(f"  best predicted: {expected} at {configuration_text(predicted.covars)}")
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
        shares = ranked(self.importance.get(response, {}))[:N_NAMED]
        points = self.leave_one_out.get(response, [])
        matters = ", ".join(f"{name} {share:.0%}" for name, share in shares)
        parts = [f"matters most: {matters}"] if matters else []
        return "; ".join([*parts, *([leave_one_out_text(points)] if points else [])]) or "too few observations"

    def _repr_html_(self) -> str:
        return insights_html(self, self.name, self.covars, self.goals)
