"""The acquisition for several objectives: how much more a run is expected to dominate."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from botorch.acquisition.multi_objective import logei
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.sampling import SobolQMCNormalSampler
from numpy.typing import NDArray
from torch import Tensor

from autotune_service.engine.kernel import Array
from autotune_service.engine.named.bridge import ProcessModel, TorchAcquisition, tensor, undisturbed
from autotune_service.engine.pareto import best_first, reference_point
from autotune_service.engine.surrogate import Surrogate
from autotune_wire.responses import Objective, Response, Threshold

_SAMPLES = {2: 64, 3: 32, 4: 16}  # a front is partitioned for each, which takes the longer the more objectives
_MAX_BASELINE = 100

# BoTorch would have a C++ compiler build a kernel at the first use, where there is one: that takes over a minute,
# writes to the home directory, and gives numbers that differ from machine to machine in the last bits.
logei._load_attempted = True


def improvement_of_front(
    surrogates: Mapping[str, Surrogate],
    responses: Mapping[str, Response],
    told: tuple[Array, NDArray[np.bool_]],
    pending: Array,
    seed: int,
) -> TorchAcquisition:
    """Build the logarithm of the noisy expected hypervolume improvement (Daulton et al. 2021, Ament et al. 2023).

    Each objective counts on its model's scale, where more is better and the spread is one. The thresholds are outcome
    constraints: what does not meet them dominates nothing.

    Args:
        surrogates: The models of the responses that were measured, two objectives or more among them.
        responses: All responses.
        told: Rows that were run and did not fail, shape (n, d), and which of them meet the thresholds, shape (n,).
        pending: Rows that are suggested but not told, shape (m, d).
        seed: Of all that is drawn.
    """
    names = [name for name in surrogates if isinstance(responses[name], Objective)]
    limited = [name for name in surrogates if isinstance(responses[name], Threshold)]
    rows, is_acceptable = told
    known = _predicted(surrogates, names, rows)
    counted = known[is_acceptable] if is_acceptable.any() else known
    baseline = rows[best_first(known - 1e3 * ~is_acceptable[:, None], _MAX_BASELINE)]
    with undisturbed(seed):
        acquisition = logei.qLogNoisyExpectedHypervolumeImprovement(
            ProcessModel([surrogates[name].process for name in [*names, *limited]]),
            tensor(_reference(surrogates, responses, names, counted)),
            tensor(np.unique(baseline, axis=0)),
            sampler=SobolQMCNormalSampler(torch.Size([_SAMPLES[len(names)]]), seed=seed),
            objective=IdentityMCMultiOutputObjective(outcomes=list(range(len(names)))),
            constraints=[
                _limit(len(names) + k, _bound(surrogates[name], responses[name])) for k, name in enumerate(limited)
            ]
            or None,
            X_pending=tensor(pending) if len(pending) else None,
            prune_baseline=True,
        )
    return TorchAcquisition(acquisition)


def _reference(
    surrogates: Mapping[str, Surrogate], responses: Mapping[str, Response], names: list[str], known: Array
) -> Array:
    """Give the reference point on the models' scales: as told, else inferred."""
    reference = reference_point(known)
    for k, name in enumerate(names):
        response = responses[name]
        if isinstance(response, Objective) and response.reference is not None:
            reference[k] = surrogates[name].scale.to_model(np.array([response.reference]))[0]
    return reference


def _predicted(surrogates: Mapping[str, Surrogate], names: list[str], rows: Array) -> Array:
    return np.stack([surrogates[name].process.predict(rows)[0] for name in names], axis=1)


def _bound(surrogate: Surrogate, response: Response) -> float:
    assert isinstance(response, Threshold)
    return float(surrogate.scale.to_model(np.array([response.bound]))[0])


def _limit(output: int, bound: float) -> Callable[[Tensor], Tensor]:
    def excess(samples: Tensor) -> Tensor:
        return bound - samples[..., output]  # BoTorch: negative is feasible

    return excess
