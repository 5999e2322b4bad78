"""The hypervolume: how much the Pareto front dominates, in the order of the runs."""

from collections.abc import Sequence

from autotune_pictures.history import BELOW, run_axis, step_rows
from autotune_pictures.pareto import front_among
from autotune_pictures.parts.axes import response_axis
from autotune_pictures.parts.dominance import gains_of, volumes
from autotune_pictures.parts.frame import HEIGHT, RED, WIDTH, Spec, framed, mark_legend, message, points
from autotune_pictures.parts.ranges import Span, span_of
from autotune_pictures.parts.runs import FRONT, counts, drawn, drawn_note, hover_of, marked
from autotune_pictures.parts.texts import counted, number_text
from autotune_wire.experiments import Experiment
from autotune_wire.observations import Observation
from autotune_wire.responses import objectives_of, primary_of


def hypervolume(experiment: Experiment, observations: Sequence[Observation]) -> Spec:
    """Draw the hypervolume after each run, all of it above one reference point, so that the line never falls.

    Runs stand where the line was when they were told; those that do not count stand at the foot.

    Args:
        experiment: The experiment.
        observations: All its observations, oldest first.

    Raises:
        PictureError: If the experiment has one objective.
    """
    front = front_among(experiment, observations)
    title = f"Hypervolume of {experiment.name}"
    if not front.reference:
        return message(title, "No run has measured all objectives and met every threshold yet.")
    objectives = objectives_of(experiment.responses)
    on_front = [run.number for run in front.runs if run.mark == FRONT]
    runs = marked(experiment, observations, primary_of(experiment.responses)[0], front=on_front)
    counted_runs = {
        run.number: gains
        for run in runs
        if counts(run) and (gains := gains_of(objectives, run.observation.responses)) is not None
    }
    steps = dict(zip(counted_runs, volumes(tuple(counted_runs.values()), front.reference), strict=True))
    span = span_of([0.0, *steps.values()], [max(steps.values())])
    span = Span(span.low - BELOW * (span.high - span.low), span.high)
    foot = span.low + BELOW / 2 * (span.high - span.low)
    shown, hover = drawn(runs), hover_of(experiment)
    rows = [hover.row(run) | {"x": run.number, "y": steps.get(run.number, foot)} for run in shown]
    x, y = run_axis(len(runs)), response_axis("y", span, "hypervolume")
    line = {"type": "line", "interpolate": "step-after", "color": RED, "strokeWidth": 1.8, "opacity": 0.85}
    stair = {"values": step_rows(list(steps.items()), len(runs))}
    layers = [
        {"data": stair, "mark": line, "encoding": {"x": x, "y": y}},
        points(x, y, mark_legend(run.mark for run in shown), hover.tooltip(shown), size=34),
    ]
    body = {"layer": layers, "width": WIDTH, "height": HEIGHT}
    description = f"{title}: {number_text(front.volume)} after {counted(len(runs), 'run')}."
    return framed(body, title, drawn_note(len(shown), len(runs)), description, runs=rows)
