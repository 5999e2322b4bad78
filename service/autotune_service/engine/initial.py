"""The initial design: scrambled Sobol points, before a model has enough to learn from."""

from collections.abc import Iterator, Set
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

from autotune_service.engine.encoding import Encoding, Key
from autotune_service.engine.problem import Problem, Recommendation
from autotune_wire.base import Configuration

_MIN_INITIAL, _MAX_INITIAL = 5, 12
_BLOCK = 64
_TRIES = 4096


def n_initial(encoding: Encoding) -> int:
    """Give how many configurations come before the model chooses, the guess included: twice the covariates, 5 to 12."""
    return min(max(_MIN_INITIAL, 2 * len(encoding.space)), _MAX_INITIAL)


def initial_design(problem: Problem, reason: str) -> list[Recommendation]:
    """Give n Sobol points that are neither told nor pending.

    The point's place in the sequence is the number of configurations told or pending, so that the same data give the
    same points. Where every configuration of a small space is taken, points come again: the space has no others.
    """
    encoding = Encoding(problem.space)
    taken = {encoding.key(configuration) for configuration in problem.told + problem.pending}
    chosen: list[Recommendation] = []
    sequence = sobol_configurations(encoding, problem.seed, skip=len(problem.told) + len(problem.pending))
    for _ in range(problem.n):
        covars = _first_free(encoding, sequence, taken)
        taken.add(encoding.key(covars))
        chosen.append(Recommendation(covars, "sobol", reason))
    return chosen


def sobol_configurations(encoding: Encoding, seed: int, skip: int = 0) -> Iterator[Configuration]:
    """Give the configurations of a scrambled Sobol sequence (Owen 1998), the first ``skip`` left out."""
    sobol = qmc.Sobol(len(encoding.space), scramble=True, rng=np.random.default_rng(seed))
    if skip:
        sobol.fast_forward(skip)
    while True:
        block: NDArray[np.float64] = sobol.random(_BLOCK)
        for row in block:
            yield encoding.from_unit(row)


def _first_free(encoding: Encoding, sequence: Iterator[Configuration], taken: Set[Key]) -> Configuration:
    first = next(sequence)
    if encoding.key(first) not in taken:
        return first
    count = encoding.n_configurations
    if count is not None and count <= len(taken):
        return first
    return next((one for one in islice(sequence, _TRIES) if encoding.key(one) not in taken), first)
