"""Which runs count: those that did not fail and meet every threshold."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array
from autotune_service.engine.interface import EngineInput
from autotune_service.engine.model.surrogate import Surrogate, sign_of
from autotune_wire.responses import thresholds_of


def are_acceptable(
    given: EngineInput, surrogates: Mapping[str, Surrogate], told: Array, index: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which runs meet every threshold, as measured or else as predicted; a threshold nobody measured is ignored.

    Args:
        given: Whose runs.
        surrogates: The models of the responses that were measured.
        told: The rows of all runs, shape (m, d).
        index: Which runs are asked about, n of them.

    Returns:
        Array of shape (n,); a run that failed is not acceptable.
    """
    runs = [given.runs[i] for i in index]
    is_acceptable = np.array([not run.is_failed for run in runs], dtype=np.bool_)
    for name, threshold in thresholds_of(given.responses).items():
        if name in surrogates:
            is_unknown = [name not in run.responses for run in runs]
            values = np.array([run.responses.get(name, np.nan) for run in runs], dtype=np.float64)
            values[is_unknown] = [one.mean for one in surrogates[name].predict(told[index][is_unknown])]
            is_acceptable &= sign_of(threshold) * (values - threshold.bound) >= 0
    return is_acceptable
