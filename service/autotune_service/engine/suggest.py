"""Suggestions from the engine's input: the initial design makes the first ones, the model all later ones."""

from dataclasses import replace
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.acquisition.acceptance import are_acceptable
from autotune_service.engine.acquisition.aims import Aim
from autotune_service.engine.acquisition.functions import (
    LogProbability,
    SumOfLogs,
    expected_improvement_of,
    log_probabilities_of,
)
from autotune_service.engine.acquisition.hypervolume import FrontScene, hypervolume_improvement_of
from autotune_service.engine.acquisition.incumbents import incumbents_of
from autotune_service.engine.acquisition.named.names import KINDS, is_named, title_of
from autotune_service.engine.acquisition.named.scene import Scene
from autotune_service.engine.acquisition.pareto import best_first
from autotune_service.engine.acquisition.units import is_level, value_in_units
from autotune_service.engine.arrays import Array
from autotune_service.engine.initial import design_length, initial_design
from autotune_service.engine.interface import EngineInput, Suggestion
from autotune_service.engine.model.subset import MAX_CONDITIONED, max_fitted
from autotune_service.engine.model.surrogate import Surrogate, fit_feasibility, fit_responses
from autotune_service.engine.search.best import Found, find_best
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.listed import region_of
from autotune_wire.base import Configuration
from autotune_wire.responses import objectives_of, primary_of
from autotune_wire.suggestions import AcquisitionKind

_BEST_KNOWN = 16  # runs that are ordered by front; the search samples more rows near the first of these
_OUTSIDE, _UNACCEPTABLE = 1e3, 1e4  # more than predictions differ, on the models' scales
_GOLDEN = (5**0.5 - 1) / 2
_CROWD, _CROWDED = 5, 0.1
"""Where so many runs lie within this share of each column's range, the model has little to learn from one more."""
_ELSEWHERE_EVERY = 2
"""Of the suggestions where runs crowd, about one in so many is a Sobol point, if runs are stopped early."""
_ENDS_SHARE = 1 / 3
"""With several objectives, this share of the suggestions looks for the ends of the front: see docs/engine.md."""
_NOTHING_TO_GAIN = float(np.log(1e-6))
"""The logarithm of an expected improvement, in standard deviations, below which an end of the front is known."""


def suggest(given: EngineInput) -> list[Suggestion]:
    """Return the n configurations to try next.

    The suggestions depend on the input alone: the same input gives the same suggestions.

    Raises:
        EmptyRegionError: If no configuration meets the constraints at the fixed values.
        NotPositiveDefiniteError: If a model cannot be fitted to the data.
    """
    if given.engine == "greattunes":
        from autotune_service.engine.greattunes.adapter import suggest_with_greattunes  # loads torch

        return suggest_with_greattunes(given)
    encoding = Encoding(given.space, given.retired)
    is_learning = any(one.runs for one in given.earlier)
    length = design_length(encoding, given.candidates, is_learning=is_learning)
    n_known = len(given.runs) + len(given.pending)
    n_initial = min(max(length - n_known, 0), given.n) if given.runs else given.n
    reason = f"initial design, until {length} configurations are known"
    initial = initial_design(replace(given, n=n_initial), reason) if n_initial else []
    if n_initial == given.n:
        return initial
    pending = [*given.pending, *(suggestion.covars for suggestion in initial)]
    given = replace(given, pending=pending, n=given.n - n_initial)
    suggesting = _Suggesting(given, encoding)
    if suggesting.has_model:
        return initial + suggesting.suggestions()
    return initial + initial_design(given, f"a Sobol point, as none of {len(given.runs)} runs has given a response")


def explore(given: EngineInput, failure: str) -> list[Suggestion]:
    """Return n Sobol points to try because the model failed; their reason names the failure."""
    return initial_design(given, f"a Sobol point, because the model failed: {failure}")


class _Suggesting:
    """The models fitted to one input, and the suggestions chosen with them, one after the other."""

    def __init__(self, given: EngineInput, encoding: Encoding) -> None:
        self.given = given
        self.encoding = encoding
        self.region = region_of(given, encoding)
        self.run_rows = encoding.encode([run.covars for run in given.runs])
        self.is_inside = self.region.contains(self.run_rows)
        earlier_rows = [encoding.encode([run.covars for run in one.runs]) for one in given.earlier]
        self.surrogates = fit_responses(given, self.run_rows, encoding.kinds, earlier_rows=earlier_rows)
        self.feasibility = fit_feasibility(given.runs, self.run_rows, encoding.kinds)
        self.chosen: list[Configuration] = []
        self.pending = encoding.encode(given.pending)
        self.taken = set(encoding.keys(np.concatenate([self.run_rows, self.pending]))) | self.region.used_keys
        self.alone: int | None = None
        """The index of the objective whose improvement alone decides on the next suggestion, None if all decide."""

    @property
    def has_model(self) -> bool:
        """Whether any run has measured a response or failed, so that there is something to model."""
        return bool(self.surrogates) or self.feasibility is not None

    @property
    def n_objectives(self) -> int:
        """The number of objectives that were measured."""
        return len(self._objectives())

    def suggestions(self) -> list[Suggestion]:
        """Return the n suggestions; each one counts as pending for those after it."""
        return [self._suggestion() for _ in range(self.given.n)]

    def _suggestion(self) -> Suggestion:
        seed = crc32(f"{self.given.seed}:{len(self.run_rows)}:{len(self.pending)}".encode())
        rng = np.random.default_rng(seed)
        self.alone = self._whose_turn()
        found = self._search(rng)
        if self.alone is not None and self.n_objectives > 1 and found.value < _NOTHING_TO_GAIN:
            self.alone = None
            found = self._search(rng)
        covars = self.region.decode(found.row)
        # Not the row that was found: a later job has the configuration alone, whose row can differ in the last bit.
        row = self.encoding.encode([covars])
        if self._is_stuck_at(row):
            return self._elsewhere()
        reason, kind = self._reason(found), self._kind
        maximized = self._objectives() if self.alone is None else [self._objectives()[self.alone]]
        self._add(covars, row)
        predictions = {name: surrogate.predict(row, is_measured=True)[0] for name, surrogate in self.surrogates.items()}
        value = value_in_units(found.value, kind, [surrogate.scale for surrogate in maximized])
        return Suggestion(covars, "model", reason, predictions, value, kind, self.region.take(found.row))

    def _is_stuck_at(self, row: Array) -> bool:
        """Check whether so many runs lie near a row that it is time to look elsewhere, whatever the model believes.

        A model that fits what it has seen can be sure of all else and wrong: then it stays at one place. Where runs are
        stopped early, a look elsewhere costs few steps. Where each run is run to its end, it costs more than it finds.
        """
        if self.region.is_listed or self.given.acq_func != "auto" or not any(run.is_stopped for run in self.given.runs):
            return False
        known = np.concatenate([self.run_rows, self.pending])
        # By chance, so that in no context and no rhythm of tells it is always or never.
        turn = crc32(f"elsewhere:{self.given.seed}:{len(known)}".encode()) % _ELSEWHERE_EVERY
        return not turn and int(np.count_nonzero(np.abs(known - row).max(axis=1) <= _CROWDED)) >= _CROWD

    def _elsewhere(self) -> Suggestion:
        reason = f"a Sobol point, to look elsewhere: {_CROWD} or more runs are near what the model would try next"
        pending = [*self.given.pending, *self.chosen]
        [suggestion] = initial_design(replace(self.given, pending=pending, n=1), reason)
        self._add(suggestion.covars, self.encoding.encode([suggestion.covars]))
        return suggestion

    def _add(self, covars: Configuration, row: Array) -> None:
        """Count a configuration, whose row has the shape (1, d), as pending."""
        self.chosen.append(covars)
        self.pending = np.concatenate([self.pending, row])
        self.taken.add(self.encoding.keys(row)[0])

    def _search(self, rng: np.random.Generator) -> Found:
        return find_best(self._acquisition(rng), self.region, self._best_known(), self.taken, rng)

    def _acquisition(self, rng: np.random.Generator) -> SumOfLogs:
        log_probabilities = self._log_probabilities()
        if not self.n_objectives:
            return SumOfLogs(log_probabilities)
        if self.alone is None:
            scene = self._front_scene(log_probabilities)
            return SumOfLogs([hypervolume_improvement_of(scene, rng), *log_probabilities])
        objective, aim, limits = self._objectives()[self.alone], self._aims()[self.alone], self._limits()
        is_acceptable = self._is_acceptable(objective)
        for limit in limits:
            is_acceptable &= limit.process.expect(objective.process.rows) > limit.bound
        log_probabilities += limits
        incumbents = incumbents_of(objective.process, self.region, is_acceptable, log_probabilities, rng, aim)
        if is_named(self.given.acq_func):
            from autotune_service.engine.acquisition.named.serving import acquisitions_for  # loads torch

            named = Scene(objective.process, self.region, self.pending, incumbents, int(rng.integers(2**31)))
            return SumOfLogs(acquisitions_for(self.given.acq_func, named, self.feasibility))
        if len(incumbents):
            incumbents = np.concatenate([incumbents, self.pending[self.region.contains(self.pending)]])
        processes = objective.alternatives if self.given.acq_func == "auto" else [objective.process]
        improvement = expected_improvement_of(processes, self.pending, incumbents, rng, aim)
        return SumOfLogs([improvement, *log_probabilities])

    def _front_scene(self, log_probabilities: list[LogProbability]) -> FrontScene:
        worked = [i for i, run in enumerate(self.given.runs) if not run.is_failed]
        return FrontScene(
            surrogates=self.surrogates,
            responses=self.given.responses,
            region=self.region,
            rows=self.run_rows[worked],
            expected=self._expected[worked],
            is_acceptable=are_acceptable(self.given, self.surrogates, self.run_rows, worked),
            pending=self.pending,
            log_probabilities=log_probabilities,
        )

    def _whose_turn(self) -> int | None:
        """Return the index of the objective whose improvement alone is to decide, None if all are.

        Near an end of the front little volume is left to gain, however much one objective would gain there. So an end
        that the model does not see yet might never be looked for. Now and then each objective takes its turn alone.
        """
        if self.n_objectives < 2:
            return 0 if self.n_objectives else None
        known = len(self.run_rows) + len(self.pending)
        # Multiples of the golden ratio: all turns come, also where runs are told two or three at a time.
        turn = int(known * _GOLDEN % 1.0 * self.n_objectives / _ENDS_SHARE)
        return turn if turn < self.n_objectives else None

    def _limits(self) -> list[LogProbability]:
        """Return the log probabilities that the objectives beside one alone are better than the references told."""
        return [
            LogProbability(surrogate.process, float(surrogate.scale.to_model(np.array([reference]))[0]))
            for k, (surrogate, reference) in enumerate(zip(self._objectives(), self._references(), strict=True))
            if k != self.alone and reference is not None
        ]

    def _references(self) -> list[float | None]:
        """Return the worst value still of interest of each objective that was measured, None where none was told."""
        objectives = objectives_of(self.given.responses)
        return [objectives[name].reference for name in self._names()]

    def _objectives(self) -> list[Surrogate]:
        """Return the models of the objectives that were measured, in the experiment's order."""
        return [self.surrogates[name] for name in self._names()]

    def _names(self) -> list[str]:
        """Return the names of the objectives that were measured."""
        return [name for name in objectives_of(self.given.responses) if name in self.surrogates]

    def _aims(self) -> list[Aim]:
        """Return what makes each objective that was measured better."""
        objectives = objectives_of(self.given.responses)
        return [
            Aim.of(objective, self.surrogates[name])
            for name, objective in objectives.items()
            if name in self.surrogates
        ]

    def _log_probabilities(self) -> list[LogProbability]:
        return log_probabilities_of(self.given.responses, self.surrogates, self.feasibility)

    def _is_acceptable(self, objective: Surrogate) -> NDArray[np.bool_]:
        return are_acceptable(self.given, self.surrogates, self.run_rows, objective.index)

    def _best_known(self) -> Array:
        """Return rows of runs in descending order of their predictions.

        Runs outside the region come after those in it, and unacceptable runs at the end.
        """
        if not self.n_objectives:
            return self.run_rows[np.argsort(-SumOfLogs(self._log_probabilities()).values(self.run_rows), kind="stable")]
        if self.alone is None:
            is_acceptable = are_acceptable(self.given, self.surrogates, self.run_rows, range(len(self.run_rows)))
            behind = _OUTSIDE * ~self.is_inside + _UNACCEPTABLE * ~is_acceptable
            return self.run_rows[best_first(self._expected - behind[:, None], _BEST_KNOWN)]
        objective, aim = self._objectives()[self.alone], self._aims()[self.alone]
        rows = objective.process.rows
        behind = _OUTSIDE * ~self.is_inside[objective.index] + _UNACCEPTABLE * ~self._is_acceptable(objective)
        return rows[np.argsort(behind - aim.merits(objective.process.expect(rows)), kind="stable")]

    @cached_property
    def _expected(self) -> Array:
        """The predicted merit of each of the m objectives that were measured, at every run, shape (n, m)."""
        pairs = zip(self._objectives(), self._aims(), strict=True)
        return np.stack([aim.merits(surrogate.process.expect(self.run_rows)) for surrogate, aim in pairs], axis=1)

    @property
    def _kind(self) -> AcquisitionKind:
        if not self.n_objectives:
            return "probability_of_success"
        if self.alone is None:
            return "expected_hypervolume_improvement"
        kind = KINDS[self.given.acq_func]
        return kind if self.feasibility is None or not is_level(kind) else "above_worst"

    def _reason(self, found: Found) -> str:
        title = title_of(self.given.acq_func, self.n_objectives if self.alone is None else 1)
        if self.alone is not None and self.n_objectives > 1:
            title += f" of {self._names()[self.alone]} alone, to find that end of the front"
        basis = f"the highest {title}, after {len(self.run_rows)} observations"
        n_measured = max(sum(name in run.responses for run in self.given.runs) for name in self.given.responses)
        if n_measured > MAX_CONDITIONED:
            basis += f", of which the model uses {MAX_CONDITIONED}"
        n_fitted = max_fitted(len(self.given.responses))
        if n_measured > n_fitted:
            basis += f", with hyperparameters learnt from {n_fitted} of them"
        if not self.n_objectives:
            objective = primary_of(self.given.responses)[0]
            basis = f"the most likely to work, after {len(self.run_rows)} runs of which none has measured {objective}"
        if len(self.pending):
            n_pending = len(self.pending)
            basis += f" and with {n_pending} suggestion{'s' if n_pending > 1 else ''} pending"
        return basis if found.is_new else f"{basis}; {self.region.nothing_else}, so this one is suggested again"
