"""From the name of an acquisition function to the functions whose sum the search maximises; loads torch."""

from autotune_service.engine.acquisition.functions import LogProbability
from autotune_service.engine.acquisition.named.acquisitions import acquisition_by_name
from autotune_service.engine.acquisition.named.scene import Scene
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.search.ascent import Acquisition
from autotune_wire.experiments import AcqFunc


def acquisitions_for(acq_func: AcqFunc, scene: Scene, feasibility: GaussianProcess | None) -> list[Acquisition]:
    """Build the acquisition functions whose sum the search maximizes.

    Args:
        acq_func: The acquisition function's name.
        scene: The objective's model and the region to search.
        feasibility: The model of whether a run works, None if no run failed.
    """
    works: list[Acquisition] = [] if feasibility is None else [LogProbability(feasibility, 0.0)]
    return acquisition_by_name(acq_func, scene, works)
