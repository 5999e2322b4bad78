"""The acquisition for several objectives: how much more volume a run is expected to dominate."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.acquisition.functions import PredictedMean, SumOfLogs, with_fantasies
from autotune_service.engine.acquisition.log_improvement import log_improvement
from autotune_service.engine.acquisition.pareto import pareto_indices, reference_point
from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.model.surrogate import Surrogate
from autotune_service.engine.search.ascent import Acquisition
from autotune_service.engine.search.best import find_best
from autotune_service.engine.space.region import Region
from autotune_wire.responses import Objective, Response

_FANTASIES = {2: 8, 3: 4, 4: 4}
_MAX_FRONT = {2: 100, 3: 60, 4: 40}  # of more, those that stand for all: the cells of four objectives grow fast


@dataclass(frozen=True, slots=True)
class Cells:
    """Boxes without overlap that are together all that a front leaves undominated above a reference point.

    Args:
        lower: Their lower corners, shape (c, m).
        upper: Their upper corners, infinite where nothing bounds them, shape (c, m).
    """

    lower: Array
    upper: Array

    @classmethod
    def above(cls, front: Array, reference: Array) -> "Cells":
        """Cut what each point of a front, shape (n, m), dominates out of all that lies above the reference point."""
        lower, upper = reference[None], np.full((1, len(reference)), np.inf)
        for point in front[np.argsort(-np.prod(np.maximum(front - reference, 0.0), axis=1), kind="stable")]:
            is_cut = (lower < point).all(axis=1)
            kept_lower, kept_upper = [lower[~is_cut]], [upper[~is_cut]]
            lower, upper = lower[is_cut], upper[is_cut].copy()
            for j, height in enumerate(point):
                # What lies above the point in this objective, and below it in those before.
                is_above = upper[:, j] > height
                part = lower[is_above].copy()
                part[:, j] = np.maximum(part[:, j], height)
                kept_lower.append(part)
                kept_upper.append(upper[is_above].copy())
                upper[:, j] = np.minimum(upper[:, j], height)
            lower, upper = np.concatenate(kept_lower), np.concatenate(kept_upper)
        return cls(lower, upper)

    def log_improvement(self, means: Array, sds: Array) -> tuple[Array, Array, Array]:
        """Give the logarithm of the expected hypervolume improvement, and its derivatives by means and sds.

        The volume that a point adds to a cell is the product of what it adds to its sides, and the objectives are
        independent: the expectation is the sum over the cells of products of differences of expected improvements
        (Daulton et al. 2020, "Differentiable Expected Hypervolume Improvement", section 3.2, without the sampling).

        Args:
            means: Predicted means, shape (n, m).
            sds: Predicted standard deviations, shape (n, m).

        Returns:
            Arrays of shape (n,), (n, m) and (n, m).
        """
        sides = [_Sides.of(means[:, j], sds[:, j], self.lower[:, j], self.upper[:, j]) for j in range(means.shape[1])]
        logs = np.sum([side.log for side in sides], axis=0)
        value = np.logaddexp.reduce(logs, axis=1)
        shares = np.exp(logs - value[:, None])
        slopes = [side.slopes(shares) for side in sides]
        by_mean, by_sd = (np.stack(one, axis=1) for one in zip(*slopes, strict=True))
        return value, by_mean, by_sd


@dataclass(frozen=True, slots=True)
class _Sides:
    """The sides of c cells in one objective, at n rows: logarithms of the expected part of each, shape (n, c).

    Args:
        log: Of the difference of the expected improvements over the side's two ends.
        lower: The logarithm at the lower end, and its derivatives by mean and sd.
        upper: The same at the upper end.
    """

    log: Array
    lower: tuple[Array, Array, Array]
    upper: tuple[Array, Array, Array]

    @classmethod
    def of(cls, mean: Array, sd: Array, low: Array, high: Array) -> "_Sides":
        levels, place = np.unique(np.concatenate([low, high]), return_inverse=True)  # many cells share their ends
        is_end = np.isfinite(levels)
        at = [np.full((len(mean), len(levels)), fill) for fill in (-np.inf, 0.0, 0.0)]
        for ends, found in zip(at, log_improvement(mean[:, None], sd[:, None], levels[is_end]), strict=True):
            ends[:, is_end] = found
        below, above = place[: len(low)], place[len(low) :]
        lower = at[0][:, below], at[1][:, below], at[2][:, below]
        upper = at[0][:, above], at[1][:, above], at[2][:, above]
        with np.errstate(divide="ignore", invalid="ignore"):
            log = lower[0] + np.log(-np.expm1(np.minimum(upper[0] - lower[0], 0.0)))
        return cls(log, lower, upper)

    def slopes(self, shares: Array) -> tuple[Array, Array]:
        """Give the derivatives of the whole by mean and sd, shape (n,), from the shares of the cells in it, (n, c)."""
        with np.errstate(invalid="ignore"):
            gain, loss = np.exp(self.lower[0] - self.log), np.exp(self.upper[0] - self.log)
            by_mean, by_sd = (
                np.where(shares > 0, shares * (gain * self.lower[k] - loss * self.upper[k]), 0.0).sum(axis=1)
                for k in (1, 2)
            )
        return by_mean, by_sd


@dataclass(frozen=True, slots=True)
class FrontImprovement:
    """The logarithm of the expected hypervolume improvement, averaged over what the pending runs may come to.

    Args:
        processes: Of each objective; where any runs are pending, conditioned on k alternatives of those, else k is 1.
        cells: What is not dominated in each alternative, k of them.
    """

    processes: Sequence[GaussianProcess]
    cells: Sequence[Cells]

    def values(self, rows: Array) -> Array:
        """Value rows, shape (n, d), to shape (n,)."""
        predicted = [process.predict(rows) for process in self.processes]
        means, sds = self._shaped([one[0] for one in predicted], [one[1] for one in predicted])
        logs = [cells.log_improvement(means[..., k], sds)[0] for k, cells in enumerate(self.cells)]
        return np.asarray(np.logaddexp.reduce(logs, axis=0) - np.log(len(logs)))

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Value rows and give the derivatives by them, shape (n, d)."""
        predicted = [process.predict_with_gradients(rows) for process in self.processes]
        means, sds = self._shaped([one[0] for one in predicted], [one[1] for one in predicted])
        found = [cells.log_improvement(means[..., k], sds) for k, cells in enumerate(self.cells)]
        logs = np.stack([one[0] for one in found])
        values = np.logaddexp.reduce(logs, axis=0)
        shares = np.exp(logs - values)
        gradients = np.zeros_like(rows)
        for j, (_, _, mean_gradients, variance_gradients) in enumerate(predicted):
            by_mean = np.stack([share * one[1][:, j] for share, one in zip(shares, found, strict=True)], axis=1)
            by_sd = np.sum([share * one[2][:, j] for share, one in zip(shares, found, strict=True)], axis=0)
            gradients += np.einsum("nk,nkd->nd", by_mean, mean_gradients.reshape(len(rows), -1, rows.shape[1]))
            gradients += (by_sd / (2.0 * sds[:, j]))[:, None] * variance_gradients
        return values - np.log(len(found)), gradients

    @staticmethod
    def _shaped(means: Sequence[Array], variances: Sequence[Array]) -> tuple[Array, Array]:
        """Give means of shape (n, m, k) and standard deviations of shape (n, m)."""
        return np.stack([one.reshape(len(one), -1) for one in means], axis=1), np.sqrt(np.stack(variances, axis=1))


@dataclass(frozen=True, slots=True)
class FrontScene:
    """Models of several objectives and where they are to be explored.

    Args:
        surrogates: The models of the responses that were measured, two objectives or more among them.
        responses: All responses.
        region: Where suggestions may lie.
        rows: What was run and did not fail, shape (n, d).
        expected: What the models expect there of each objective that was measured, shape (n, m).
        is_acceptable: Which of those meet the thresholds, shape (n,).
        pending: Rows that are suggested but not told, shape (p, d).
        chances: The logarithms of the probability to meet each threshold and, where runs failed, to work at all.
    """

    surrogates: Mapping[str, Surrogate]
    responses: Mapping[str, Response]
    region: Region
    rows: Array
    expected: Array
    is_acceptable: NDArray[np.bool_]
    pending: Array
    chances: Sequence[Acquisition]

    @property
    def objectives(self) -> list[str]:
        """The names of the objectives that were measured."""
        return [name for name in self.surrogates if isinstance(self.responses[name], Objective)]

    @property
    def processes(self) -> list[GaussianProcess]:
        """The objectives' models."""
        return [self.surrogates[name].process for name in self.objectives]


def hypervolume_improvement_of(scene: FrontScene, rng: np.random.Generator) -> FrontImprovement:
    """Build the expected hypervolume improvement over what is known and pending.

    Each objective counts on its model's scale, where more is better and the spread is one. The front is that of the
    predicted means, which noise misleads less than that of the observations; what does not meet the thresholds
    dominates nothing.

    Args:
        scene: The models and where to search.
        rng: Draws the alternatives of what is pending.
    """
    reference = _reference(scene, rng)
    processes, m = scene.processes, len(scene.objectives)
    means = scene.expected[scene.is_acceptable][..., None]
    if len(scene.pending):
        processes = [with_fantasies(process, scene.pending, _FANTASIES[m], rng) for process in processes]
        known = np.concatenate([scene.rows[scene.is_acceptable], scene.pending])
        means = np.stack([process.expect(known) for process in processes], axis=1)
    fronts = (_thinned(one[pareto_indices(one)], _MAX_FRONT[m]) for one in np.moveaxis(means, 2, 0))
    return FrontImprovement(processes, [Cells.above(front, reference) for front in fronts])


def _thinned(front: Array, n: int) -> Array:
    """Choose at most n points of a front: the best one in the first objective, then each far from those before."""
    if len(front) <= n:
        return front
    places = front / np.maximum(np.ptp(front, axis=0), np.finfo(float).tiny)
    chosen = [int(np.argmax(front[:, 0]))]
    distances = np.full(len(front), np.inf)
    while len(chosen) < n:
        distances = np.minimum(distances, np.abs(places - places[chosen[-1]]).max(axis=1))
        chosen.append(int(np.argmax(distances)))
    return np.asarray(front[np.sort(chosen)])


def _reference(scene: FrontScene, rng: np.random.Generator) -> Array:
    """Give the reference point on the models' scales: as told, else inferred.

    It is inferred from the runs that are acceptable and from where each objective is predicted to be best: with the
    runs alone, the ends of the front would not count as long as no run is near them.
    """
    known = scene.expected[scene.is_acceptable] if scene.is_acceptable.any() else scene.expected
    ends = np.concatenate(list(_ends(scene, rng)))
    at_ends = np.stack([process.expect(ends) for process in scene.processes], axis=1)
    reference = reference_point(np.concatenate([known, at_ends]))
    for k, name in enumerate(scene.objectives):
        response = scene.responses[name]
        if isinstance(response, Objective) and response.reference is not None:
            reference[k] = scene.surrogates[name].scale.to_model(np.array([response.reference]))[0]
    return reference


def _ends(scene: FrontScene, rng: np.random.Generator) -> Iterator[Array]:
    for process, expected in zip(scene.processes, scene.expected.T, strict=True):
        known = scene.rows[np.argsort(-expected, kind="stable")]
        yield find_best(SumOfLogs([PredictedMean(process), *scene.chances]), scene.region, known, set(), rng).row[None]
