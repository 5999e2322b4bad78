"""A space as HTML: what it allows, and a few samples drawn in it."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from autotune.values import value_text
from autotune.views.goals import goals_text
from autotune.views.shown import constraint_text, covariate_text, labelled
from autotune.widgets.style import block, styled, table
from autotune_wire.base import Configuration
from autotune_wire.experiments import NewExperiment
from autotune_wire.space import CatCovariate, ContCovariate, Covariate, IntCovariate

_WIDTH, _HEIGHT, _EDGE = 260, 22, 8


def preview_html(new: NewExperiment, samples: Sequence[Configuration]) -> str:
    """Write the preview: the samples as dots on a line for each covariate, or counted by option, and as a table."""
    if not samples:
        return block("No sample was found that meets all constraints: they leave little of the space, or nothing.")
    lines = "".join(_line(name, covariate, samples) for name, covariate in new.covars.items())
    header = [labelled(name, covariate.unit) for name, covariate in new.covars.items()]
    rows = [_cells(new.covars, sample) for sample in samples]
    return block(
        f'<table role="presentation"><tbody>{lines}</tbody></table>'
        f"<details><summary>The samples in numbers</summary>{table('', header, rows)}</details>"
    )


def space_still(new: NewExperiment) -> str:
    """Write a space as a table."""
    rows = [("covariate", name, covariate_text(covariate)) for name, covariate in new.covars.items()]
    rows += [("constraint", "", constraint_text(constraint, new.covars)) for constraint in new.constraints]
    rows.append(("goal", "", goals_text(new.responses_or_default())))
    rows += [] if new.early_stop is None else [("stops early", "", new.early_stop.rule)]
    return styled(table(new.name, ("", "name", "values"), rows))


def _cells(space: Mapping[str, Covariate], sample: Configuration) -> list[str]:
    return [_sampled(sample[name]) if name in sample else "not active" for name in space]


def _sampled(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else value_text(value)


def _line(name: str, covariate: Covariate, samples: Sequence[Configuration]) -> str:
    values = [sample[name] for sample in samples if name in sample]
    label = escape(labelled(name, covariate.unit))
    if isinstance(covariate, CatCovariate):
        counts = ", ".join(f"{value_text(option)} {values.count(option)}" for option in covariate.options)
        return f'<tr><td>{label}</td><td colspan="3">{escape(counts)}</td></tr>'
    dots = "".join(
        f'<circle cx="{_EDGE + _share(covariate, value) * (_WIDTH - 2 * _EDGE):.1f}" cy="{_HEIGHT / 2}" r="4.5" '
        f'fill="#2f81f7" fill-opacity=".65"/>'
        for value in values
    )
    picture = (
        f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-label="{len(values)} samples of {escape(name)}">'
        f'<path d="M{_EDGE} {_HEIGHT / 2}H{_WIDTH - _EDGE}" stroke="currentColor" stroke-opacity=".35"/>{dots}</svg>'
    )
    cells = (label, value_text(covariate.min), picture, value_text(covariate.max))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _share(covariate: IntCovariate | ContCovariate, value: float | str) -> float:
    """Return where a value lies between the ends of its line, from 0 to 1."""
    low, high, at = covariate.min, covariate.max, float(value)
    if low == high:
        return 0.5
    if covariate.log:
        return (math.log(at) - math.log(low)) / (math.log(high) - math.log(low))
    return (at - low) / (high - low)
