"""Functions that a pool of processes can import."""

import os
from typing import Any

from autotune.errors import RunFailed


def doubled(configuration: dict[str, Any]) -> float:
    return configuration["x"] * 2


def not_there(_configuration: dict[str, Any]) -> float:
    raise RunFailed("it broke")


def wrong(_configuration: dict[str, Any]) -> float:
    raise LookupError("a bug")


def deadly(_configuration: dict[str, Any]) -> float:
    os._exit(3)
