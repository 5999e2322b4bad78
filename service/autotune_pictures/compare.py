"""Two experiments in one picture: their runs in order, and the best so far of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autotune_pictures.history import best_so_far, run_axis, step_rows
from autotune_pictures.parts.axes import response_axis
from autotune_pictures.parts.errors import PictureError
from autotune_pictures.parts.frame import BLUE, HEIGHT, ORANGE, RUNS, WIDTH, Spec, framed, message
from autotune_pictures.parts.goals import goal_text
from autotune_pictures.parts.ranges import Span, span_of
from autotune_pictures.parts.runs import MAX_RUNS, Run, counts, drawn, drawn_note, hover_of, hovered, marked
from autotune_pictures.parts.texts import SECONDS, counted, label_expression, number_text
from autotune_wire.experiments import Experiment
from autotune_wire.observations import Observation
from autotune_wire.responses import primary_of


@dataclass(frozen=True)
class _Side:
    """One of the two experiments, with its runs and the best so far after each that counts."""

    experiment: Experiment
    runs: Sequence[Run]
    response: str
    bests: Sequence[tuple[int, float]]


def compare(
    experiment: Experiment,
    observations: Sequence[Observation],
    other: Experiment,
    other_observations: Sequence[Observation],
) -> Spec:
    """Draw the best so far of two experiments by the number of runs, with the runs that count.

    Failed and excluded runs, and those that break a threshold, have no point; they count as runs. Experiments of the
    same name are told apart by when they were created.

    Args:
        experiment: The one experiment.
        observations: All its observations, oldest first.
        other: The other experiment.
        other_observations: All its observations, oldest first.

    Raises:
        PictureError: If the first objectives of the two have different goals.
    """
    _require_one_goal(experiment, other)
    title = f"{experiment.name} and {other.name}"
    if experiment.name == other.name:
        title = f"Two experiments named {experiment.name}"
        experiment, other = _dated(experiment), _dated(other)
    sides = [_side(experiment, observations), _side(other, other_observations)]
    if not any(side.bests for side in sides):
        return message(title, "No run that counts has been told yet.")
    values = [value for side in sides for run in side.runs if (value := _counted(side, run)) is not None]
    span = span_of(values, [value for side in sides for _, value in side.bests[-1:]])
    shown = [drawn([run for run in side.runs if counts(run)], MAX_RUNS // 2) for side in sides]
    rows = [row for which, side in enumerate(sides) for row in _rows(which, side, shown[which], span)]
    x = run_axis(max(len(side.runs) for side in sides))
    y = response_axis("y", span, goal_text(*primary_of(experiment.responses)))
    body = {"layer": _layers(sides, span, x, y), "width": WIDTH, "height": HEIGHT}
    notes = drawn_note(sum(map(len, shown)), sum(counts(run) for side in sides for run in side.runs))
    n_beyond = sum("beyond" in row for row in rows)
    edge = [f"{counted(n_beyond, 'run')} beyond the edge, drawn at it"] if n_beyond else []
    texts = [_text(side) for side in sides]
    return framed(body, title, [*notes, *edge], f"Best so far. {'; '.join(texts)}.", runs=rows)


def _require_one_goal(experiment: Experiment, other: Experiment) -> None:
    goals = [primary_of(each.responses)[1].model_dump(exclude={"reference"}) for each in (experiment, other)]
    if goals[0] != goals[1]:
        mine, its = (goal_text(*primary_of(each.responses)) for each in (experiment, other))
        raise PictureError(f"other has the first objective {its}; its goal must be that of this experiment, {mine}")


def _dated(experiment: Experiment) -> Experiment:
    return experiment.model_copy(update={"name": f"{experiment.time_created.strftime(SECONDS)}, {experiment.name}"})


def _side(experiment: Experiment, observations: Sequence[Observation]) -> _Side:
    response = primary_of(experiment.responses)[0]
    runs = marked(experiment, observations, response)
    return _Side(experiment, runs, response, best_so_far(experiment, runs, response))


def _counted(side: _Side, run: Run) -> float | None:
    return run.value(side.response) if counts(run) else None


def _rows(which: int, side: _Side, runs: Sequence[Run], span: Span) -> list[dict[str, Any]]:
    rows = []
    hover = hover_of(side.experiment)
    for run in runs:
        value = _counted(side, run)
        assert value is not None
        # The two have covariates of different names: the values are one text.
        covariates = list(hover.covariates)
        values = hover.row(run)
        text = ", ".join(
            f"{name} = {values[f'c{place}']}" for place, name in enumerate(covariates) if f"c{place}" in values
        )
        row: dict[str, Any] = {"run": run.number, "x": run.number, "y": span.place(value), "which": which}
        row |= {"experiment": side.experiment.name, "response": number_text(value), "values": text}
        rows.append(row | ({"beyond": "up" if span.side(value) > 0 else "down"} if span.side(value) else {}))
    return rows


def _layers(sides: Sequence[_Side], span: Span, x: Spec, y: Spec) -> list[Spec]:
    names = [side.experiment.name for side in sides]
    legend = {
        "orient": "bottom",
        "title": None,
        "labelExpr": label_expression(names, 40),
        "columns": 1,
        "symbolSize": 80,
    }
    which = {"field": "which", "type": "nominal", "legend": legend}
    channels = {
        "color": which | {"scale": {"domain": [0, 1], "range": [BLUE, ORANGE]}},
        "shape": which | {"scale": {"domain": [0, 1], "range": ["circle", "square"]}},
    }
    stairs = [
        row | {"which": place}
        for place, side in enumerate(sides)
        for row in step_rows(side.bests, len(side.runs), span)
    ]
    line = {"type": "line", "interpolate": "step-after", "strokeWidth": 2.4}
    dash = which | {"scale": {"domain": [0, 1], "range": [[1, 0], [7, 3]]}, "legend": None}
    tooltip = hovered({"experiment": "experiment", "run": "run", "response": "response", "values": "values"})
    point = {"type": "point", "filled": True, "size": 34, "opacity": 0.7}
    return [
        {
            "data": {"values": stairs},
            "mark": line,
            "encoding": {"x": x, "y": y, "color": channels["color"], "strokeDash": dash},
        },
        {"data": RUNS, "mark": point, "encoding": {"x": x, "y": y, "tooltip": tooltip} | channels},
    ]


def _text(side: _Side) -> str:
    text = f"{side.experiment.name}: {counted(len(side.runs), 'run')}"
    return f"{text}, best {number_text(side.bests[-1][1])}" if side.bests else f"{text}, none that counts"
