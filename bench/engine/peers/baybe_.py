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
    NumericalContinuousParameter,
    NumericalDiscreteParameter,
)
from baybe.parameters.base import Parameter  # noqa: E402
from baybe.recommenders import BotorchRecommender, RandomRecommender, TwoPhaseMetaRecommender  # noqa: E402
from baybe.searchspace import SearchSpace  # noqa: E402
from baybe.targets import NumericalTarget  # noqa: E402
from baybe.utils.random import set_random_seed  # noqa: E402


class Baybe:
    """BayBE's campaign; configurations that are out are pending experiments.

    BayBE has no logarithmic scale, so a covariate with ``log: true`` is passed as its logarithm.
    """

    def __init__(
        self,
        space: dict[str, Any],
        seed: int,
        n_init: int,
        budget: int,
        workers: int = 1,
        rows: list[dict[str, Any]] | None = None,
    ) -> None:
        set_random_seed(seed)
        self.space = space
        recommender = TwoPhaseMetaRecommender(
            initial_recommender=RandomRecommender(), recommender=BotorchRecommender(), switch_after=n_init
        )
        self.campaign = Campaign(
            _searchspace(space, rows),
            NumericalTarget("y").to_objective(),
            recommender,
        )
        self.out: deque[pd.DataFrame] = deque()

    def ask(self) -> dict[str, Any]:
        """Return the next configuration."""
        pending = pd.concat(self.out) if self.out else None
        self.out.append(self.campaign.recommend(batch_size=1, pending_experiments=pending))
        return {name: _value(covariate, self.out[-1][name].iloc[0]) for name, covariate in self.space.items()}

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the configuration that has been out longest."""
        self.campaign.add_measurements(self.out.popleft().assign(y=y))


def _searchspace(space: dict[str, Any], rows: list[dict[str, Any]] | None) -> SearchSpace:
    """Return the space; that of a list has its rows alone, and a number has the values that it has there."""
    if rows is None:
        return SearchSpace.from_product([_parameter(name, covariate) for name, covariate in space.items()])
    frame = pd.DataFrame(rows)
    parameters = [
        CategoricalParameter(name, covariate["options"])
        if covariate["vtype"] == "cat"
        else NumericalDiscreteParameter(name, sorted(set(frame[name])))
        for name, covariate in space.items()
    ]
    return SearchSpace.from_dataframe(frame, parameters)


def _parameter(name: str, covariate: dict[str, Any]) -> Parameter:
    if covariate["vtype"] == "cat":
        return CategoricalParameter(name, covariate["options"])
    low, high = covariate["min"], covariate["max"]
    if covariate["vtype"] == "int":
        return NumericalDiscreteParameter(name, range(low, high + 1))
    return NumericalContinuousParameter(name, (math.log(low), math.log(high)) if covariate.get("log") else (low, high))


def _value(covariate: dict[str, Any], value: Any) -> Any:
    if covariate["vtype"] == "cat":
        return str(value)
    if covariate["vtype"] == "int":
        return int(value)
    number = math.exp(value) if covariate.get("log") else float(value)
    return min(max(number, covariate["min"]), covariate["max"])
