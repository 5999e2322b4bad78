"""Which runs count: those that did not fail and meet every threshold."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.encoding import Encoding
from autotune_service.engine.problem import Problem
from autotune_service.engine.surrogate import Surrogate, sign_of
from autotune_wire.responses import thresholds_of


def are_acceptable(
    encoding: Encoding, problem: Problem, surrogates: Mapping[str, Surrogate], index: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which runs meet every threshold, as measured or else as predicted; a threshold nobody measured is ignored.

    Args:
        encoding: The space's columns.
        problem: Whose runs.
        surrogates: The models of the responses that were measured.
        index: Which runs are asked about, n of them.

    Returns:
        Array of shape (n,); a run that failed is not acceptable.
    """
    runs = [problem.runs[i] for i in index]
    is_acceptable = np.array([not run.is_failed for run in runs], dtype=np.bool_)
    rows = encoding.encode([run.covars for run in runs])
    for name, threshold in thresholds_of(problem.responses).items():
        if name in surrogates and len(runs):
            predicted = surrogates[name].predict(rows)
            values = [run.responses.get(name, one.mean) for run, one in zip(runs, predicted, strict=True)]
            is_acceptable &= sign_of(threshold) * (np.array(values) - threshold.bound) >= 0
    return is_acceptable
