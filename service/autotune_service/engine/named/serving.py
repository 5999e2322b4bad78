"""From a problem that names an acquisition, or has several objectives, to what is to be maximized."""

from collections.abc import Mapping

import numpy as np

from autotune_service.engine.acceptance import are_acceptable
from autotune_service.engine.ascent import Acquisition
from autotune_service.engine.gaussian_process import GaussianProcess
from autotune_service.engine.kernel import Array
from autotune_service.engine.named.acquisitions import acquisition_by_name
from autotune_service.engine.named.front import FrontScene, improvement_of_front
from autotune_service.engine.named.scene import Scene
from autotune_service.engine.problem import Problem
from autotune_service.engine.promise import Chance, chances_of
from autotune_service.engine.region import Region
from autotune_service.engine.surrogate import Surrogate
from autotune_wire.responses import Objective


def acquisitions_for(
    problem: Problem,
    region: Region,
    surrogates: Mapping[str, Surrogate],
    feasibility: GaussianProcess | None,
    pending: Array,
    rng: np.random.Generator,
) -> list[Acquisition]:
    """Give the acquisitions whose sum is to be maximized.

    Args:
        problem: One with several objectives of which two or more were measured, or with one and an acquisition's name.
        region: Where suggestions may lie.
        surrogates: The models of the responses that were measured.
        feasibility: The model of whether a run works, None where none failed.
        pending: Rows that are suggested but not told, shape (m, d).
        rng: Gives the seed of all that is drawn.
    """
    seed = int(rng.integers(2**31))
    works: list[Acquisition] = [] if feasibility is None else [Chance(feasibility, 0.0)]
    objectives = [name for name in surrogates if isinstance(problem.responses[name], Objective)]
    if len(objectives) == 1:
        scene = Scene(surrogates[objectives[0]].process, region, pending, seed)
        return acquisition_by_name(problem.acq_func, scene, works)
    worked = [i for i, run in enumerate(problem.runs) if not run.is_failed]
    front = FrontScene(
        surrogates=surrogates,
        responses=problem.responses,
        region=region,
        rows=region.encoding.encode([problem.runs[i].covars for i in worked]),
        is_acceptable=are_acceptable(region.encoding, problem, surrogates, worked),
        pending=pending,
        chances=chances_of(problem.responses, surrogates, feasibility),
        seed=seed,
    )
    return [improvement_of_front(front), *works]
