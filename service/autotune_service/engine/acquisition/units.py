"""From the value that a search maximized to one that people read, in the responses' own units."""

import math
from collections.abc import Sequence

from autotune_service.engine.model.scale import ResponseScale
from autotune_wire.suggestions import AcquisitionKind

_LEVELS: frozenset[AcquisitionKind] = frozenset({"mean", "confidence_bound"})
_AMOUNTS: frozenset[AcquisitionKind] = frozenset(
    {
        "expected_improvement",
        "aimed_higher",
        "above_worst",
        "knowledge_gradient",
        "expected_hypervolume_improvement",
    }
)
_LARGEST_LOG = 709.0  # of the largest double, nearly


def is_level(kind: AcquisitionKind) -> bool:
    """Whether a value of this kind is a response; all others are maximized by their logarithm."""
    return kind in _LEVELS


def value_in_units(value: float, kind: AcquisitionKind, scales: Sequence[ResponseScale]) -> float:
    """Give what a value is worth: a response, an amount in the product of the objectives' units, or a plain number.

    Args:
        value: What was maximized, of responses on the models' scales.
        kind: What it tells.
        scales: Those of the objectives that it is about.
    """
    if is_level(kind):
        return scales[0].from_model(value, 0.0)[0]
    logs = [math.log(scale.spread) + math.log(scale.unit) for scale in (scales if kind in _AMOUNTS else ())]
    return math.exp(min(value + sum(logs), _LARGEST_LOG))
