"""From the engine's input to suggestions: the initial design, then the model."""

from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.acquisition.acceptance import are_acceptable
from autotune_service.engine.acquisition.functions import (
    LogProbability,
    SumOfLogs,
    aimed_higher,
    expected_improvement_of,
    log_probabilities_of,
)
from autotune_service.engine.acquisition.hypervolume import FrontScene, hypervolume_improvement_of
from autotune_service.engine.acquisition.named.names import KINDS, is_named, title_of
from autotune_service.engine.acquisition.pareto import best_first
from autotune_service.engine.acquisition.units import is_level, value_in_units
from autotune_service.engine.arrays import Array
from autotune_service.engine.initial import N_INITIAL, initial_design
from autotune_service.engine.interface import EngineInput, Suggestion
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


def suggest(given: EngineInput) -> list[Suggestion]:
    """Give the n configurations to try next.

    The suggestions depend on the input alone: the same space, data, pending suggestions and seed give the same.

    Raises:
        EmptyRegionError: If no configuration meets the constraints at the fixed values.
        NotPositiveDefiniteError: If a model cannot be fitted to the data.
    """
    if given.engine == "greattunes":
        from autotune_service.engine.greattunes.adapter import suggest_with_greattunes  # loads torch

        return suggest_with_greattunes(given)
    encoding = Encoding(given.space, given.retired)
    known = len(given.runs) + len(given.pending)
    if known < N_INITIAL or not given.runs:
        return initial_design(given, f"initial design, until {N_INITIAL} configurations are known")
    suggesting = _Suggesting(given, encoding)
    if not suggesting.has_model:
        return initial_design(given, f"a Sobol point, as none of {len(given.runs)} runs has given a response")
    return suggesting.suggestions()


def explore(given: EngineInput, failure: str) -> list[Suggestion]:
    """Give n Sobol points where the model failed, and say so in their reason."""
    return initial_design(given, f"a Sobol point, because the model failed: {failure}")


class _Suggesting:
    """The models of one input, and one suggestion after the other."""

    def __init__(self, given: EngineInput, encoding: Encoding) -> None:
        self.given = given
        self.encoding = encoding
        self.region = Region(encoding, given.constraints, given.fixed)
        self.told = encoding.encode([run.covars for run in given.runs])
        self.surrogates = fit_responses(given, self.told, encoding.is_code)
        self.feasibility = fit_feasibility(given.runs, self.told, encoding.is_code)
        self.pending = encoding.encode(given.pending)
        self.taken = set(encoding.keys(np.concatenate([self.told, self.pending])))

    @property
    def has_model(self) -> bool:
        """Whether the runs have shown anything: a response, or a failure."""
        return bool(self.surrogates) or self.feasibility is not None

    @property
    def n_objectives(self) -> int:
        """How many objectives were measured."""
        return len(self._objectives())

    def suggestions(self) -> list[Suggestion]:
        return [self._suggestion() for _ in range(self.given.n)]

    def _suggestion(self) -> Suggestion:
        seed = crc32(f"{self.given.seed}:{len(self.told)}:{len(self.pending)}".encode())
        rng = np.random.default_rng(seed)
        found = find_best(self._acquisition(rng), self.region, self._promising(), self.taken, rng)
        row = found.row[None]
        reason, kind = self._reason(found), self._kind
        self.pending = np.concatenate([self.pending, row])
        self.taken.add(self.encoding.keys(row)[0])
        predictions = {name: surrogate.predict(row)[0] for name, surrogate in self.surrogates.items()}
        value = value_in_units(found.value, kind, [one.scale for one in self._objectives()])
        return Suggestion(self.region.decode(found.row), "model", reason, predictions, value, kind)

    def _acquisition(self, rng: np.random.Generator) -> SumOfLogs:
        chances = self._chances()
        objective = self._objective()
        if objective is None:
            return SumOfLogs(chances)
        if self.n_objectives > 1:
            return SumOfLogs([hypervolume_improvement_of(self._front_scene(chances), rng), *chances])
        if is_named(self.given.acq_func):
            from autotune_service.engine.acquisition.named.serving import acquisitions_for  # loads torch

            name, process = self.given.acq_func, objective.process
            return SumOfLogs(acquisitions_for(name, self.region, process, self.feasibility, self.pending, rng))
        improvement = expected_improvement_of(objective, self.pending, self._is_acceptable(objective), rng)
        return SumOfLogs([aimed_higher(improvement) if self._is_exploring else improvement, *chances])

    def _front_scene(self, chances: list[LogProbability]) -> FrontScene:
        worked = [i for i, run in enumerate(self.given.runs) if not run.is_failed]
        return FrontScene(
            surrogates=self.surrogates,
            responses=self.given.responses,
            region=self.region,
            rows=self.told[worked],
            expected=self._expected[worked],
            is_acceptable=are_acceptable(self.given, self.surrogates, self.told, worked),
            pending=self.pending,
            chances=chances,
        )

    @property
    def _is_exploring(self) -> bool:
        """Whether the next suggestion aims higher than the best.

        Numbers are explored by the way, as their neighbours tell of them; an option that began badly is not.
        """
        is_ours = self.given.acq_func == "auto" and self.n_objectives == 1
        known = len(self.told) + len(self.pending)
        is_turn = known < _EXPLORES_UNTIL and known % _EXPLORES_EACH == 0
        fixed = self.given.fixed
        return is_ours and is_turn and any(one.is_code and one.name not in fixed for one in self.encoding.columns)

    def _objectives(self) -> list[Surrogate]:
        """Give the models of the objectives that were measured."""
        names = objectives_of(self.given.responses)
        return [self.surrogates[name] for name in names if name in self.surrogates]

    def _objective(self) -> Surrogate | None:
        return next(iter(self._objectives()), None)

    def _chances(self) -> list[LogProbability]:
        return log_probabilities_of(self.given.responses, self.surrogates, self.feasibility)

    def _is_acceptable(self, objective: Surrogate) -> NDArray[np.bool_]:
        return are_acceptable(self.given, self.surrogates, self.told, objective.index)

    def _promising(self) -> Array:
        """Give the rows known, those first that the model expects most of."""
        objective = self._objective()
        if objective is None:
            return self.told[np.argsort(-SumOfLogs(self._chances()).values(self.told), kind="stable")]
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
        is_acceptable = are_acceptable(self.given, self.surrogates, self.told, runs)
        return self.told[best_first(self._expected - 1e3 * ~is_acceptable[:, None], _PROMISING)]

    @property
    def _kind(self) -> AcquisitionKind:
        if not self.n_objectives:
            return "probability_of_success"
        if self.n_objectives > 1:
            return "expected_hypervolume_improvement"
        if self._is_exploring:
            return "aimed_higher"
        kind = KINDS[self.given.acq_func]
        return kind if self.feasibility is None or not is_level(kind) else "above_worst"

    def _reason(self, found: Found) -> str:
        title = title_of(self.given.acq_func, self.n_objectives)
        if self._is_exploring:
            title += " over more than the best, to give options another try"
        basis = f"the highest {title}, after {len(self.told)} observations"
        n_measured = max(sum(name in run.responses for run in self.given.runs) for name in self.given.responses)
        if n_measured > MAX_CONDITIONED:
            basis += f", for which {MAX_CONDITIONED} of them stand"
        n_fitted = max_fitted(len(self.given.responses))
        if n_measured > n_fitted:
            basis += f", the hyperparameters learnt from {n_fitted}"
        if self._objective() is None:
            objective = primary_of(self.given.responses)[0]
            basis = f"the most likely to work, after {len(self.told)} runs of which none has measured {objective}"
        if len(self.pending):
            basis += f" and with {len(self.pending)} suggestions pending"
        return basis if found.is_new else f"{basis}; {self.region.nothing_else}, so this one is worth repeating"
