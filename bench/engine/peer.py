"""AutoTune's engine as a peer: in process, without a service. ``worker.py`` loads this adapter like any other."""

import json
import sys
from collections import deque
from pathlib import Path
from typing import Any

try:
    import autotune_service  # noqa: F401 -- only to learn whether it is installed
except ImportError:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "service"))

from pydantic import TypeAdapter

from autotune_service.domain.configuration import guess_of, is_feasible
from autotune_service.engine.interface import CandidateBlock, Candidates, EarlierExperiment, EngineInput, Run
from autotune_service.engine.suggest import suggest
from autotune_wire.base import Value
from autotune_wire.constraints import Constraint
from autotune_wire.responses import Objective
from autotune_wire.space import CatCovariate, Space


class Peer:
    """Ask the engine for one configuration at a time, from all that was told and all that is out.

    Args:
        space: Covariates in wire form; one without a guess gets the centre or the first option.
        seed: Makes the run repeatable.
        n_init: Not used: the engine decides how long its initial design is.
        budget: Not used: a user need not say how many runs there will be.
        earlier: The runs of each earlier experiment to learn from.
        rows: The list that configurations are taken from; None if any may be tried.
    """

    def __init__(
        self,
        space: dict[str, Any],
        seed: int,
        n_init: int,
        budget: int,
        earlier: list[list[dict[str, Any]]] | None = None,
        rows: list[dict[str, Any]] | None = None,
        **_: Any,
    ) -> None:
        self.space = _read(space)
        self.candidates = None if rows is None else Candidates(_blocks(rows))
        self.retired: dict[str, list[Value]] = {}
        self.constraints: list[Constraint] = []
        self.seed = seed
        self.runs: list[Run] = []
        self.out: deque[dict[str, Any]] = deque()
        self.earlier = [
            EarlierExperiment(f"earlier {k}", [Run(run["x"], {"y": run["y"]}) for run in runs])
            for k, runs in enumerate(earlier or [])
        ]

    def ask(self, fixed: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the next configuration; the first is the guess, as in the service, with the values that are fixed."""
        fixed = fixed or {}
        is_first = not (self.runs or self.out) and self.candidates is None
        configuration = guess_of(self.space) | fixed if is_first else self._next(fixed)
        self.out.append(configuration)
        return dict(configuration)

    def edit_space(self, space: dict[str, Any], constraints: list[dict[str, Any]]) -> None:
        """Go on in another space, with other constraints; the runs so far stay as they are."""
        former, self.space = self.space, _read(space)
        for name, covariate in former.items():
            now = self.space[name]
            if isinstance(covariate, CatCovariate) and isinstance(now, CatCovariate):
                dropped = [option for option in covariate.options if option not in now.options]
                self.retired[name] = self.retired.get(name, []) + dropped
        self.constraints = TypeAdapter(list[Constraint]).validate_python(constraints)

    def _next(self, fixed: dict[str, Any]) -> dict[str, Any]:
        asked = EngineInput(
            space=self.space,
            responses={"y": Objective(goal="maximize")},
            runs=list(self.runs),
            seed=self.seed,
            constraints=self.constraints,
            pending=[covars for covars in self.out if is_feasible(self.space, self.constraints, covars)],
            fixed=fixed,
            retired={name: options for name, options in self.retired.items() if options},
            earlier=self.earlier,
            n=1,
            candidates=self.candidates,
        )
        return suggest(asked)[0].covars

    def tell(self, x: dict[str, Any], y: float) -> None:
        """Take the value of the configuration that has been out longest."""
        self.runs.append(Run(self.out.popleft(), {"y": float(y)}))


class Blind(Peer):
    """The same, but it is told neither the descriptors of options nor earlier experiments."""

    def __init__(self, space: dict[str, Any], seed: int, n_init: int, budget: int, **more: Any) -> None:
        told = {
            name: {key: covariate[key] for key in covariate if key != "descriptors"}
            for name, covariate in space.items()
        }
        more.pop("earlier", None)
        super().__init__(told, seed, n_init, budget, **more)


def _blocks(rows: list[dict[str, Any]]) -> list[CandidateBlock]:
    parts = [(start, rows[start : start + 1000]) for start in range(0, len(rows), 1000)]
    return [
        CandidateBlock(start + 1, len(part), json.dumps({name: [row[name] for row in part] for name in part[0]}))
        for start, part in parts
    ]


def _read(space: dict[str, Any]) -> Space:
    wire = {name: {"guess": _centre(covariate)} | covariate for name, covariate in space.items()}
    return TypeAdapter(Space).validate_python(wire)


def _centre(covariate: dict[str, Any]) -> Any:
    if covariate["vtype"] == "cat":
        return covariate["options"][0]
    low, high = covariate["min"], covariate["max"]
    middle = (low * high) ** 0.5 if covariate.get("log") else (low + high) / 2
    return int(middle) if covariate["vtype"] == "int" else middle
