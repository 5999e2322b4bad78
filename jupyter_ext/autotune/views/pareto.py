"""The Pareto front of an experiment's runs, shown as text and as HTML."""

from collections.abc import Sequence

from autotune.values import number_text
from autotune.views.fronts import MAX_ROWS, Front, FrontRun, front_among, front_caption, front_table
from autotune.views.goals import goals_text
from autotune.views.pictures.front import draw_front, front_legend
from autotune.views.pictures.style import figure, framed, grid, head
from autotune.views.shown import Observation, counted
from autotune_wire.responses import Responses, objectives_of
from autotune_wire.space import Space


class Pareto(list[Observation]):
    """The observations on the Pareto front, the best in the first objective first.

    No other observation is as good in every objective and better in one. Observations that failed, are excluded, break
    a threshold or did not measure all objectives do not count. With one objective these are the best observations.

    Attributes:
        name: The name of the experiment.
        goals: The responses of the experiment with their goals, by name.
        front: The runs on the front and the others, as they are drawn.
    """

    def __init__(self, observations: Sequence[Observation], name: str, space: Space, goals: Responses) -> None:
        runs = {
            f"run {number}": observation
            for number, observation in enumerate(observations, start=1)
            if observation.status != "failed" and not observation.is_excluded
        }
        shown = [FrontRun(run.responses, run.covars, label) for label, run in runs.items()]
        self.front: Front = front_among(shown, goals)
        super().__init__(runs[run.label] for run in self.front.runs)
        self.name = name
        self.goals = goals
        self._space = space
        self._n_observations = len(observations)

    @property
    def hypervolume(self) -> float | None:
        """The volume that the front dominates above ``reference``; None with one objective or no run on the front."""
        return self.front.volume if len(objectives_of(self.goals)) > 1 else None

    @property
    def reference(self) -> dict[str, float]:
        """The reference point of the hypervolume, by objective."""
        return dict(self.front.reference)

    def __repr__(self) -> str:
        lines = [f"Pareto front of {self.name!r}: {self._counts()}"]
        header, rows = front_table(self.front, self.goals, list(self._space))
        if rows:
            widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
            lines += [
                "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
                for row in (header, *rows)
            ]
        return "\n".join([*lines, *self._more()])

    __str__ = __repr__

    def _repr_html_(self) -> str:
        notes = [counted(self._n_observations, "observation"), goals_text(self.goals)]
        return framed(head(f"Pareto front: {self.name}", notes) + self.drawn())

    def drawn(self) -> str:
        """Draw the front as HTML without a frame: the picture, and the table below."""
        if not self:
            return '<div class="at-soft">No run has measured all objectives and met every threshold yet.</div>'
        objectives = objectives_of(self.goals)
        picture = ""
        if len(objectives) > 1:
            picture = f'<div class="at-row">{draw_front(self.front, objectives, self.front.reference)}</div>'
            picture += front_legend(self.front)
        more = "".join(f'<div class="at-soft">{line}</div>' for line in self._more())
        table = grid(*front_table(self.front, self.goals, list(self._space)))
        return figure(front_caption(self.front, self.goals), picture + table + more)

    def _counts(self) -> str:
        counts = f"{len(self)} of {counted(self._n_observations, 'observation')}"
        return counts if self.hypervolume is None else f"{counts}, hypervolume {number_text(self.hypervolume)}"

    def _more(self) -> list[str]:
        return [f"and {len(self) - MAX_ROWS} more"] if len(self) > MAX_ROWS else []
