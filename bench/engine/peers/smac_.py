"""SMAC's facade for hyperparameters: a random forest and expected improvement."""

import logging
import tempfile
from collections import deque
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialInfo, TrialValue

logging.disable(logging.WARNING)


class Smac:
    """SMAC minimises, so it is told values with their sign changed; it gets the budget, and repeats nothing."""

    def __init__(self, space: dict[str, Any], seed: int, n_init: int, budget: int, workers: int = 1) -> None:
        configurations = ConfigurationSpace(seed=seed)
        configurations.add([_hyperparameter(name, covariate) for name, covariate in space.items()])
        scenario = Scenario(
            configurations, deterministic=True, n_trials=budget, seed=seed, output_directory=tempfile.mkdtemp()
        )
        facade = HyperparameterOptimizationFacade
        design = facade.get_initial_design(scenario, n_configs=n_init)
        self.optimizer = facade(scenario, _not_called, initial_design=design, overwrite=True, logging_level=False)
        self.out: deque[TrialInfo] = deque()

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        self.out.append(self.optimizer.ask())
        return dict(self.out[-1].config)

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the trial that has been out longest."""
        self.optimizer.tell(self.out.popleft(), TrialValue(cost=-y))


def _not_called(config: Any, seed: int = 0) -> float:
    return 0.0


def _hyperparameter(name: str, covariate: dict[str, Any]) -> Any:
    if covariate["vtype"] == "cat":
        return Categorical(name, covariate["options"])
    kind = Integer if covariate["vtype"] == "int" else Float
    return kind(name, (covariate["min"], covariate["max"]), log=covariate.get("log", False))
