"""Max-value entropy per cost, where a covariate says how exact a run is."""

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
"""Of a run at the lowest fidelity, where one at the highest costs 1: starting a run costs something too."""


def fidelity_entropy(model: ProcessModel, scene: Scene, n_max_values: int) -> qMultiFidelityMaxValueEntropy:
    """Build the entropy of the best value at the highest fidelity that a run at any fidelity takes away, per cost.

    The cost is proportional to the fidelity where that is above 0, and never below ``LEAST_COST``.
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
    """Give what a run at the lowest fidelity costs, as a share of one at the highest."""
    assert not isinstance(column.covariate, CatCovariate)
    low, high = float(column.covariate.min), float(column.covariate.max)
    return max(low / high, LEAST_COST) if low > 0 else LEAST_COST
