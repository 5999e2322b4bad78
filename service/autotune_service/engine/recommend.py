"""The engine's two answers: what to try next, and what to explore where the model failed."""

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

import numpy as np
import torch
from botorch.models.model import Model
from numpy.typing import NDArray

from autotune_service.engine.acquisition import Search, best_configuration, make_acquisition
from autotune_service.engine.encoding import Encoding
from autotune_service.engine.initial import initial_design, n_initial
from autotune_service.engine.problem import Problem, Recommendation
from autotune_service.engine.surrogate import ResponseScale, fit_surrogate


def recommend(problem: Problem) -> list[Recommendation]:
    """Give the n configurations to try next.

    The answer depends on the problem alone: the same space, data, pending suggestions and seed give the same.

    Raises:
        Exception: Whatever BoTorch raises where a model cannot be fitted to the data.
    """
    encoding = Encoding(problem.space)
    known = len(problem.told) + len(problem.pending)
    wanted = n_initial(encoding)
    if known < wanted or len(problem.told) < 2:
        return initial_design(problem, f"initial design, until {wanted} configurations are known")
    seed = crc32(f"{problem.seed}:{len(problem.told)}:{len(problem.pending)}".encode())
    with _seeded(seed), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # BoTorch warns of data that are handled here
        return _by_model(problem, encoding, seed)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    # BoTorch draws from torch, and from Python's own generator where a covariate has many options.
    state = random.getstate()
    random.seed(seed)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(state)


def explore(problem: Problem, failure: str) -> list[Recommendation]:
    """Give n Sobol points where the model failed, and say so in their reason."""
    return initial_design(problem, f"a Sobol point, because the model failed: {failure}")


def _by_model(problem: Problem, encoding: Encoding, seed: int) -> list[Recommendation]:
    rows = encoding.encode(problem.told)
    responses = np.array(problem.responses, dtype=np.float64)
    scale = ResponseScale.of(responses, problem.direction)
    model = fit_surrogate(encoding, rows, scale.to_model(responses))
    pending = list(problem.pending)
    taken = {encoding.key(one) for one in problem.told + pending}
    chosen: list[Recommendation] = []
    for _ in range(problem.n):
        acquisition = make_acquisition(problem.acq_func, model, rows, encoding.encode(pending), seed)
        covars, is_new = best_configuration(acquisition, Search(encoding, seed, taken))
        mean, sd = scale.from_model(*_predict(model, encoding.encode([covars])))
        chosen.append(Recommendation(covars, "model", _reason(problem, is_new), mean, sd))
        pending.append(covars)
        taken.add(encoding.key(covars))
    return chosen


def _predict(model: Model, row: NDArray[np.float64]) -> tuple[float, float]:
    with torch.no_grad():
        posterior = model.posterior(torch.from_numpy(row))
    return float(posterior.mean.item()), float(posterior.variance.sqrt().item())


def _reason(problem: Problem, is_new: bool) -> str:
    basis = f"the highest expected improvement, after {len(problem.told)} observations"
    if problem.pending:
        basis += f" and with {len(problem.pending)} suggestions pending"
    return basis if is_new else f"{basis}; every configuration was tried, so this one is worth repeating"
