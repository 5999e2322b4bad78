"""Where runs are predicted to meet every threshold, over two covariates, with the runs on it."""

from collections.abc import Mapping, Sequence
from math import erf, prod, sqrt

from autotune_pictures.parts.frame import COLOURS, Spec, framed
from autotune_pictures.parts.grids import Grid
from autotune_pictures.parts.plane import SIZE, Plane
from autotune_pictures.parts.runs import BROKEN, FAILED, marked
from autotune_pictures.parts.texts import counted, title_lines
from autotune_wire.experiments import Experiment
from autotune_wire.insights import PredictReply
from autotune_wire.observations import Observation
from autotune_wire.responses import Responses, Threshold, primary_of, thresholds_of
from autotune_wire.suggestions import Predicted

_LEVELS = (0.1, 0.5, 0.9)


def feasibility(experiment: Experiment, observations: Sequence[Observation], grid: Grid, reply: PredictReply) -> Spec:
    """Draw the probability that the expected responses meet every threshold, over two covariates.

    Where a run would not be suggested, as it breaks a constraint, the colours are veiled. Runs that failed or broke a
    threshold are marked. How likely a run is to fail is not among the predictions, so the colours leave it out.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first.
        grid: The configurations that were predicted, from ``grid_of``.
        reply: The predictions of ``grid.configurations``, in their order.

    Raises:
        PictureError: If the predictions are not those of the grid.
    """
    runs = marked(experiment, observations, primary_of(experiment.responses)[0], grid.at or None)
    plane = Plane(experiment, runs, grid, reply)
    pairs = zip(grid.cells, reply.predictions, strict=True)
    shares = {
        cell: share
        for cell, predicted in pairs
        if (share := probability_met(experiment.responses, predicted)) is not None
    }
    texts = {cell: f"{share:.0%}" for cell, share in shares.items()}
    title = "Probability that every threshold is met"
    legend = {"title": title_lines(title, 18), "format": ".0%", "gradientLength": SIZE - 140}
    scale = {"scheme": COLOURS, "domain": [0, 1]}
    colour = {"field": "value", "type": "quantitative", "scale": scale, "legend": legend}
    layers = [
        *(plane.cells(shares, texts, colour, "probability") if shares else []),
        *plane.lines(shares, _LEVELS),
        *plane.thresholds(),
        *plane.points(),
    ]
    heading = f"Where runs of {experiment.name} meet every threshold"
    notes = [] if shares else [_why_none(experiment)]
    notes += [f"White lines: {', '.join(f'{level:.0%}' for level in _LEVELS)}"] if shares else []
    body = {"layer": layers, "width": SIZE, "height": SIZE}
    n_broken, n_failed = (sum(run.mark == mark for run in runs) for mark in (BROKEN, FAILED))
    counts = f"{n_broken or 'none'} {'break' if n_broken > 1 else 'breaks'} a threshold, {n_failed} failed"
    description = f"{heading}, over {' and '.join(grid.names)}: {counted(len(runs), 'run')}, {counts}."
    return framed(body, heading, notes + plane.notes(), description, runs=plane.rows())


def probability_met(responses: Responses, predicted: Mapping[str, Predicted]) -> float | None:
    """Return the probability that responses, normal and independent as the model has them, meet all thresholds.

    Returns:
        A number from 0 to 1; None if there is no threshold, or a response with one has no prediction.
    """
    bounds = thresholds_of(responses)
    if not bounds or not bounds.keys() <= predicted.keys():
        return None
    return prod(_met(threshold, predicted[name]) for name, threshold in bounds.items())


def _met(threshold: Threshold, predicted: Predicted) -> float:
    above = predicted.mean - threshold.bound
    room = above if threshold.goal == ">=" else -above
    if predicted.sd <= 0:
        return float(room >= 0)
    return (1 + erf(room / predicted.sd / sqrt(2))) / 2


def _why_none(experiment: Experiment) -> str:
    if not thresholds_of(experiment.responses):
        return "No response has a threshold: only constraints and runs are drawn"
    return "There is no model of the responses with thresholds yet: it needs more runs"
