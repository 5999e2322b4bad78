"""A sweeper for Hydra: ``python train.py --multirun`` runs the configurations that AutoTune suggests.

Hydra finds the class because its folder, ``hydra_plugins``, lies beside the program. Each batch of suggestions is
handed to Hydra's launcher, so the runs may be jobs of any launcher, such as joblib's or submitit's.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

import autotune


@dataclass
class AutotuneSweeperConf:
    """What ``hydra.sweeper`` may hold."""

    _target_: str = "hydra_plugins.autotune_sweeper.AutotuneSweeper"
    name: str = "hydra"
    direction: str = "maximize"
    n_runs: int = 20
    n_parallel: int = 1
    space: dict[str, Any] = field(default_factory=dict)


ConfigStore.instance().store(group="hydra/sweeper", name="autotune", node=AutotuneSweeperConf, provider="autotune")


class AutotuneSweeper(Sweeper):
    """Runs ``n_runs`` configurations of ``space``, ``n_parallel`` at a time, and tells what the program returns."""

    def __init__(self, name: str, direction: str, n_runs: int, n_parallel: int, space: DictConfig) -> None:
        self._name = name
        self._direction = direction
        self._n_runs = n_runs
        self._n_parallel = n_parallel
        self._space = OmegaConf.to_container(space, resolve=True)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take the launcher that the configuration names; Hydra calls this before ``sweep``."""
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run the configurations; each gets the arguments of the command line, too."""
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # Hydra's log would have a line for each request
        with autotune.connect() as client:
            experiment = client.new(self._name, self._space, direction=self._direction)
            n_told = 0
            while n_told < self._n_runs:
                suggestions = experiment.ask(min(self._n_parallel, self._n_runs - n_told))
                overrides = [[*arguments, *_overrides(suggestion.covars)] for suggestion in suggestions]
                returned: Sequence[JobReturn] = self._launcher.launch(overrides, initial_job_idx=n_told)
                for suggestion, job in zip(suggestions, returned, strict=True):
                    if job.status == JobStatus.COMPLETED:
                        experiment.tell(suggestion, job.return_value)
                    else:
                        experiment.fail(suggestion)
                n_told += len(suggestions)
            print(experiment.best)


def _overrides(covars: dict[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in covars.items()]
