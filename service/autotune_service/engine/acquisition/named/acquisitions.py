"""The acquisition functions by name, for one objective; most of them are BoTorch's own."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from botorch.acquisition import (
    AcquisitionFunction,
    PosteriorMean,
    UpperConfidenceBound,
    qLogExpectedImprovement,
    qLogNoisyExpectedImprovement,
    qProbabilityOfImprovement,
    qSimpleRegret,
    qUpperConfidenceBound,
)
from botorch.acquisition.analytic import LogProbabilityOfImprovement
from botorch.acquisition.max_value_entropy_search import qMaxValueEntropy
from botorch.sampling import SobolQMCNormalSampler
from torch import Tensor

from autotune_service.engine.acquisition.named.bridge import ProcessModel, TorchAcquisition, tensor, undisturbed
from autotune_service.engine.acquisition.named.fidelity import fidelity_entropy
from autotune_service.engine.acquisition.named.knowledge_gradient import KnowledgeGradient, final_choices
from autotune_service.engine.acquisition.named.names import KINDS
from autotune_service.engine.acquisition.named.noisy import noisy_improvement
from autotune_service.engine.acquisition.named.scene import LogAbove, Scene, conditioned_on_predictions
from autotune_service.engine.acquisition.units import is_level
from autotune_service.engine.model.subset import representatives
from autotune_service.engine.search.ascent import Acquisition
from autotune_wire.experiments import AcqFunc

BETA = 4.0
"""The upper confidence bound adds the square root of this number, in standard deviations, to the mean."""

MARGIN = 0.01
"""The least improvement that the probability of improvement counts, in standard deviations of the responses.

Without a margin, repeating the best run would have a probability of about one half."""

_SAMPLES = 128
_MAX_VALUES = 16
_MAX_JOINT = 8  # pending rows that are sampled jointly with a candidate
_MAX_BASELINE = 200
_SMOOTHING = 0.05  # BoTorch's tau: the width, in standard deviations of the responses, of the step at no improvement
_HOPELESS_SDS = 6.0  # standard deviations below the mean, as in BoTorch's get_infeasible_cost
_LEAST = 1e-12  # the smallest value that a logarithm is taken of

Forward = Callable[[Tensor], Tensor]


def acquisition_by_name(name: AcqFunc, scene: Scene, log_probabilities: list[Acquisition]) -> list[Acquisition]:
    """Build the acquisition functions whose sum is the one of this name.

    Args:
        name: Any name but auto and ExpectedImprovement, which need no torch.
        scene: The objective's model and the region to search.
        log_probabilities: The log probability that a run works, or nothing. With it, an acquisition function that is
            a response level (a mean or a confidence bound) is replaced by the logarithm of its height above a floor,
            the lowest value that a row may have; BoTorch gives infeasible points such a value.
    """
    if name == "NoisyExpectedImprovement":
        rng = np.random.default_rng(scene.seed)
        return [noisy_improvement(scene, rng), *log_probabilities]
    with undisturbed(scene.seed):
        acquisition: Acquisition = TorchAcquisition(_BUILDERS[name](_with_few_pending(name, scene)))
    if log_probabilities and is_level(KINDS[name]):
        means, variances = scene.process.predict(np.concatenate([scene.process.rows, scene.drawn_rows()]))
        floor = float((means - _HOPELESS_SDS * np.sqrt(variances)).min())
        acquisition = LogAbove(acquisition, floor)
    return [acquisition, *log_probabilities]


def _with_few_pending(name: AcqFunc, scene: Scene) -> Scene:
    """Return the scene with at most as many pending rows as the acquisition function samples jointly.

    At the other pending rows, the oldest, the model is conditioned on its own predictions, and those in the region
    count as incumbents.
    """
    n_joint = _MAX_JOINT if name in _JOINT else 0
    n_predicted = max(len(scene.pending) - n_joint, 0)
    predicted, joint = scene.pending[:n_predicted], scene.pending[n_predicted:]
    process = conditioned_on_predictions(scene.process, predicted)
    incumbents = np.concatenate([scene.incumbents, predicted[scene.region.contains(predicted)]])
    return replace(scene, process=process, pending=joint, incumbents=incumbents)


def _posterior_mean(scene: Scene) -> AcquisitionFunction:
    return PosteriorMean(_model(scene))


def _log_probability(scene: Scene) -> AcquisitionFunction:
    return LogProbabilityOfImprovement(_model(scene), best_f=scene.best + MARGIN)


def _upper_bound(scene: Scene) -> AcquisitionFunction:
    return UpperConfidenceBound(_model(scene), beta=BETA)


def _sampled_improvement(scene: Scene) -> AcquisitionFunction:
    return qLogExpectedImprovement(_model(scene), best_f=scene.best, sampler=_sampler(scene), X_pending=_pending(scene))


def _sampled_noisy_improvement(scene: Scene) -> AcquisitionFunction:
    process, rows = scene.process, scene.incumbents
    kept = representatives(rows, process.expect(rows), _MAX_BASELINE, process.kinds.is_code)
    baseline = tensor(np.unique(rows[kept], axis=0))
    return qLogNoisyExpectedImprovement(
        _model(scene), baseline, sampler=_sampler(scene), X_pending=_pending(scene), prune_baseline=True
    )


def _sampled_probability(scene: Scene) -> Forward:
    probability = qProbabilityOfImprovement(
        _model(scene), best_f=scene.best + MARGIN, sampler=_sampler(scene), X_pending=_pending(scene), tau=_SMOOTHING
    )
    return _log_of(probability)


def _sampled_regret(scene: Scene) -> AcquisitionFunction:
    return qSimpleRegret(_model(scene), sampler=_sampler(scene), X_pending=_pending(scene))


def _sampled_upper_bound(scene: Scene) -> AcquisitionFunction:
    return qUpperConfidenceBound(_model(scene), beta=BETA, sampler=_sampler(scene), X_pending=_pending(scene))


def _knowledge_gradient(scene: Scene) -> Forward:
    return KnowledgeGradient(_model(scene), final_choices(scene))


def _entropy(scene: Scene) -> Forward:
    entropy = qMaxValueEntropy(_model(scene), tensor(scene.drawn_rows()), num_mv_samples=_MAX_VALUES)
    return _log_of(entropy)


def _fidelity_entropy(scene: Scene) -> Forward:
    return _log_of(fidelity_entropy(_model(scene), scene, _MAX_VALUES))


def _model(scene: Scene) -> ProcessModel:
    return ProcessModel(scene.process)


def _pending(scene: Scene) -> Tensor | None:
    return tensor(scene.pending) if len(scene.pending) else None


def _sampler(scene: Scene) -> SobolQMCNormalSampler:
    return SobolQMCNormalSampler(torch.Size([_SAMPLES]), seed=scene.seed)


def _log_of(acquisition: Forward) -> Forward:
    return lambda rows: acquisition(rows).clamp_min(_LEAST).log()


_BUILDERS: dict[AcqFunc, Callable[[Scene], Forward]] = {
    "PosteriorMean": _posterior_mean,
    "ProbabilityOfImprovement": _log_probability,
    "UpperConfidenceBound": _upper_bound,
    "qExpectedImprovement": _sampled_improvement,
    "qNoisyExpectedImprovement": _sampled_noisy_improvement,
    "qProbabilityOfImprovement": _sampled_probability,
    "qSimpleRegret": _sampled_regret,
    "qUpperConfidenceBound": _sampled_upper_bound,
    "qKnowledgeGradient": _knowledge_gradient,
    "qMaxValueEntropy": _entropy,
    "qMultiFidelityMaxValueEntropy": _fidelity_entropy,
}
_JOINT: frozenset[AcqFunc] = frozenset(
    {
        "qExpectedImprovement",
        "qNoisyExpectedImprovement",
        "qProbabilityOfImprovement",
        "qSimpleRegret",
        "qUpperConfidenceBound",
    }
)
