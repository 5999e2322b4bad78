"""What the model has learnt of an experiment, with a readable face."""

from autotune.values import number_text, spread_text
from autotune.views.bars import ranked
from autotune.views.foretold import foretold_text
from autotune.views.insights_html import insights_html
from autotune.views.shown import configuration_text
from autotune_wire.insights import InsightsReply
from autotune_wire.responses import Responses, primary_of
from autotune_wire.space import Space

N_NAMED = 3


class Insights(InsightsReply):
    """What matters, how well the model foretells, how the responses run, and what was reached.

    Attributes:
        name: The experiment's.
        covars: The experiment's covariates.
        goals: The experiment's responses.
    """

    name: str
    covars: Space
    goals: Responses

    def __repr__(self) -> str:
        lines = [f"Insights({self.name!r}, {self.n_observations} observations)"]
        lines += [f"  {response}: {self._learnt(response)}" for response in self.goals]
        if self.best_observed is not None:
            best = self.best_observed
            lines.append(f"  best so far: {number_text(best.response)} at {configuration_text(best.covars)}")
        if self.best_predicted is not None:
            predicted = self.best_predicted
            expected = spread_text(predicted.mean, predicted.sd)
            lines.append(f"  best by the model: {expected} at {configuration_text(predicted.covars)}")
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
        return "; ".join([*parts, *([foretold_text(points)] if points else [])]) or "too few observations"

    def _repr_html_(self) -> str:
        return insights_html(self, self.name, self.covars, self.goals)
