"""BayBE: random configurations, then its BoTorch recommender, as its defaults have it."""

import math
import warnings
from collections import deque
from typing import Any

warnings.filterwarnings("ignore")

import pandas as pd  # noqa: E402 -- some of these warn while they are imported
from baybe import Campaign  # noqa: E402
from baybe.parameters import (  # noqa: E402
    CategoricalParameter,
    CustomDiscreteParameter,
    NumericalContinuousParameter,
    NumericalDiscreteParameter,
    TaskParameter,
)
from baybe.parameters.base import Parameter  # noqa: E402
from baybe.recommenders import BotorchRecommender, RandomRecommender, TwoPhaseMetaRecommender  # noqa: E402
from baybe.searchspace import SearchSpace  # noqa: E402
from baybe.targets import NumericalTarget  # noqa: E402
from baybe.utils.random import set_random_seed  # noqa: E402

TASK, HERE = "experiment", "here"
"""The name of the parameter that tells experiments apart, and its value for the one that is played."""


class Baybe:
    """BayBE's campaign; configurations that are out are pending experiments.

    BayBE has no logarithmic scale, so a covariate with ``log: true`` is passed as its logarithm. Options that have
    descriptors are a `CustomDiscreteParameter` with the table of these, which BayBE decorrelates by default. It refuses
    a descriptor that is the same for all options, so such a one is left out, and options of which it is told the same,
    so these are numbered in one more column. Earlier experiments are measurements at other values of a `TaskParameter`,
    BayBE's way to learn from them. As these are measurements, no configuration is random then.
    """

    def __init__(
        self,
        space: dict[str, Any],
        seed: int,
        n_init: int,
        budget: int,
        workers: int = 1,
        earlier: list[list[dict[str, Any]]] | None = None,
        rows: list[dict[str, Any]] | None = None,
    ) -> None:
        set_random_seed(seed)
        self.space = space
        recommender = TwoPhaseMetaRecommender(
            initial_recommender=RandomRecommender(), recommender=BotorchRecommender(), switch_after=n_init
        )
        tasks = [f"earlier {k}" for k in range(len(earlier or []))]
        self.campaign = Campaign(_searchspace(space, rows, tasks), NumericalTarget("y").to_objective(), recommender)
        for task, runs in zip(tasks, earlier or [], strict=True):
            self.campaign.add_measurements(_measured(space, runs).assign(**{TASK: task}))
        self.out: deque[pd.DataFrame] = deque()

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        pending = pd.concat(self.out) if self.out else None
        self.out.append(self.campaign.recommend(batch_size=1, pending_experiments=pending))
        return {name: _value(covariate, self.out[-1][name].iloc[0]) for name, covariate in self.space.items()}

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the configuration that has been out longest."""
        self.campaign.add_measurements(self.out.popleft().assign(y=y))


def _searchspace(space: dict[str, Any], rows: list[dict[str, Any]] | None, tasks: list[str]) -> SearchSpace:
    """Return the space; that of a list has its rows alone, and a number has the values that it has there.

    With tasks, the earlier experiments, there is a parameter for these beside the one that is played.
    """
    if rows is None:
        products = [_parameter(name, covariate) for name, covariate in space.items()]
        products += [TaskParameter(TASK, [HERE, *tasks], active_values=[HERE])] if tasks else []
        return SearchSpace.from_product(products)
    frame = pd.DataFrame(rows)
    parameters = [
        CategoricalParameter(name, covariate["options"])
        if covariate["vtype"] == "cat"
        else NumericalDiscreteParameter(name, sorted(set(frame[name])))
        for name, covariate in space.items()
    ]
    return SearchSpace.from_dataframe(frame, parameters)


def _parameter(name: str, covariate: dict[str, Any]) -> Parameter:
    if covariate.get("descriptors"):
        return CustomDiscreteParameter(name, _descriptors(covariate))
    if covariate["vtype"] == "cat":
        return CategoricalParameter(name, covariate["options"])
    low, high = covariate["min"], covariate["max"]
    if covariate["vtype"] == "int":
        return NumericalDiscreteParameter(name, range(low, high + 1))
    return NumericalContinuousParameter(name, (math.log(low), math.log(high)) if covariate.get("log") else (low, high))


def _descriptors(covariate: dict[str, Any]) -> pd.DataFrame:
    """Return the table of descriptors, a row for each option, in a form that BayBE takes."""
    table = pd.DataFrame([covariate["descriptors"][option] for option in covariate["options"]], covariate["options"])
    table = table.astype(float).loc[:, table.nunique() > 1]
    if table.duplicated().any():
        table["number"] = table.groupby(list(table.columns)).cumcount().astype(float)
    return table


def _measured(space: dict[str, Any], runs: list[dict[str, Any]]) -> pd.DataFrame:
    """Return runs in BayBE's form, with their values as ``y``."""
    rows = [{name: _shown(covariate, run["x"][name]) for name, covariate in space.items()} for run in runs]
    return pd.DataFrame(rows).assign(y=[run["y"] for run in runs])


def _shown(covariate: dict[str, Any], value: Any) -> Any:
    return math.log(value) if covariate.get("log") else value


def _value(covariate: dict[str, Any], value: Any) -> Any:
    if covariate["vtype"] == "cat":
        return str(value)
    if covariate["vtype"] == "int":
        return int(value)
    number = math.exp(value) if covariate.get("log") else float(value)
    return min(max(number, covariate["min"]), covariate["max"])
