"""From a problem to suggestions: the initial design, then the model."""

from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.acquisition.acceptance import are_acceptable
from autotune_service.engine.acquisition.functions import Chance, Promise, aimed_higher, chances_of, improvement_of
from autotune_service.engine.acquisition.hypervolume import FrontScene, improvement_of_front
from autotune_service.engine.acquisition.named.names import KINDS, is_named, title_of
from autotune_service.engine.acquisition.pareto import best_first
from autotune_service.engine.acquisition.units import is_level, worth_of
from autotune_service.engine.arrays import Array
from autotune_service.engine.initial import N_INITIAL, initial_design
from autotune_service.engine.interface import Problem, Recommendation
from autotune_service.engine.model.subset import MAX_CONDITIONED, max_fitted
from autotune_service.engine.model.surrogate import Surrogate, fit_feasibility, fit_responses
from autotune_service.engine.search.best import Found, find_best
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.region import Region
from autotune_wire.responses import objectives_of, primary_of
from autotune_wire.suggestions import AcquisitionKind

_PROMISING = 16  # rows of the front near which is looked more closely
_EXPLORES_EACH = 2
_EXPLORES_UNTIL = 100
"""Every second suggestion aims higher where there are options without order, until so many configurations are known:
see docs/engine.md."""


def recommend(problem: Problem) -> list[Recommendation]:
    """Give the n configurations to try next.

    The answer depends on the problem alone: the same space, data, pending suggestions and seed give the same.

    Raises:
        EmptyRegionError: If no configuration meets the constraints at the fixed values.
        NotPositiveDefiniteError: If a model cannot be fitted to the data.
    """
    if problem.engine == "greattunes":
        from autotune_service.engine.greattunes.adapter import recommend_greattunes  # loads torch

        return recommend_greattunes(problem)
    encoding = Encoding(problem.space, problem.retired)
    known = len(problem.runs) + len(problem.pending)
    if known < N_INITIAL or not problem.runs:
        return initial_design(problem, f"initial design, until {N_INITIAL} configurations are known")
    proposing = _Proposing(problem, encoding)
    if not proposing.has_model:
        return initial_design(problem, f"a Sobol point, as none of {len(problem.runs)} runs has given a response")
    return proposing.proposals()


def explore(problem: Problem, failure: str) -> list[Recommendation]:
    """Give n Sobol points where the model failed, and say so in their reason."""
    return initial_design(problem, f"a Sobol point, because the model failed: {failure}")


class _Proposing:
    """The models of one problem, and one suggestion after the other."""

    def __init__(self, problem: Problem, encoding: Encoding) -> None:
        self.problem = problem
        self.encoding = encoding
        self.region = Region(encoding, problem.constraints, problem.fixed)
        self.told = encoding.encode([run.covars for run in problem.runs])
        self.surrogates = fit_responses(problem, self.told, encoding.is_code)
        self.feasibility = fit_feasibility(problem.runs, self.told, encoding.is_code)
        self.pending = encoding.encode(problem.pending)
        self.taken = set(encoding.keys(np.concatenate([self.told, self.pending])))

    @property
    def has_model(self) -> bool:
        """Whether the runs have shown anything: a response, or a failure."""
        return bool(self.surrogates) or self.feasibility is not None

    @property
    def n_objectives(self) -> int:
        """How many objectives were measured."""
        return len(self._objectives())

    def proposals(self) -> list[Recommendation]:
        return [self._proposal() for _ in range(self.problem.n)]

    def _proposal(self) -> Recommendation:
        seed = crc32(f"{self.problem.seed}:{len(self.told)}:{len(self.pending)}".encode())
        rng = np.random.default_rng(seed)
        found = find_best(self._promise(rng), self.region, self._promising(), self.taken, rng)
        row = found.row[None]
        reason, kind = self._reason(found), self._kind
        self.pending = np.concatenate([self.pending, row])
        self.taken.add(self.encoding.keys(row)[0])
        predictions = {name: surrogate.predict(row)[0] for name, surrogate in self.surrogates.items()}
        worth = worth_of(found.value, kind, [one.scale for one in self._objectives()])
        return Recommendation(self.region.decode(found.row), "model", reason, predictions, worth, kind)

    def _promise(self, rng: np.random.Generator) -> Promise:
        chances = self._chances()
        objective = self._objective()
        if objective is None:
            return Promise(chances)
        if self.n_objectives > 1:
            return Promise([improvement_of_front(self._front_scene(chances), rng), *chances])
        if is_named(self.problem.acq_func):
            from autotune_service.engine.acquisition.named.serving import acquisitions_for  # loads torch

            name, process = self.problem.acq_func, objective.process
            return Promise(acquisitions_for(name, self.region, process, self.feasibility, self.pending, rng))
        improvement = improvement_of(objective, self.pending, self._is_acceptable(objective), rng)
        return Promise([aimed_higher(improvement) if self._is_exploring else improvement, *chances])

    def _front_scene(self, chances: list[Chance]) -> FrontScene:
        worked = [i for i, run in enumerate(self.problem.runs) if not run.is_failed]
        return FrontScene(
            surrogates=self.surrogates,
            responses=self.problem.responses,
            region=self.region,
            rows=self.told[worked],
            expected=self._expected[worked],
            is_acceptable=are_acceptable(self.problem, self.surrogates, self.told, worked),
            pending=self.pending,
            chances=chances,
        )

    @property
    def _is_exploring(self) -> bool:
        """Whether the next suggestion aims higher than the best.

        Numbers are explored by the way, as their neighbours tell of them; an option that began badly is not.
        """
        is_ours = self.problem.acq_func == "auto" and self.n_objectives == 1
        known = len(self.told) + len(self.pending)
        is_turn = known < _EXPLORES_UNTIL and known % _EXPLORES_EACH == 0
        fixed = self.problem.fixed
        return is_ours and is_turn and any(one.is_code and one.name not in fixed for one in self.encoding.columns)

    def _objectives(self) -> list[Surrogate]:
        """Give the models of the objectives that were measured."""
        names = objectives_of(self.problem.responses)
        return [self.surrogates[name] for name in names if name in self.surrogates]

    def _objective(self) -> Surrogate | None:
        return next(iter(self._objectives()), None)

    def _chances(self) -> list[Chance]:
        return chances_of(self.problem.responses, self.surrogates, self.feasibility)

    def _is_acceptable(self, objective: Surrogate) -> NDArray[np.bool_]:
        return are_acceptable(self.problem, self.surrogates, self.told, objective.index)

    def _promising(self) -> Array:
        """Give the rows known, those first that the model expects most of."""
        objective = self._objective()
        if objective is None:
            return self.told[np.argsort(-Promise(self._chances()).values(self.told), kind="stable")]
        if self.n_objectives > 1:
            return self._front_first()
        rows = objective.process.rows
        expected = objective.process.expect(rows) - 1e3 * ~self._is_acceptable(objective)
        return rows[np.argsort(-expected, kind="stable")]

    @cached_property
    def _expected(self) -> Array:
        """What is expected of each objective that was measured, at every run, shape (n, m)."""
        return np.stack([one.process.expect(self.told) for one in self._objectives()], axis=1)

    def _front_first(self) -> Array:
        runs = range(len(self.told))
        is_acceptable = are_acceptable(self.problem, self.surrogates, self.told, runs)
        return self.told[best_first(self._expected - 1e3 * ~is_acceptable[:, None], _PROMISING)]

    @property
    def _kind(self) -> AcquisitionKind:
        if not self.n_objectives:
            return "probability_of_success"
        if self.n_objectives > 1:
            return "expected_hypervolume_improvement"
        if self._is_exploring:
            return "aimed_higher"
        kind = KINDS[self.problem.acq_func]
        return kind if self.feasibility is None or not is_level(kind) else "above_worst"

    def _reason(self, found: Found) -> str:
        title = title_of(self.problem.acq_func, self.n_objectives)
        if self._is_exploring:
            title += " over more than the best, to give options another try"
        basis = f"the highest {title}, after {len(self.told)} observations"
        n_measured = max(sum(name in run.responses for run in self.problem.runs) for name in self.problem.responses)
        if n_measured > MAX_CONDITIONED:
            basis += f", for which {MAX_CONDITIONED} of them stand"
        n_fitted = max_fitted(len(self.problem.responses))
        if n_measured > n_fitted:
            basis += f", the hyperparameters learnt from {n_fitted}"
        if self._objective() is None:
            objective = primary_of(self.problem.responses)[0]
            basis = f"the most likely to work, after {len(self.told)} runs of which none has measured {objective}"
        if len(self.pending):
            basis += f" and with {len(self.pending)} suggestions pending"
        return basis if found.is_new else f"{basis}; {self.region.nothing_else}, so this one is worth repeating"
