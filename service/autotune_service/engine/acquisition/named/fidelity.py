"""Max-value entropy per cost, for spaces with a fidelity: a covariate that sets how exact and expensive a run is."""

import numpy as np
from botorch.acquisition.cost_aware import InverseCostWeightedUtility
from botorch.acquisition.max_value_entropy_search import qMultiFidelityMaxValueEntropy
from botorch.models.cost import AffineFidelityCostModel
from torch import Tensor

from autotune_service.engine.acquisition.named.bridge import ProcessModel, tensor
from autotune_service.engine.acquisition.named.scene import Scene
from autotune_service.engine.space.columns import Column
from autotune_wire.space import CatCovariate

LEAST_COST = 0.05
"""The least cost of a run at the lowest fidelity, as a share of a run at the highest: starting a run has a cost."""


def fidelity_entropy(model: ProcessModel, scene: Scene, n_max_values: int) -> qMultiFidelityMaxValueEntropy:
    """Build the expected information per cost of a run at any fidelity about the best value at the highest fidelity.

    The information is the expected reduction of the best value's entropy. The cost grows linearly with the fidelity, up
    to 1 at the highest, from ``cost_of_lowest`` at the lowest.

    Args:
        model: The objective's model.
        scene: The region to search, which has one fidelity.
        n_max_values: The number of samples of the best value.
    """
    columns = scene.region.encoding.columns
    j = next(j for j, column in enumerate(columns) if column.covariate.role == "fidelity")
    lowest = cost_of_lowest(columns[j])
    costs = AffineFidelityCostModel(fidelity_weights={j: 1.0 - lowest}, fixed_cost=lowest).double()
    highest = float(columns[j].snap(np.ones(1))[0])

    def at_highest(rows: Tensor) -> Tensor:
        raised = rows.clone()
        raised[..., j] = highest
        return raised

    return qMultiFidelityMaxValueEntropy(
        model,
        tensor(scene.drawn_rows()),
        num_mv_samples=n_max_values,
        cost_aware_utility=InverseCostWeightedUtility(costs),
        project=at_highest,
    )


def cost_of_lowest(column: Column) -> float:
    """Return the cost of a run at the lowest fidelity, as a share of the cost at the highest.

    The share is the ratio of the two fidelities, but at least ``LEAST_COST``; that also holds if the lowest fidelity
    is not above 0.
    """
    assert not isinstance(column.covariate, CatCovariate)
    low, high = float(column.covariate.min), float(column.covariate.max)
    return max(low / high, LEAST_COST) if low > 0 else LEAST_COST
