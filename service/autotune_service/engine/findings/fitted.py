"""The models of an experiment's responses, with the input that they are fitted to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.acquisition.acceptance import are_acceptable
from autotune_service.engine.acquisition.functions import LogProbability, log_probabilities_of
from autotune_service.engine.arrays import Array
from autotune_service.engine.interface import EngineInput, Prediction
from autotune_service.engine.model.subset import MAX_CONDITIONED
from autotune_service.engine.model.surrogate import Surrogate, fit_feasibility, fit_responses, sign_of
from autotune_service.engine.space.encoding import Encoding
from autotune_service.engine.space.listed import region_of
from autotune_service.engine.space.region import Region
from autotune_wire.base import Configuration
from autotune_wire.responses import thresholds_of

_BLOCK = 512  # rows predicted at a time, which bounds the memory


@dataclass(frozen=True)
class Fitted:
    """The models of the responses that were measured, with the input that they are fitted to.

    Args:
        given: The engine's input, with n runs.
        encoding: The space's d columns.
        run_rows: The rows of all runs, shape (n, d).
        surrogates: The model of each response.
    """

    given: EngineInput
    encoding: Encoding
    run_rows: Array
    surrogates: Mapping[str, Surrogate]

    @classmethod
    def of(cls, given: EngineInput, most: int = MAX_CONDITIONED) -> "Fitted":
        """Fit the models of all responses, each conditioned on so many observations at most."""
        encoding = Encoding(given.space, given.retired)
        run_rows = encoding.encode([run.covars for run in given.runs])
        earlier_rows = [encoding.encode([run.covars for run in one.runs]) for one in given.earlier]
        return cls(given, encoding, run_rows, fit_responses(given, run_rows, encoding.kinds, most, earlier_rows))

    @cached_property
    def is_acceptable(self) -> NDArray[np.bool_]:
        """Which runs did not fail and meet every threshold, shape (n,)."""
        return are_acceptable(self.given, self.surrogates, self.run_rows, range(len(self.given.runs)))

    @cached_property
    def log_probabilities(self) -> list[LogProbability]:
        """The log probabilities that a run meets each measured threshold and that it works."""
        feasibility = fit_feasibility(self.given.runs, self.run_rows, self.encoding.kinds)
        return log_probabilities_of(self.given.responses, self.surrogates, feasibility)

    def held(self, index: Iterable[int]) -> dict[str, float]:
        """Return the place of each covariate that had one value, or none, in the runs of these indices."""
        runs = [self.given.runs[i] for i in index]
        columns = {column.name: column for column in self.encoding.columns}
        guesses = {name: covariate.guess for name, covariate in self.given.space.items()}
        values = {name: [run.covars[name] for run in runs if name in run.covars] for name in columns}
        return {
            name: columns[name].encode((values[name] or [guesses[name]])[0])
            for name in columns
            if len(set(values[name])) < 2
        }

    def region(self, fixed: Configuration | None = None) -> Region:
        """Return the rows that may be suggested, with some values fixed."""
        return region_of(self.given, self.encoding, fixed or {})

    def predictions(self, rows: Array) -> dict[str, list[Prediction]]:
        """Predict every response that was measured at rows, shape (m, d)."""
        blocks = [rows[i : i + _BLOCK] for i in range(0, len(rows), _BLOCK)]
        return {
            name: [prediction for block in blocks for prediction in surrogate.predict(block)]
            for name, surrogate in self.surrogates.items()
        }

    def missed_threshold(self, predictions: Mapping[str, Prediction]) -> str | None:
        """Describe the first threshold that predictions miss; None if they meet all that were measured."""
        for name, threshold in thresholds_of(self.given.responses).items():
            if name in predictions and sign_of(threshold) * (predictions[name].mean - threshold.bound) < 0:
                mean, bound = predictions[name].mean, threshold.bound
                return f"{name} is predicted to be {mean:.4g}, and must be {threshold.goal} {bound:.10g}"
        return None
