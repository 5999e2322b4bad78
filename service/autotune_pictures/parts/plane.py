"""The plane of two covariates: its cells with their colours, what is veiled, its lines, and the runs on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor
from typing import Any

from autotune_pictures.parts.axes import CovariateAxis, covariate_axis
from autotune_pictures.parts.columns import columnar, indices, looked_up
from autotune_pictures.parts.errors import PictureError
from autotune_pictures.parts.frame import PINK, RUNS, Spec, beyond, mark_legend, points
from autotune_pictures.parts.goals import label_of
from autotune_pictures.parts.grids import Grid, Step
from autotune_pictures.parts.isolines import isoline
from autotune_pictures.parts.runs import Hover, Run, drawn, drawn_note, hover_of, hovered, jitter
from autotune_pictures.parts.texts import configuration_text, number_text, rule_of, value_text
from autotune_wire.experiments import Experiment
from autotune_wire.insights import PredictReply
from autotune_wire.responses import thresholds_of

SIZE = 360
MAX_RUNS = 600

Cell = tuple[int, int]
"""A column and a row of the grid."""


@dataclass(frozen=True)
class Plane:
    """Two covariates of an experiment, the predictions on their grid, and the runs."""

    experiment: Experiment
    runs: Sequence[Run]
    grid: Grid
    reply: PredictReply

    def __post_init__(self) -> None:
        n_given, n_needed = len(self.reply.predictions), len(self.grid.cells)
        if n_given != n_needed:
            raise PictureError(
                f"reply has {n_given} predictions; it must have {n_needed}, one for each cell of the grid"
            )

    @cached_property
    def axes(self) -> tuple[CovariateAxis, CovariateAxis]:
        """The horizontal and the vertical axis, with room for the runs."""
        across, up = (
            covariate_axis(
                name, self.experiment.covars[name], [run.covars[name] for run in self.runs if name in run.covars]
            )
            for name in self.grid.names
        )
        return across, up

    @cached_property
    def hover(self) -> Hover:
        """What a run shows to who points at it."""
        return hover_of(self.experiment)

    def channels(self) -> tuple[Spec, Spec]:
        """Return the two channels of places."""
        encodings = self.axes[0].encoding("x", SIZE), self.axes[1].encoding("y", SIZE)
        for encoding in encodings:
            encoding["axis"] = {**encoding["axis"], "grid": False}
        return encodings

    def means(self, response: str) -> dict[Cell, float]:
        """Return the predicted mean of a response by cell."""
        pairs = zip(self.grid.cells, self.reply.predictions, strict=True)
        return {cell: predicted[response].mean for cell, predicted in pairs if response in predicted}

    def cells(
        self,
        values: Mapping[Cell, float],
        texts: Mapping[Cell, str],
        colour: Spec,
        title: str,
        sds: Mapping[Cell, str] | None = None,
    ) -> list[Spec]:
        """Return the layers of the cells: coloured by their values, and veiled where a run would not be suggested.

        Args:
            values: The number that colours a cell; a cell without one is not drawn.
            texts: What a cell shows when the mouse points at it.
            colour: The colour channel of the field ``value``.
            title: The title of these texts.
            sds: The standard deviation that stands behind each text, if there are any.
        """
        titles = {"at": self.axes[0].title, "and": self.axes[1].title, "text": title} | {"why": "suggested"}
        x, y = self.channels()
        layers: list[Spec] = [{"mark": {"type": "rect"}, "encoding": {"color": colour, "tooltip": hovered(titles)}}]
        if self.refusal():
            veil = {"type": "rect", "color": "#ffffff", "opacity": 0.55, "tooltip": None}
            ends = {"x2": {"field": "end"}, "y2": {"field": "top"}}
            layers.append({"transform": [{"filter": "datum.reason > 0"}], "mark": veil, "encoding": ends})
        layers[0]["encoding"] |= {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
        return [self._cells(values, texts, sds) | {"encoding": {"x": x, "y": y}, "layer": layers}]

    def lines(self, values: Mapping[Cell, float], levels: Sequence[float], *, is_bound: bool = False) -> list[Spec]:
        """Return the layer of lines of equal value; none where a covariate has options or a single value."""
        shape = len(self.grid.x), len(self.grid.y)
        if self.axes[0].options or self.axes[1].options or min(shape) < 2:
            return []
        rows = [
            (*ends[0], *ends[1])
            for level in levels
            for segment in isoline(values, shape, level)
            if (ends := [self._place(*end) for end in segment])
        ]
        if not rows:
            return []
        x, y = self.channels()
        look = (
            {"color": PINK, "strokeWidth": 2.4}
            if is_bound
            else {"color": "#ffffff", "strokeWidth": 0.9, "opacity": 0.7}
        )
        place = {"x": x, "x2": {"field": "x2"}, "y": y, "y2": {"field": "y2"}}
        return [
            columnar(dict(zip(("x", "y", "x2", "y2"), zip(*rows, strict=True), strict=True)))
            | {"mark": {"type": "rule"} | look, "encoding": place}
        ]

    def thresholds(self) -> list[Spec]:
        """Return the lines along which responses are predicted to equal their thresholds."""
        bounds = thresholds_of(self.experiment.responses)
        return [
            layer
            for name, goal in bounds.items()
            for layer in self.lines(self.means(name), [goal.bound], is_bound=True)
        ]

    def points(self) -> list[Spec]:
        """Return the layers of the runs, each on a white disc that sets it off from the colours, and of ``grid.at``."""
        shown = drawn(self.runs, MAX_RUNS)
        x, y = self.channels()
        tooltip = self.hover.tooltip(shown)
        disc = {"type": "point", "filled": True, "color": "#ffffff", "size": 120, "opacity": 0.85}
        inside = [{"filter": "!datum.beyond"}]
        here = self._row_of_at()
        ring = {"type": "point", "shape": "diamond", "color": "#ffffff", "size": 260, "strokeWidth": 2.5}
        tip = hovered({"what": "it is"})
        layers: list[Spec] = []
        if here is not None:
            layers.append({"data": {"values": [here]}, "mark": ring, "encoding": {"x": x, "y": y, "tooltip": tip}})
        if shown:
            layers += [
                {"data": RUNS, "transform": inside, "mark": disc, "encoding": {"x": x, "y": y}},
                points(x, y, mark_legend(run.mark for run in shown), tooltip, size=40),
                *beyond(x, y, tooltip),
            ]
        return layers

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the runs that have a place on the plane, for ``framed``."""
        return [row for run in drawn(self.runs, MAX_RUNS) if (row := self._row(run)) is not None]

    def notes(self) -> list[str]:
        """Write what the picture fixes, and what its marks are."""
        others = {name: value for name, value in self.grid.at.items() if name not in self.grid.names}
        are_moved = any(each.get(name) != value for each in self.grid.configurations for name, value in others.items())
        kept = " (shares of a mixture in proportion)" if are_moved else ""
        notes = [f"The others{kept}: {configuration_text(others, self.experiment.covars)}"] if others else []
        if not self.grid.at and len(self.experiment.covars) > 2:
            notes = ["The others at their guesses"]
        marks = [f"White diamond: {self.grid.what}"] if self._row_of_at() is not None else []
        bounds = thresholds_of(self.experiment.responses)
        if bounds and any(self.reply.predictions):
            listed = ", ".join(f"{label_of(name)} = {number_text(goal.bound)}" for name, goal in bounds.items())
            marks.append(f"Pink line: predicted {listed}")
        notes += ["; ".join(marks)] if marks else []
        reason = self.refusal()
        notes += [f"Veiled: would not be suggested, as {rule_of(reason)}"] if reason else []
        return notes + drawn_note(len(drawn(self.runs, MAX_RUNS)), len(self.runs))

    def refusal(self) -> str | None:
        """Return why a cell would not be suggested, of the first that would not; None if all may be."""
        return next((reason for reason in self.reply.why_not if reason is not None), None)

    def _cells(self, values: Mapping[Cell, float], texts: Mapping[Cell, str], sds: Mapping[Cell, str] | None) -> Spec:
        """Return the data of the cells: places and values of the grid are stated once for each column and row."""
        refusals = dict(zip(self.grid.cells, self.reply.why_not or [None] * len(self.grid.cells), strict=True))
        reasons = [reason if (reason := refusals[cell]) is None else rule_of(reason) for cell in values]
        which, whys = indices(["may be", *("may be" if reason is None else f"no: {reason}" for reason in reasons)])
        n_rows = len(self.grid.y)
        fields: dict[str, list[Any]] = {
            "value": [float(f"{value:.4g}") for value in values.values()],
            "text": [texts[cell] for cell in values],
            "reason": which[1:],  # the first is "may be", so that 0 means that alone
        }
        cells = [column * n_rows + row for column, row in values]
        derived = {}
        if cells == list(range(len(cells))):
            derived["cell"] = "datum.number - 1"
        else:
            fields["cell"] = cells
        derived |= {"column": f"floor(datum.cell / {n_rows})", "row": f"datum.cell % {n_rows}"}
        derived["why"] = looked_up("reason", whys)
        if sds is not None:
            fields["sd"], table = indices([sds[cell] for cell in values])
            derived["text"] = f"datum.text + ' \N{PLUS-MINUS SIGN} ' + {looked_up('sd', table)}"
        names = ("x", "x2", "at", "end"), ("y", "y2", "and", "top")
        for field, axis, steps, (low, lapped, value, end) in zip(
            ("column", "row"), self.axes, (self.grid.x, self.grid.y), names, strict=True
        ):
            derived[low] = looked_up(field, [axis.rounded(step.low) for step in steps])
            derived[lapped] = looked_up(field, [_lapped(axis, steps, index) for index in range(len(steps))])
            derived[value] = looked_up(field, [value_text(step.value) for step in steps])
            # Two veils that lap over each other would show.
            derived[end] = looked_up(field, [axis.rounded(step.high) for step in steps])
        return columnar(fields, derived)

    def _place(self, column: float, row: float) -> tuple[float, float]:
        x, y = self.axes
        return x.rounded(_between(self.grid.x, x, column)), y.rounded(_between(self.grid.y, y, row))

    def _row(self, run: Run) -> dict[str, Any] | None:
        row = self.hover.row(run)
        for which, field in enumerate("xy"):
            axis = self.axes[which]
            place = axis.place(run.covars[axis.name]) if axis.name in run.covars else None
            if place is None:
                return None
            # Two shifts that have nothing in common spread the runs of one cell.
            row[field] = axis.inside(place) + (jitter(run.number * (1 + 4 * which)) if axis.options else 0)
            if side := axis.side(place):
                row["beyond"] = ("left", "right")[side > 0] if field == "x" else ("down", "up")[side > 0]
        return row

    def _row_of_at(self) -> dict[str, Any] | None:
        axes = self.axes
        places = [axis.place(self.grid.at[axis.name]) if axis.name in self.grid.at else None for axis in axes]
        if places[0] is None or places[1] is None:
            return None
        x, y = (axis.inside(place) for axis, place in zip(axes, (places[0], places[1]), strict=True))
        return {"x": x, "y": y, "what": self.grid.what}


def _between(steps: Sequence[Step], axis: CovariateAxis, index: float) -> float:
    whole = min(floor(index), len(steps) - 2)
    one, other = axis.share(steps[whole].place), axis.share(steps[whole + 1].place)
    return axis.at(one + (index - whole) * (other - one))


def _lapped(axis: CovariateAxis, steps: Sequence[Step], index: int) -> float:
    """Return where a cell ends: a pixel beyond where the next one, drawn over it, begins, so that no seam shows."""
    end = steps[index].high
    return axis.rounded(end if index == len(steps) - 1 else axis.at(axis.share(end) + 1 / SIZE))
