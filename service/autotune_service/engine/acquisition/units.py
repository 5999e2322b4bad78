"""From the value that a search maximized to one that users read, in the responses' own units."""

import math
from collections.abc import Sequence

import numpy as np

from autotune_service.engine.model.scale import ResponseScale
from autotune_wire.suggestions import AcquisitionKind

_LEVELS: frozenset[AcquisitionKind] = frozenset({"mean", "confidence_bound"})
_AMOUNTS: frozenset[AcquisitionKind] = frozenset(
    {
        "expected_improvement",
        "above_worst",
        "knowledge_gradient",
        "expected_hypervolume_improvement",
    }
)
_LARGEST_LOG = 709.0  # just below the logarithm of the largest double


def is_level(kind: AcquisitionKind) -> bool:
    """Return whether a value of this kind is a response level; the other kinds are maximized as logarithms."""
    return kind in _LEVELS


def value_in_units(value: float, kind: AcquisitionKind, scales: Sequence[ResponseScale]) -> float:
    """Convert a maximized value to the users' units.

    Args:
        value: The value that the search maximized, computed from responses on the models' scales.
        kind: The quantity that the value measures.
        scales: The scales of the objectives that the value depends on.

    Returns:
        A level in the response's unit, an amount in the product of the objectives' units, or a number without a unit,
        such as a probability.
    """
    if is_level(kind):
        return float(scales[0].from_model(np.array([value]), np.zeros(1))[0][0])
    logs = [math.log(scale.spread) + math.log(scale.unit) for scale in (scales if kind in _AMOUNTS else ())]
    return math.exp(min(value + sum(logs), _LARGEST_LOG))
