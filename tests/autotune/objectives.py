"""Functions that a pool of processes can import."""

import os

from autotune.errors import RunFailed


def doubled(configuration: dict) -> float:
    return configuration["x"] * 2


def not_there(_configuration: dict) -> float:
    raise RunFailed("it broke")


def wrong(_configuration: dict) -> float:
    raise LookupError("a bug")


def deadly(_configuration: dict) -> float:
    os._exit(3)
