"""From the value that a search maximized to one that people read, in the responses' own units."""

import math
from collections.abc import Sequence

from autotune_service.engine.scale import LARGEST, ResponseScale
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
_LARGEST_LOG = 700.0


def is_level(kind: AcquisitionKind) -> bool:
    """Whether a value of this kind is a response; all others are maximized by their logarithm."""
    return kind in _LEVELS


def worth_of(value: float, kind: AcquisitionKind, scales: Sequence[ResponseScale]) -> float:
    """Give what a value is worth: a response, an amount in the product of the objectives' units, or a plain number.

    Args:
        value: What was maximized, of responses on the models' scales.
        kind: What it tells.
        scales: Those of the objectives that it is about.
    """
    if is_level(kind):
        return scales[0].from_model(value, 0.0)[0]
    amount = math.exp(min(value, _LARGEST_LOG))
    for scale in scales if kind in _AMOUNTS else ():
        amount = min(amount * scale.spread * scale.unit, LARGEST)
    return amount
