"""The surrogates of an experiment: a Gaussian process for each response, and one for whether a run works."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.arrays import Array
from autotune_service.engine.interface import EngineInput, Prediction, Run
from autotune_service.engine.kinds import Kinds
from autotune_service.engine.model.earlier import Earlier
from autotune_service.engine.model.gaussian_process import GaussianProcess, Hyperparameters
from autotune_service.engine.model.likelihood import LogPosterior, Prior
from autotune_service.engine.model.named import FITS, sample_alternatives
from autotune_service.engine.model.scale import ResponseScale
from autotune_service.engine.model.subset import MAX_CONDITIONED, max_fitted, representatives
from autotune_wire.experiments import ModelType
from autotune_wire.responses import MAX_RESPONSES, Objective, Response, Target

_COVERAGE, _HALF_WIDTH = 0.95, 1.96  # a band of so many standard deviations covers that share of a normal distribution
_MOST_WIDENING = 3.0
_SAMPLES = 8  # of the hyperparameters' posterior
_SAMPLED_FROM, _SAMPLED_UNTIL = 16, 150  # observations: fewer say little of them, more leave little doubt
_MOST_FITS = 2 * MAX_RESPONSES  # that are kept: those of the responses, and of what earlier experiments measured
_LABEL_NOISE = 0.05  # variance of the labels 1 and -1: whether a run works is seldom a matter of chance


@dataclass(frozen=True)
class Surrogate:
    """The model of one response.

    Its process decides what is suggested. What users are told of it, in the response's own unit, has wider standard
    deviations where the leave-one-out bands cover too few runs: one bad value among many good ones makes a Gaussian
    process too sure of itself elsewhere.

    Args:
        process: The Gaussian process on the model's scale, where more is better.
        scale: The map between that scale and the response's own unit.
        index: The indices of the runs that the process is conditioned on, shape (n,).
        model_type: The name of the model that the process was fitted by.
        known_noises: The variance of each measurement's noise on the model's scale, shape (n,); NaN where it was not
            told.
        unmeasured: The places, among the n, of what runs that were stopped early would have come to.
    """

    process: GaussianProcess
    scale: ResponseScale
    index: NDArray[np.int64]
    model_type: ModelType
    known_noises: Array
    unmeasured: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def noise_sd(self) -> float:
        """The standard deviation of a measurement's noise in the response's own unit."""
        return self.scale.noise_from_model(float(np.sqrt(self._noise)))

    @cached_property
    def alternatives(self) -> list[GaussianProcess]:
        """The process under several samples of its hyperparameters, where few data leave them uncertain; else alone."""
        if not _SAMPLED_FROM <= len(self.index) <= _SAMPLED_UNTIL:
            return [self.process]
        return sample_alternatives(self.model_type, self.process, self.known_noises, _SAMPLES)

    def predict(self, rows: Array, *, is_measured: bool = False) -> list[Prediction]:
        """Predict the response at rows, shape (m, d), in the response's own unit.

        Args:
            rows: The rows.
            is_measured: Whether a measurement is predicted, its noise included, or the noiseless response.
        """
        means, variances = self.process.predict(rows)
        return self.predictions(means, variances + self._noise if is_measured else variances)

    def left_out(self) -> list[Prediction]:
        """Predict each of the n measurements, its noise included, from the others."""
        return self.predictions(*self.process.leave_one_out())

    def predictions(self, means: Array, variances: Array) -> list[Prediction]:
        """Convert means and variances on the model's scale, each of shape (m,), to the response's own unit."""
        own_means, own_sds = self.scale.from_model(means, np.sqrt(variances), self._widening)
        return [Prediction(mean, sd) for mean, sd in zip(own_means.tolist(), own_sds.tolist(), strict=True)]

    @property
    def _noise(self) -> float:
        """The noise variance of the next measurement; if all standard deviations were told, the median of these."""
        is_inferred = bool(np.isnan(self.known_noises).any())
        told = np.delete(self.process.noises, self.unmeasured)
        return float(np.median(told)) if len(told) and not is_inferred else self.process.hyperparameters.noise

    @cached_property
    def _widening(self) -> float:
        """The factor of the told standard deviations, from 1 to ``_MOST_WIDENING``."""
        means, variances = self.process.leave_one_out()
        targets = self.scale.moments(self.process.targets, np.zeros(len(means)))[0]
        middles, sds = self.scale.moments(means, np.sqrt(variances))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            errors = np.nan_to_num(np.abs(targets - middles) / sds)  # 0 / 0 is no error
        return float(np.clip(np.quantile(errors, _COVERAGE) / _HALF_WIDTH, 1.0, _MOST_WIDENING))


@dataclass(frozen=True, slots=True)
class _Data:
    """All that the fit of one response depends on, as the key of a cache."""

    model_type: ModelType
    rows: bytes
    targets: bytes
    noises: bytes
    kinds: Kinds
    subset: bytes


def fit_responses(
    given: EngineInput,
    run_rows: Array,
    kinds: Kinds,
    most: int = MAX_CONDITIONED,
    earlier_rows: Sequence[Array] = (),
) -> dict[str, Surrogate]:
    """Fit the model of every response that was measured.

    Args:
        given: The engine's input, with n runs.
        run_rows: The rows of all runs, shape (n, d).
        kinds: What the columns hold.
        most: How many observations each model is conditioned on at most.
        earlier_rows: The rows of the runs of each earlier experiment.
    """
    sizes = (most, max_fitted(len(given.responses)))
    fitted = {}
    for name in given.responses:
        pairs = zip(given.earlier, earlier_rows, strict=True)
        earlier = [_Measured.of(given, name, one.runs, rows, kinds, sizes) for one, rows in pairs]
        told = [one for one in earlier if one is not None]
        measured = _Measured.of(given, name, given.runs, run_rows, kinds, sizes, [one.scale for one in told])
        if measured is not None:
            process = _fit(measured.data, tuple(one.data for one in told))
            index, runs = measured.index, given.runs
            unmeasured = np.flatnonzero([name not in runs[i].responses for i in index])
            known = (given.model_type, measured.known_noises, unmeasured)
            fitted[name] = Surrogate(process, measured.scale, index, *known)
    return fitted


@dataclass(frozen=True)
class _Measured:
    """What runs measured of one response.

    Args:
        data: The observations that the model is conditioned on.
        scale: The scale of the response.
        index: The indices of these observations' runs, shape (n,).
        known_noises: The variance of each measurement's noise on the model's scale, shape (n,); NaN where not told.
    """

    data: _Data
    scale: ResponseScale
    index: NDArray[np.int64]
    known_noises: Array

    @classmethod
    def of(
        cls,
        given: EngineInput,
        name: str,
        runs: Sequence[Run],
        run_rows: Array,
        kinds: Kinds,
        sizes: tuple[int, int],
        earlier: Sequence[ResponseScale] = (),
    ) -> "_Measured | None":
        """Put what runs, with rows of shape (m, d), measured on the model's scale; None if they measured nothing."""
        n_conditioned, n_fitted = sizes
        response = given.responses[name]
        told = [_told_of(run, name) for run in runs]
        index = np.array([i for i, one in enumerate(told) if one is not None], dtype=np.int64)
        if not len(index):
            return None
        values = np.array([one[0] for one in told if one is not None], dtype=np.float64)
        scale = ResponseScale.of(values, sign_of(response), is_objective=isinstance(response, Objective))
        scale = scale.leaning_on(earlier, len(values))
        targets = scale.to_model(values)
        sds = np.array([one[1] for one in told if one is not None], dtype=np.float64)
        noises = scale.sd_to_model(sds) ** 2
        rows = run_rows[index]
        merits = targets
        if not isinstance(response, Objective):  # of a threshold or a target the runs near it count most
            value = response.target if isinstance(response, Target) else response.bound
            merits = -np.abs(targets - scale.to_model(np.array([value])))
        kept = representatives(rows, merits, n_conditioned, kinds.is_code)
        subset = representatives(rows[kept], merits[kept], n_fitted, kinds.is_code)
        numbers = (rows[kept].tobytes(), targets[kept].tobytes(), noises[kept].tobytes())
        return cls(_Data(given.model_type, *numbers, kinds, subset.tobytes()), scale, index[kept], noises[kept])


def _told_of(run: Run, name: str) -> tuple[float, float] | None:
    """Return the value of a response and its standard deviation, NaN where that is not known; None without a value."""
    if run.is_failed:
        return None
    if name in run.responses:
        return run.responses[name], run.sds.get(name, float("nan"))
    expected = run.expected.get(name)
    return None if expected is None else (expected.mean, expected.sd)


@lru_cache(maxsize=_MOST_FITS)
def _fit(data: _Data, earlier: tuple[_Data, ...] = ()) -> GaussianProcess:
    # Suggestions, predictions and insights are computed from the same data, each on its own request. The cache's key is
    # all that a fit depends on, so the cache saves work and cannot change a result.
    rows, targets, noises = (np.frombuffer(buffer) for buffer in (data.rows, data.targets, data.noises))
    said = Earlier([_fit(one) for one in earlier]) if earlier else None
    subset = np.frombuffer(data.subset, dtype=np.int64)
    return FITS[data.model_type](rows.reshape(-1, data.kinds.d), targets, noises, data.kinds, subset, said)


def fit_feasibility(runs: Sequence[Run], run_rows: Array, kinds: Kinds) -> GaussianProcess | None:
    """Fit a model of whether a run works (1) or fails (-1) to all runs; None if no run failed.

    The model is a regression on these labels with prior mean 0: far from every run, both outcomes are equally likely.

    Args:
        runs: The runs, n of them.
        run_rows: The runs' rows, shape (n, d).
        kinds: What the columns hold.
    """
    if not any(run.is_failed for run in runs):
        return None
    labels = np.array([-1.0 if run.is_failed else 1.0 for run in runs])
    kept = representatives(run_rows, -labels, MAX_CONDITIONED, kinds.is_code)  # failures first: the model is about them
    rows, labels = run_rows[kept], labels[kept]
    noises = np.full(len(labels), _LABEL_NOISE)
    if np.ptp(labels) > 0:
        subset = representatives(rows, -labels, max_fitted(1), kinds.is_code)
        hyperparameters = LogPosterior(rows[subset], labels[subset], noises[subset], kinds, Prior()).maximize()
    else:
        precisions = np.exp(Prior().location(kinds)[: kinds.n_precisions] + 1.5)
        hyperparameters = Hyperparameters(precisions, 1.0, _LABEL_NOISE)
    return GaussianProcess(rows, labels, noises, hyperparameters, kinds, mean=0.0)


def sign_of(response: Response) -> float:
    """Return -1 for a response that is minimized or has to be at most its bound, else 1."""
    return -1.0 if response.goal in {"minimize", "<="} else 1.0
