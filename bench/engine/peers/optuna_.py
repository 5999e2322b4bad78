"""Optuna's Gaussian process sampler, and its tree-structured Parzen estimator."""

from collections import deque
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Optuna:
    """A study in memory; trials that are out are running trials, which both samplers know of.

    TPE models its inputs together (`multivariate`). If several trials are out, TPE takes a running trial for a bad one
    (`constant_liar`), as its documentation advises.
    """

    def __init__(
        self, space: dict[str, Any], seed: int, n_init: int, budget: int, sampler: str, workers: int = 1
    ) -> None:
        samplers = {
            "gp": lambda: optuna.samplers.GPSampler(seed=seed, n_startup_trials=n_init),
            "tpe": lambda: optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=n_init, multivariate=True, constant_liar=workers > 1
            ),
        }
        self.study = optuna.create_study(direction="maximize", sampler=samplers[sampler]())
        self.space = {name: _distribution(covariate) for name, covariate in space.items()}
        self.out: deque[optuna.Trial] = deque()

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        self.out.append(self.study.ask(self.space))
        return dict(self.out[-1].params)

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the trial that has been out longest."""
        self.study.tell(self.out.popleft(), y)


def _distribution(covariate: dict[str, Any]) -> BaseDistribution:
    if covariate["vtype"] == "cat":
        return CategoricalDistribution(covariate["options"])
    kind = IntDistribution if covariate["vtype"] == "int" else FloatDistribution
    return kind(covariate["min"], covariate["max"], log=covariate.get("log", False))
