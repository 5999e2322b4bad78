"""The acquisition function for several objectives: the expected hypervolume improvement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotune_service.engine.acquisition.aims import Aim
from autotune_service.engine.acquisition.functions import with_fantasies
from autotune_service.engine.acquisition.incumbents import best_predicted_row
from autotune_service.engine.acquisition.pareto import pareto_indices, reference_point
from autotune_service.engine.arrays import Array
from autotune_service.engine.model.gaussian_process import GaussianProcess
from autotune_service.engine.model.surrogate import Surrogate
from autotune_service.engine.search.ascent import Acquisition
from autotune_service.engine.space.region import Region
from autotune_wire.responses import Objective, Response, objectives_of

_FANTASIES = {2: 8, 3: 4, 4: 4}
_MAX_FRONT = {2: 100, 3: 60, 4: 40}  # a larger front is thinned: with four objectives the number of cells grows fast


@dataclass(frozen=True, slots=True)
class Cells:
    """Boxes without overlap that together fill the volume above a reference point that a front does not dominate.

    Args:
        lower: The lower corners of the c cells, shape (c, m).
        upper: The upper corners, shape (c, m), infinite in an objective in which the cell has no bound.
    """

    lower: Array
    upper: Array

    @classmethod
    def above(cls, front: Array, reference: Array) -> "Cells":
        """Build the cells above a reference point, shape (m,), that a front of n points, shape (n, m), leaves.

        Each point in turn cuts the box that it dominates out of the cells.
        """
        lower, upper = reference[None], np.full((1, len(reference)), np.inf)
        for point in front[np.argsort(-np.prod(np.maximum(front - reference, 0.0), axis=1), kind="stable")]:
            is_cut = (lower < point).all(axis=1)
            kept_lower, kept_upper = [lower[~is_cut]], [upper[~is_cut]]
            lower, upper = lower[is_cut], upper[is_cut].copy()
            for j, height in enumerate(point):
                # This part lies above the point in this objective, and below the point in the objectives before.
                is_above = upper[:, j] > height
                part = lower[is_above].copy()
                part[:, j] = np.maximum(part[:, j], height)
                kept_lower.append(part)
                kept_upper.append(upper[is_above].copy())
                upper[:, j] = np.minimum(upper[:, j], height)
            lower, upper = np.concatenate(kept_lower), np.concatenate(kept_upper)
        return cls(lower, upper)

    def log_improvement(self, means: Array, sds: Array, aims: Sequence[Aim]) -> tuple[Array, Array, Array]:
        """Compute the logarithm of the expected hypervolume improvement, and its derivatives by means and sds.

        In each cell a point dominates a box, whose volume is the product of its sides. The objectives are independent,
        so that the expected volume is the product of the expected sides, and an expected side is the difference of two
        expected improvements. The improvement is the sum over the cells (Daulton et al. 2020, "Differentiable Expected
        Hypervolume Improvement", section 3.2, without the sampling).

        Args:
            means: Predicted means, shape (n, m).
            sds: Predicted standard deviations, shape (n, m).
            aims: What makes each of the m objectives better.

        Returns:
            Arrays of shape (n,), (n, m) and (n, m).
        """
        sides = [
            _Sides.of(means[:, j], sds[:, j], self.lower[:, j], self.upper[:, j], aim) for j, aim in enumerate(aims)
        ]
        logs = np.sum([side.log for side in sides], axis=0)
        value = np.logaddexp.reduce(logs, axis=1)
        shares = np.exp(logs - value[:, None])
        slopes = [side.slopes(shares) for side in sides]
        by_mean, by_sd = (np.stack(columns, axis=1) for columns in zip(*slopes, strict=True))
        return value, by_mean, by_sd


@dataclass(frozen=True, slots=True)
class _Sides:
    """In one objective, the expected sides of the boxes that n rows dominate in c cells.

    Args:
        log: The logarithms of the expected sides, shape (n, c): each side is the expected improvement over the cell's
            lower end minus that over its upper end.
        lower: The logarithm of the expected improvement over the lower end, and its derivatives by mean and sd, each of
            shape (n, c).
        upper: The same for the upper end.
    """

    log: Array
    lower: tuple[Array, Array, Array]
    upper: tuple[Array, Array, Array]

    @classmethod
    def of(cls, mean: Array, sd: Array, low: Array, high: Array, aim: Aim) -> "_Sides":
        """Compute the sides from the predictions at n rows, shape (n,), and the ends of c cells, shape (c,)."""
        levels, place = np.unique(np.concatenate([low, high]), return_inverse=True)  # many cells share an end
        is_end = np.isfinite(levels)
        at = [np.full((len(mean), len(levels)), fill) for fill in (-np.inf, 0.0, 0.0)]
        for ends, found in zip(at, aim.log_improvement(mean[:, None], sd[:, None], levels[is_end]), strict=True):
            ends[:, is_end] = found
        below, above = place[: len(low)], place[len(low) :]
        lower = at[0][:, below], at[1][:, below], at[2][:, below]
        upper = at[0][:, above], at[1][:, above], at[2][:, above]
        with np.errstate(divide="ignore", invalid="ignore"):
            log = lower[0] + np.log(-np.expm1(np.minimum(upper[0] - lower[0], 0.0)))
        return cls(log, lower, upper)

    def slopes(self, shares: Array) -> tuple[Array, Array]:
        """Compute the derivatives, shape (n,), of the logarithm of the whole improvement by mean and sd.

        Args:
            shares: Each cell's share of the whole improvement, shape (n, c).
        """
        with np.errstate(invalid="ignore"):
            gain, loss = np.exp(self.lower[0] - self.log), np.exp(self.upper[0] - self.log)
            by_mean, by_sd = (
                np.where(shares > 0, shares * (gain * self.lower[k] - loss * self.upper[k]), 0.0).sum(axis=1)
                for k in (1, 2)
            )
        return by_mean, by_sd


@dataclass(frozen=True, slots=True)
class LogExpectedHypervolumeImprovement:
    """The logarithm of the expected hypervolume improvement, averaged over k alternative responses of pending runs.

    Args:
        processes: The model of each of the m objectives, conditioned on the observations and on the k alternatives.
            Without pending runs k is 1, and the models are conditioned on the observations alone.
        cells: The cells that the front of each alternative leaves, k of them.
        aims: What makes each of the m objectives better.
    """

    processes: Sequence[GaussianProcess]
    cells: Sequence[Cells]
    aims: Sequence[Aim]

    def values(self, rows: Array) -> Array:
        """Compute the value, shape (n,), at each of n rows, shape (n, d)."""
        predicted = [process.predict(rows) for process in self.processes]
        means, sds = self._shaped([found[0] for found in predicted], [found[1] for found in predicted])
        logs = [cells.log_improvement(means[..., k], sds, self.aims)[0] for k, cells in enumerate(self.cells)]
        return np.asarray(np.logaddexp.reduce(logs, axis=0) - np.log(len(logs)))

    def values_with_gradients(self, rows: Array) -> tuple[Array, Array]:
        """Compute the values, shape (n,), and their derivatives by the rows, shape (n, d)."""
        predicted = [process.predict_with_gradients(rows) for process in self.processes]
        means, sds = self._shaped([found[0] for found in predicted], [found[1] for found in predicted])
        improvements = [cells.log_improvement(means[..., k], sds, self.aims) for k, cells in enumerate(self.cells)]
        logs = np.stack([log for log, _, _ in improvements])
        values = np.logaddexp.reduce(logs, axis=0)
        shares = np.exp(logs - values)
        gradients = np.zeros_like(rows)
        for j, (_, _, mean_gradients, variance_gradients) in enumerate(predicted):
            slopes = [(by_mean[:, j], by_sd[:, j]) for _, by_mean, by_sd in improvements]
            by_mean = np.stack([share * slope for share, (slope, _) in zip(shares, slopes, strict=True)], axis=1)
            by_sd = np.sum([share * slope for share, (_, slope) in zip(shares, slopes, strict=True)], axis=0)
            gradients += np.einsum("nk,nkd->nd", by_mean, mean_gradients.reshape(len(rows), -1, rows.shape[1]))
            gradients += (by_sd / (2.0 * sds[:, j]))[:, None] * variance_gradients
        return values - np.log(len(improvements)), gradients

    @staticmethod
    def _shaped(means: Sequence[Array], variances: Sequence[Array]) -> tuple[Array, Array]:
        """Stack the objectives' means to shape (n, m, k), and their standard deviations to shape (n, m)."""
        return np.stack([mean.reshape(len(mean), -1) for mean in means], axis=1), np.sqrt(np.stack(variances, axis=1))


@dataclass(frozen=True, slots=True)
class FrontScene:
    """Models of several objectives, and the region to explore with them.

    Args:
        surrogates: The models of the responses that were measured, two objectives or more among them.
        responses: All responses.
        region: The rows that may be suggested.
        rows: The rows of the runs that did not fail, shape (n, d).
        expected: The merit of the predicted mean at these rows of each objective that was measured, shape (n, m).
        is_acceptable: Which of these runs meet the thresholds, shape (n,).
        pending: Rows that are suggested but not told, shape (p, d).
        log_probabilities: The log probabilities that a run meets each threshold and, if any run failed, that it works.
    """

    surrogates: Mapping[str, Surrogate]
    responses: Mapping[str, Response]
    region: Region
    rows: Array
    expected: Array
    is_acceptable: NDArray[np.bool_]
    pending: Array
    log_probabilities: Sequence[Acquisition]

    @property
    def objectives(self) -> list[str]:
        """The names of the objectives that were measured."""
        return [name for name in objectives_of(self.responses) if name in self.surrogates]

    @property
    def processes(self) -> list[GaussianProcess]:
        """The objectives' models."""
        return [self.surrogates[name].process for name in self.objectives]

    @property
    def aims(self) -> list[Aim]:
        """What makes each objective better."""
        return [Aim.of(self.responses[name], self.surrogates[name]) for name in self.objectives]


def hypervolume_improvement_of(scene: FrontScene, rng: np.random.Generator) -> LogExpectedHypervolumeImprovement:
    """Build the expected hypervolume improvement over the front of the observed and the pending runs in the region.

    Each objective is measured on its model's scale, where more is better and the spread is one. The front is that of
    the predicted means, because noise misleads a front of observations more. Runs that miss a threshold, or that could
    not be suggested in the region, are not on the front; see ``incumbents_of``. If no run lies in the region, the front
    is that of the rows where each objective is predicted to be best.

    Args:
        scene: The models and the region to search.
        rng: Draws the alternative responses of the pending runs, and the starts of the search for the reference point.
    """
    processes, aims, m = scene.processes, scene.aims, len(scene.objectives)
    ends = np.stack(
        [
            best_predicted_row(process, scene.region, scene.log_probabilities, rng, aim)
            for process, aim in zip(processes, aims, strict=True)
        ]
    )
    is_inside = scene.region.contains(scene.rows)
    is_counted = is_inside & scene.is_acceptable
    reference = _reference(scene, scene.expected[is_counted if is_counted.any() else is_inside], ends)
    is_empty = not is_inside.any() and scene.is_acceptable.any()
    known, merits = (
        (ends, _merits(processes, aims, ends)) if is_empty else (scene.rows[is_counted], scene.expected[is_counted])
    )
    merits = merits[..., None]
    if len(scene.pending):
        processes = [with_fantasies(process, scene.pending, _FANTASIES[m], rng) for process in processes]
        known = np.concatenate([known, scene.pending[scene.region.contains(scene.pending)]])
        merits = _merits(processes, aims, known)
    fronts = (_thinned(points[pareto_indices(points)], _MAX_FRONT[m]) for points in np.moveaxis(merits, 2, 0))
    return LogExpectedHypervolumeImprovement(processes, [Cells.above(front, reference) for front in fronts], aims)


def _thinned(front: Array, n: int) -> Array:
    """Choose at most n points of a front that lie far apart.

    The first is the best in the first objective; each next one is the farthest from those chosen before.
    """
    if len(front) <= n:
        return front
    places = front / np.maximum(np.ptp(front, axis=0), np.finfo(float).tiny)
    chosen = [int(np.argmax(front[:, 0]))]
    distances = np.full(len(front), np.inf)
    while len(chosen) < n:
        distances = np.minimum(distances, np.abs(places - places[chosen[-1]]).max(axis=1))
        chosen.append(int(np.argmax(distances)))
    return np.asarray(front[np.sort(chosen)])


def _merits(processes: Sequence[GaussianProcess], aims: Sequence[Aim], rows: Array) -> Array:
    """Predict the merits of m objectives at n rows, shape (n, m); with k alternatives of pending runs, (n, m, k)."""
    return np.stack([aim.merits(process.expect(rows)) for process, aim in zip(processes, aims, strict=True)], axis=1)


def _reference(scene: FrontScene, expected: Array, ends: Array) -> Array:
    """Return the reference point on the models' scales, shape (m,): the user's value for an objective, else inferred.

    The reference point is inferred from runs and from the rows where each objective is predicted to be best and is
    likely to be acceptable. From the runs alone it would be too high as long as no run is near the ends of the front:
    improvements at these ends would not count.

    Args:
        scene: The models.
        expected: The predicted merits at the runs that count, shape (n, m).
        ends: The rows where each objective is predicted to be best, shape (m, d).
    """
    reference = reference_point(np.concatenate([expected, _merits(scene.processes, scene.aims, ends)]))
    for k, name in enumerate(scene.objectives):
        response = scene.responses[name]
        if isinstance(response, Objective) and response.reference is not None:
            reference[k] = scene.surrogates[name].scale.to_model(np.array([response.reference]))[0]
    return reference
