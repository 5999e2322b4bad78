"""Which runs are acceptable: those that did not fail, were not stopped early and meet every threshold."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array
from autotune_service.engine.interface import EngineInput
from autotune_service.engine.model.surrogate import Surrogate, sign_of
from autotune_wire.responses import thresholds_of


def are_acceptable(
    given: EngineInput, surrogates: Mapping[str, Surrogate], run_rows: Array, index: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Check which runs did not fail, were not stopped early and meet every threshold.

    A run that did not measure a threshold's response is judged by the predicted mean. A threshold whose response no run
    has measured is ignored.

    Args:
        given: The engine's input, with all m runs.
        surrogates: The models of the responses that were measured.
        run_rows: The rows of all runs, shape (m, d).
        index: The indices of the n runs to check.

    Returns:
        Array of shape (n,), in the order of ``index``.
    """
    runs = [given.runs[i] for i in index]
    is_acceptable = np.array([not (run.is_failed or run.is_stopped) for run in runs], dtype=np.bool_)
    for name, threshold in thresholds_of(given.responses).items():
        if name in surrogates:
            is_unknown = [name not in run.responses for run in runs]
            values = np.array([run.responses.get(name, np.nan) for run in runs], dtype=np.float64)
            values[is_unknown] = [predicted.mean for predicted in surrogates[name].predict(run_rows[index][is_unknown])]
            sign = sign_of(threshold)
            is_acceptable &= sign * values >= sign * threshold.bound  # a difference may be too large for a float
    return is_acceptable
