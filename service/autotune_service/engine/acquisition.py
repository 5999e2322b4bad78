"""The acquisition: how much a configuration promises, and the one that promises most."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction, LogExpectedImprovement
from botorch.acquisition.logei import qLogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.models.model import Model
from botorch.optim import optimize_acqf
from botorch.optim.optimize_mixed import optimize_acqf_mixed_alternating
from botorch.sampling import SobolQMCNormalSampler
from numpy.typing import NDArray
from torch import Tensor

from autotune_service.engine.encoding import Encoding, Key, n_values
from autotune_service.engine.initial import sobol_configurations
from autotune_wire.base import Configuration
from autotune_wire.experiments import AcqFunc
from autotune_wire.space import IntCovariate

_ENUMERATED_CONFIGURATIONS = 4096  # a space up to this size is searched whole
_ENUMERATED_VALUES = 64  # a whole number with more values is searched on a rounded continuum
_MC_SAMPLES = 256
_RESTARTS, _RAW_SAMPLES, _ITERATIONS = 4, 256, 60
_ALTERNATIONS = 4
_SPARE_CANDIDATES = 1024
_BLOCK = 512  # candidates valued at a time, which bounds the memory


@dataclass(frozen=True, slots=True)
class Search:
    """What a search for the next configuration knows besides the acquisition."""

    encoding: Encoding
    seed: int
    taken: Set[Key]


def make_acquisition(
    name: AcqFunc, model: Model, rows: NDArray[np.float64], pending: NDArray[np.float64], seed: int
) -> AcquisitionFunction:
    """Build the acquisition that serves a name, conditioned on what is pending.

    ExpectedImprovement is served by LogEI, and by its Monte Carlo form where suggestions are pending;
    NoisyExpectedImprovement by qLogNEI (both Ament et al. 2023, "Unexpected Improvements to Expected Improvement").

    Args:
        name: The acquisition's name.
        model: The fitted surrogate, more is better.
        rows: Encoded observations, shape (n, d).
        pending: Encoded pending suggestions, shape (m, d); m may be 0.
        seed: Fixes the base samples of a Monte Carlo acquisition.
    """
    baseline = torch.from_numpy(rows)
    x_pending = torch.from_numpy(pending) if len(pending) else None
    sampler = SobolQMCNormalSampler(torch.Size([_MC_SAMPLES]), seed=seed)
    if name == "NoisyExpectedImprovement":
        return qLogNoisyExpectedImprovement(model, baseline, sampler=sampler, X_pending=x_pending)
    with torch.no_grad():
        best = model.posterior(baseline).mean.max()
    if x_pending is None:
        return LogExpectedImprovement(model, best_f=best)
    return qLogExpectedImprovement(model, best_f=best, sampler=sampler, X_pending=x_pending)


def best_configuration(acquisition: AcquisitionFunction, search: Search) -> tuple[Configuration, bool]:
    """Find the configuration of the highest acquisition value among those that are not taken.

    Returns:
        The configuration, and whether it is new: a space whose configurations are all taken gives the most promising
        one again.
    """
    count = search.encoding.n_configurations
    if count is not None and count <= _ENUMERATED_CONFIGURATIONS:
        return _best_of(acquisition, search, search.encoding.all_configurations())
    found = search.encoding.decode(_optimize(acquisition, search).numpy())
    if search.encoding.key(found) not in search.taken:
        return found, True
    # The optimum itself is taken: take the best of a fresh design instead.
    spare = islice(sobol_configurations(search.encoding, search.seed), _SPARE_CANDIDATES)
    return _best_of(acquisition, search, spare)


def _best_of(
    acquisition: AcquisitionFunction, search: Search, candidates: Iterable[Configuration]
) -> tuple[Configuration, bool]:
    listed = list(candidates)
    free = [one for one in listed if search.encoding.key(one) not in search.taken]
    contest = free or listed
    values = _values(acquisition, search.encoding.encode(contest))
    return contest[int(values.argmax())], bool(free)


def _values(acquisition: AcquisitionFunction, rows: NDArray[np.float64]) -> Tensor:
    with torch.no_grad():
        blocks = torch.split(torch.from_numpy(rows), _BLOCK)
        return torch.cat([acquisition(block.unsqueeze(-2)) for block in blocks])


def _optimize(acquisition: AcquisitionFunction, search: Search) -> Tensor:
    encoding = search.encoding
    bounds = torch.from_numpy(np.stack([np.zeros(len(encoding.space)), encoding.upper]))
    discrete = {
        column: _steps(covariate)
        for column, covariate in enumerate(encoding.covariates)
        if isinstance(covariate, IntCovariate) and n_values(covariate) <= _ENUMERATED_VALUES
    }
    codes = {j: [float(code) for code in range(int(encoding.upper[j]) + 1)] for j in encoding.cat_columns}
    categories = {j: choices for j, choices in codes.items() if len(choices) > 1}
    fixed = {j: 0.0 for j in codes if j not in categories} or None  # a choice of one is none
    if discrete or categories:
        found, _ = optimize_acqf_mixed_alternating(
            acquisition,
            bounds,
            discrete_dims=discrete,
            cat_dims=categories,
            fixed_features=fixed,
            q=1,
            num_restarts=_RESTARTS,
            raw_samples=_RAW_SAMPLES,
            options={"maxiter_alternating": _ALTERNATIONS, "max_discrete_values": _ENUMERATED_VALUES},
        )
    else:
        found, _ = optimize_acqf(
            acquisition,
            bounds,
            q=1,
            num_restarts=_RESTARTS,
            raw_samples=_RAW_SAMPLES,
            fixed_features=fixed,
            options={"maxiter": _ITERATIONS, "seed": search.seed},
        )
    best: Tensor = found.squeeze(0).detach()
    return best


def _steps(covariate: IntCovariate) -> Sequence[float]:
    span = covariate.max - covariate.min
    return [step / span for step in range(span + 1)]
