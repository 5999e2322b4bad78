"""The predicted response over two covariates, with the runs on it."""

from collections.abc import Sequence

from autotune_pictures.parts.axes import PLAIN_LABELS
from autotune_pictures.parts.frame import COLOURS, Spec, framed
from autotune_pictures.parts.goals import goal_text, label_of, response_of
from autotune_pictures.parts.grids import Grid
from autotune_pictures.parts.isolines import round_levels
from autotune_pictures.parts.plane import SIZE, Plane
from autotune_pictures.parts.ranges import usual_range, widened
from autotune_pictures.parts.runs import marked
from autotune_pictures.parts.texts import counted, number_text, title_lines, value_text
from autotune_wire.experiments import Experiment
from autotune_wire.insights import PredictReply
from autotune_wire.observations import Observation
from autotune_wire.responses import Objective, Response


def contour(
    experiment: Experiment,
    observations: Sequence[Observation],
    grid: Grid,
    reply: PredictReply,
    response: str | None = None,
) -> Spec:
    """Draw the predicted response over two covariates as colours and lines of equal response, with the runs on it.

    Where a run would not be suggested the colours are veiled. Pink lines are where another response is predicted to
    equal its threshold. The runs differ in the other covariates too, so they need not have the colours' responses.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first.
        grid: The configurations that were predicted, from ``grid_of``.
        reply: The predictions of ``grid.configurations``, in their order.
        response: The response; the first objective if not given.

    Raises:
        PictureError: If the experiment has no such response, or the predictions are not those of the grid.
    """
    name = response_of(experiment, response)
    plane = Plane(experiment, marked(experiment, observations, name, grid.at or None), grid, reply)
    means = plane.means(name)
    predictions = dict(zip(grid.cells, reply.predictions, strict=True))
    texts = {cell: number_text(mean) for cell, mean in means.items()}
    sds = {cell: number_text(predictions[cell][name].sd) for cell in means}
    goal = experiment.responses[name]
    colour, levels = response_colour(name, goal, list(means.values()), SIZE)
    layers = [
        *(plane.cells(means, texts, colour, f"predicted {label_of(name)}", sds) if means else []),
        *plane.lines(means, levels),
        *plane.thresholds(),
        *plane.points(),
    ]
    title = f"{label_of(name)} over {grid.names[0]} and {grid.names[1]}: {experiment.name}"
    notes = [] if means else [f"There is no model of {label_of(name)} yet: it needs more runs"]
    notes += ["Brighter is better"] if means and is_reversed(goal) else []
    body = {"layer": layers, "width": SIZE, "height": SIZE}
    return framed(body, title, notes + plane.notes(), _description(title, plane, means), runs=plane.rows())


def is_reversed(goal: Response) -> bool:
    """Return whether low responses are the bright ones: where they are better."""
    return isinstance(goal, Objective) and goal.goal == "minimize"


def response_colour(name: str, goal: Response, values: Sequence[float], room: int) -> tuple[Spec, list[float]]:
    """Return the colour channel of a predicted response, and the levels of its lines."""
    domain = widened(*usual_range(values)) if values else (0.0, 1.0)
    title = title_lines(goal_text(name, goal), 18)
    legend = {"title": title, "labelExpr": PLAIN_LABELS, "gradientLength": room - 140}
    scale = {"scheme": COLOURS, "domain": list(domain), "clamp": True, "reverse": is_reversed(goal)}
    channel = {"field": "value", "type": "quantitative", "scale": scale, "legend": legend}
    return channel, round_levels(*domain)


def _description(title: str, plane: Plane, means: dict[tuple[int, int], float]) -> str:
    text = f"{title}, with {counted(len(plane.runs), 'run')}"
    if not means:
        return f"{text}; there is no model yet."
    least, most = min(means, key=lambda cell: means[cell]), max(means, key=lambda cell: means[cell])
    ends = []
    for cell in (least, most):
        steps = zip(plane.grid.names, (plane.grid.x[cell[0]], plane.grid.y[cell[1]]), strict=True)
        where = ", ".join(f"{name} {value_text(step.value)}" for name, step in steps)
        ends.append(f"{number_text(means[cell])} at {where}")
    return f"{text}; predicted from {' to '.join(ends)}."
