"""The JSON in which parts of an experiment are stored, and the hash by which equal JSON is found again."""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from autotune_wire.constraints import Constraint
from autotune_wire.space import Space


def stored_space(space: Space) -> dict[str, Any]:
    """Convert a space to the JSON of its column; fields that have their default value are left out."""
    return {name: covariate.model_dump(mode="json", exclude_defaults=True) for name, covariate in space.items()}


def stored_constraints(constraints: Sequence[Constraint]) -> list[Any]:
    """Convert constraints to the JSON of their column."""
    return [constraint.model_dump(mode="json") for constraint in constraints]


def key_of(value: Any) -> str:
    """Return a hash of a JSON value; the order of the names in an object makes no difference."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode()).hexdigest()
