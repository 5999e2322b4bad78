"""The Pareto front of several objectives as it grew, run by run: no I/O, no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from autotune_pictures.parts.dominance import Point, dominates, gains_of, reference_of, volumes
from autotune_wire.responses import AnyObjective

Numbered = tuple[int, Point]
"""The number of an observation, counted from 1, and its point: each objective to be maximized."""


@dataclass(frozen=True)
class Progress:
    """The observations that were on the Pareto front when they were told.

    Attributes:
        steps: Those that made the front larger, oldest first.
        front: Those that are on the front now, oldest first; equal points are on the front together.
        lowest: The lowest number of each objective among all points; empty without a point.
        highest: The highest numbers.
    """

    steps: tuple[Numbered, ...] = ()
    front: tuple[Numbered, ...] = ()
    lowest: Point = ()
    highest: Point = ()

    def reference(self, objectives: Mapping[str, AnyObjective]) -> Point:
        """Return the reference point of the hypervolume; there must be a point.

        One point for all drawn volumes: otherwise the curve could fall where the front grows.
        """
        return reference_of([point for _, point in self.front], objectives, (self.lowest, self.highest))

    def volumes(self, objectives: Mapping[str, AnyObjective]) -> list[tuple[int, float]]:
        """Return the hypervolume after each step, with the number of its observation."""
        if not self.front:
            return []
        found = volumes(tuple(point for _, point in self.steps), self.reference(objectives))
        return [(number, volume) for (number, _), volume in zip(self.steps, found, strict=True)]


def with_point(progress: Progress, number: int, point: Point) -> Progress:
    """Return the progress after another observation."""
    lowest, highest = progress.lowest or point, progress.highest or point
    ranged = replace(progress, lowest=tuple(map(min, lowest, point)), highest=tuple(map(max, highest, point)))
    if any(dominates(other, point) for _, other in progress.front):
        is_equal = any(other == point for _, other in progress.front)
        return replace(ranged, front=(*progress.front, (number, point))) if is_equal else ranged
    left = [(known, other) for known, other in progress.front if not dominates(point, other)]
    return replace(ranged, steps=(*progress.steps, (number, point)), front=(*left, (number, point)))


def progress_of(measured: Iterable[Mapping[str, float] | None], objectives: Mapping[str, AnyObjective]) -> Progress:
    """Return the progress after observations, oldest first; None stands for an observation that does not count."""
    progress = Progress()
    for number, responses in enumerate(measured, start=1):
        point = None if responses is None else gains_of(objectives, responses)
        if point is not None:
            progress = with_point(progress, number, point)
    return progress
