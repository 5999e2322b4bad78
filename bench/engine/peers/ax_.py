"""Ax with its default strategy: the centre, Sobol points, then BoTorch."""

import logging
from collections import deque
from typing import Any

from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

logging.disable(logging.WARNING)


class Ax:
    """Ax's client; trials that are out are running trials, which the acquisition takes as pending."""

    def __init__(self, space: dict[str, Any], seed: int, n_init: int, budget: int, workers: int = 1) -> None:
        self.client = Client(random_seed=seed)
        self.client.configure_experiment(parameters=[_parameter(name, c) for name, c in space.items()])
        self.client.configure_optimization(objective="y")
        if workers > 1:  # else the client refuses to answer while all its first trials are out
            self.client.configure_generation_strategy(
                initialization_random_seed=seed, allow_exceeding_initialization_budget=True
            )
        self.out: deque[int] = deque()

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        [(index, configuration)] = self.client.get_next_trials(max_trials=1).items()
        self.out.append(index)
        return dict(configuration)

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the trial that has been out longest."""
        self.client.complete_trial(trial_index=self.out.popleft(), raw_data={"y": y})


def _parameter(name: str, covariate: dict[str, Any]) -> ChoiceParameterConfig | RangeParameterConfig:
    if covariate["vtype"] == "cat":
        return ChoiceParameterConfig(name=name, values=covariate["options"], parameter_type="str", is_ordered=False)
    return RangeParameterConfig(
        name=name,
        bounds=(covariate["min"], covariate["max"]),
        parameter_type="int" if covariate["vtype"] == "int" else "float",
        scaling="log" if covariate.get("log") else None,
    )
