"""From the name of an acquisition function to the functions whose sum the search maximises; loads torch."""

import numpy as np

from autotune_service.engine.acquisition.functions import LogProbability
from autotune_service.engine.acquisition.named.acquisitions import acquisition_by_name
from autotune_service.engine.acquisition.named.scene import Scene
from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.search.ascent import Acquisition
from autotune_service.engine.space.region import Region
from autotune_wire.experiments import AcqFunc


def acquisitions_for(
    acq_func: AcqFunc,
    region: Region,
    process: GaussianProcess,
    feasibility: GaussianProcess | None,
    pending: Array,
    rng: np.random.Generator,
) -> list[Acquisition]:
    """Build the acquisition functions whose sum the search maximizes.

    Args:
        acq_func: The acquisition function's name.
        region: The rows that may be suggested.
        process: The objective's model.
        feasibility: The model of whether a run works, None if no run failed.
        pending: Rows that are suggested but not told, shape (m, d).
        rng: Draws the seed of every later random draw.
    """
    works: list[Acquisition] = [] if feasibility is None else [LogProbability(feasibility, 0.0)]
    scene = Scene(process, region, pending, int(rng.integers(2**31)))
    return acquisition_by_name(acq_func, scene, works)
