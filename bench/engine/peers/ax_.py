"""Ax with its default strategy: the centre, Sobol points, then BoTorch."""

import logging
from collections import deque
from typing import Any

import ax.adapter.transfer_learning.adapter  # noqa: F401 -- it registers Generators.BOTL
from ax.adapter.registry import Generators
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.core.auxiliary import AuxiliaryExperimentPurpose
from ax.core.auxiliary_source import AuxiliarySource
from ax.core.trial_status import TrialStatus
from ax.generation_strategy.center_generation_node import CenterGenerationNode
from ax.generation_strategy.generation_node import GenerationNode
from ax.generation_strategy.generation_strategy import GenerationStrategy
from ax.generation_strategy.generator_spec import GeneratorSpec
from ax.generation_strategy.transition_criterion import MinTrials

logging.disable(logging.WARNING)


class Ax:
    """Ax's client; trials that are out are running trials, which the acquisition takes as pending.

    Ax takes no descriptors of options. Its client has no word for earlier experiments either. So each becomes an Ax
    experiment of completed trials, attached as a transferable auxiliary experiment, and the default strategy is
    replaced by one with Ax's transfer learning, `Generators.BOTL` with its own defaults: a Gaussian process of several
    tasks, options one-hot. That model needs a value of this experiment, so the centre and a Sobol point come first, and
    more Sobol points while no trial is completed. The cross-validation by which Ax can choose, for each trial, between
    this model and one without earlier data is left out: the two would take twice the time, and one takes the limit.
    """

    def __init__(
        self,
        space: dict[str, Any],
        seed: int,
        n_init: int,
        budget: int,
        workers: int = 1,
        earlier: list[list[dict[str, Any]]] | None = None,
    ) -> None:
        self.client = _client(space, seed)
        if earlier:
            for k, runs in enumerate(earlier):
                self._learn_from(_measured(_client(space, seed, f"earlier {k}"), runs))
            self.client.set_generation_strategy(_transfer(seed))
        elif workers > 1:  # else the client refuses to answer while all its first trials are out
            self.client.configure_generation_strategy(
                initialization_random_seed=seed, allow_exceeding_initialization_budget=True
            )
        self.out: deque[int] = deque()

    def _learn_from(self, other: Client) -> None:
        purpose = AuxiliaryExperimentPurpose.TRANSFERABLE_EXPERIMENT
        source = AuxiliarySource(experiment=other._experiment)
        self.client._experiment.add_auxiliary_experiment(purpose, source)

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        [(index, configuration)] = self.client.get_next_trials(max_trials=1).items()
        self.out.append(index)
        return dict(configuration)

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the trial that has been out longest."""
        self.client.complete_trial(trial_index=self.out.popleft(), raw_data={"y": y})


def _client(space: dict[str, Any], seed: int, name: str | None = None) -> Client:
    client = Client(random_seed=seed)
    client.configure_experiment(parameters=[_parameter(key, c) for key, c in space.items()], name=name)
    client.configure_optimization(objective="y")
    return client


def _measured(client: Client, runs: list[dict[str, Any]]) -> Client:
    """Have a client complete the trials of an earlier experiment."""
    for run in runs:
        client.complete_trial(trial_index=client.attach_trial(parameters=run["x"]), raw_data={"y": run["y"]})
    return client


def _transfer(seed: int) -> GenerationStrategy:
    """Return the strategy that learns from the experiments which are attached."""
    has_value = MinTrials(
        threshold=1,
        transition_to="BOTL",
        only_in_statuses=[TrialStatus.COMPLETED],
        count_only_trials_with_data=True,
        use_all_trials_in_exp=True,
    )
    sobol = GeneratorSpec(generator_enum=Generators.SOBOL, generator_kwargs={"seed": seed})
    botl = GeneratorSpec(generator_enum=Generators.BOTL)
    nodes = [
        CenterGenerationNode(next_node_name="Sobol"),
        GenerationNode(name="Sobol", generator_specs=[sobol], transition_criteria=[has_value], should_deduplicate=True),
        GenerationNode(name="BOTL", generator_specs=[botl], should_deduplicate=True),
    ]
    return GenerationStrategy(name="Center+Sobol+BOTL", nodes=nodes)


def _parameter(name: str, covariate: dict[str, Any]) -> ChoiceParameterConfig | RangeParameterConfig:
    if covariate["vtype"] == "cat":
        return ChoiceParameterConfig(name=name, values=covariate["options"], parameter_type="str", is_ordered=False)
    return RangeParameterConfig(
        name=name,
        bounds=(covariate["min"], covariate["max"]),
        parameter_type="int" if covariate["vtype"] == "int" else "float",
        scaling="log" if covariate.get("log") else None,
    )
