"""AutoTune's engine as a peer: in process, without a service. ``worker.py`` loads this adapter like any other."""

import sys
from collections import deque
from pathlib import Path
from typing import Any

try:
    import autotune_service  # noqa: F401 -- only to learn whether it is installed
except ImportError:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "service"))

from pydantic import TypeAdapter

from autotune_service.domain.configuration import guess_of
from autotune_service.engine.interface import EngineInput, Run
from autotune_service.engine.suggest import suggest
from autotune_wire.responses import Objective
from autotune_wire.space import Space


class Peer:
    """Ask the engine for one configuration at a time, from all that was told and all that is out.

    Args:
        space: Covariates in wire form; one without a guess gets the centre or the first option.
        seed: Makes the run repeatable.
        n_init: Not used: the engine decides how long its initial design is.
        budget: Not used: a user need not say how many runs there will be.
    """

    def __init__(self, space: dict[str, Any], seed: int, n_init: int, budget: int, **_: Any) -> None:
        wire = {name: {"guess": _centre(covariate)} | covariate for name, covariate in space.items()}
        self.space = TypeAdapter(Space).validate_python(wire)
        self.seed = seed
        self.runs: list[Run] = []
        self.out: deque[dict[str, Any]] = deque()

    def ask(self) -> dict[str, Any]:
        """Return the next configuration; the first is the guess, as in the service."""
        configuration = self._next() if self.runs or self.out else guess_of(self.space)
        self.out.append(configuration)
        return dict(configuration)

    def _next(self) -> dict[str, Any]:
        asked = EngineInput(
            space=self.space,
            responses={"y": Objective(goal="maximize")},
            runs=list(self.runs),
            seed=self.seed,
            pending=list(self.out),
            n=1,
        )
        return suggest(asked)[0].covars

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the configuration that has been out longest."""
        self.runs.append(Run(self.out.popleft(), {"y": float(y)}))


def _centre(covariate: dict[str, Any]) -> Any:
    if covariate["vtype"] == "cat":
        return covariate["options"][0]
    low, high = covariate["min"], covariate["max"]
    middle = (low * high) ** 0.5 if covariate.get("log") else (low + high) / 2
    return int(middle) if covariate["vtype"] == "int" else middle
