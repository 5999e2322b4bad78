"""The acquisition for several objectives: how much more a run is expected to dominate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from botorch.acquisition.multi_objective import logei
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.sampling import SobolQMCNormalSampler
from numpy.typing import NDArray
from torch import Tensor

from autotune_service.engine.ascent import Acquisition
from autotune_service.engine.kernel import Array
from autotune_service.engine.named.bridge import ProcessModel, TorchAcquisition, tensor, undisturbed
from autotune_service.engine.named.scene import PosteriorMean
from autotune_service.engine.pareto import best_first, reference_point
from autotune_service.engine.promise import Promise
from autotune_service.engine.region import Region
from autotune_service.engine.search import find_best
from autotune_service.engine.surrogate import Surrogate
from autotune_wire.responses import Objective, Response, Threshold

_SAMPLES = {2: 64, 3: 32, 4: 16}  # a front is partitioned for each, which takes the longer the more objectives
_MAX_BASELINE = 100
_NOT_ACCEPTABLE = 1e3

# BoTorch would have a C++ compiler build a kernel at the first use, where there is one: that takes over a minute,
# writes to the home directory, and gives numbers that differ from machine to machine in the last bits.
logei._load_attempted = True


@dataclass(frozen=True, slots=True)
class FrontScene:
    """Models of several objectives and where they are to be explored.

    Args:
        surrogates: The models of the responses that were measured, two objectives or more among them.
        responses: All responses.
        region: Where suggestions may lie.
        rows: What was run and did not fail, shape (n, d).
        is_acceptable: Which of those meet the thresholds, shape (n,).
        pending: Rows that are suggested but not told, shape (m, d).
        chances: The logarithms of the probability to meet each threshold and, where runs failed, to work at all.
        seed: Of all that is drawn.
    """

    surrogates: Mapping[str, Surrogate]
    responses: Mapping[str, Response]
    region: Region
    rows: Array
    is_acceptable: NDArray[np.bool_]
    pending: Array
    chances: Sequence[Acquisition]
    seed: int

    @property
    def objectives(self) -> list[str]:
        """The names of the objectives that were measured."""
        return [name for name in self.surrogates if isinstance(self.responses[name], Objective)]

    @property
    def thresholds(self) -> list[str]:
        """The names of the thresholds that were measured."""
        return [name for name in self.surrogates if isinstance(self.responses[name], Threshold)]

    def predicted(self, rows: Array) -> Array:
        """Predict the objectives at rows, shape (n, d), on their models' scales, shape (n, m)."""
        return np.stack([self.surrogates[name].process.predict(rows)[0] for name in self.objectives], axis=1)


def improvement_of_front(scene: FrontScene) -> TorchAcquisition:
    """Build the logarithm of the noisy expected hypervolume improvement (Daulton et al. 2021, Ament et al. 2023).

    Each objective counts on its model's scale, where more is better and the spread is one. The thresholds are outcome
    constraints: what does not meet them dominates nothing.
    """
    names, limited = scene.objectives, scene.thresholds
    known = scene.predicted(scene.rows) - _NOT_ACCEPTABLE * ~scene.is_acceptable[:, None]
    baseline = scene.rows[best_first(known, _MAX_BASELINE)]
    reference = _reference(scene)
    with undisturbed(scene.seed):
        acquisition = logei.qLogNoisyExpectedHypervolumeImprovement(
            ProcessModel([scene.surrogates[name].process for name in [*names, *limited]]),
            tensor(reference),
            tensor(np.unique(baseline, axis=0)),
            sampler=SobolQMCNormalSampler(torch.Size([_SAMPLES[len(names)]]), seed=scene.seed),
            objective=IdentityMCMultiOutputObjective(outcomes=list(range(len(names)))),
            constraints=[_limit(scene, name, len(names) + k) for k, name in enumerate(limited)] or None,
            X_pending=tensor(scene.pending) if len(scene.pending) else None,
            prune_baseline=True,
        )
    return TorchAcquisition(acquisition)


def _reference(scene: FrontScene) -> Array:
    """Give the reference point on the models' scales: as told, else inferred.

    It is inferred from the runs that are acceptable and from where each objective is predicted to be best: with the
    runs alone, the ends of the front would not count as long as no run is near them.
    """
    rows = scene.rows[scene.is_acceptable] if scene.is_acceptable.any() else scene.rows
    reference = reference_point(scene.predicted(np.concatenate([rows, *_ends(scene)])))
    for k, name in enumerate(scene.objectives):
        response = scene.responses[name]
        if isinstance(response, Objective) and response.reference is not None:
            reference[k] = scene.surrogates[name].scale.to_model(np.array([response.reference]))[0]
    return reference


def _ends(scene: FrontScene) -> Iterator[Array]:
    for k, name in enumerate(scene.objectives):
        process, rng = scene.surrogates[name].process, np.random.default_rng([scene.seed, k])
        known = scene.rows[np.argsort(-process.predict(scene.rows)[0], kind="stable")]
        yield find_best(Promise([PosteriorMean(process), *scene.chances]), scene.region, known, set(), rng).row[None]


def _limit(scene: FrontScene, name: str, output: int) -> Callable[[Tensor], Tensor]:
    threshold = scene.responses[name]
    assert isinstance(threshold, Threshold)
    bound = float(scene.surrogates[name].scale.to_model(np.array([threshold.bound]))[0])
    return lambda samples: bound - samples[..., output]  # BoTorch: negative is feasible
