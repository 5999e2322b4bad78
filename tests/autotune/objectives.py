"""Functions that a pool of processes can import."""

import os
from typing import Any

from autotune.errors import RunFailed, VersionConflictError
from autotune.running.reporting import report
from autotune.views.shown import Observation
from autotune_wire.problems import Problem


def doubled(configuration: dict[str, Any]) -> float:
    return configuration["x"] * 2


def not_there(_configuration: dict[str, Any]) -> float:
    raise RunFailed("it broke")


def reporting(_configuration: dict[str, Any]) -> float:
    report(1, 0.25)
    return 0.5


def wrong(_configuration: dict[str, Any]) -> float:
    raise LookupError("a bug")


def deadly(_configuration: dict[str, Any]) -> float:
    os._exit(3)


def conflicting(current: Observation) -> None:
    stored = current.model_dump(mode="json", exclude={"notes"})
    raise VersionConflictError(Problem(title="No", status=409, code="version_conflict", detail="no", current=stored))
