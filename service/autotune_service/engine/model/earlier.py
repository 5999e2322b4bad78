"""What earlier experiments tell about a response, as a part of the model's prior."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from autotune_service.engine.arrays import Array

if TYPE_CHECKING:  # each needs the other: a process can have earlier experiments, whose models are processes
    from autotune_service.engine.model.gaussian_process import GaussianProcess

WEIGHT, WEIGHT_SD = 0.7, 0.7
"""The prior of the weights: the mean of their sum, and the standard deviation of each."""


class Earlier:
    """What s earlier experiments predict, each with a weight that the model learns.

    A response is modelled as a sum: each earlier experiment's prediction times its weight, and a Gaussian process for
    the rest. The weights are normal, so they are learnt exactly, together with the rest (Rasmussen and Williams 2006,
    section 2.7): the prior's mean holds the predictions times the weights' means, its covariance the products of
    predictions times the weights' variance. Where an earlier experiment misleads, its weight goes to nothing.

    Args:
        processes: The model of each earlier experiment, on the scale of that experiment: the mean of its responses is
            0 there and their standard deviation 1.
    """

    def __init__(self, processes: "Sequence[GaussianProcess]") -> None:
        self.processes = processes
        self.weight = WEIGHT / len(processes)
        """The mean of each weight before anything is measured."""

    def at(self, rows: Array) -> tuple[Array, Array]:
        """Return what ``mean`` and ``deviations`` do, for one look at the predictions."""
        predictions = self.predictions(rows)
        return np.asarray(self.weight * predictions.sum(axis=1)), WEIGHT_SD * predictions

    def mean(self, rows: Array) -> Array:
        """Return the prior's mean at m rows, shape (m,)."""
        return np.asarray(self.weight * self.predictions(rows).sum(axis=1))

    def deviations(self, rows: Array) -> Array:
        """Return the predictions times the weights' standard deviation, shape (m, s)."""
        return WEIGHT_SD * self.predictions(rows)

    def with_gradients(self, rows: Array) -> tuple[Array, Array, Array, Array]:
        """Return the means, shape (m,), the deviations, (m, s), and the gradients of both, (m, d) and (m, s, d)."""
        both = [process.predict_with_gradients(rows) for process in self.processes]
        predictions = np.stack([one[0] for one in both], axis=1)
        gradients = np.stack([one[2] for one in both], axis=1)
        means, slopes = self.weight * predictions.sum(axis=1), self.weight * gradients.sum(axis=1)
        return means, WEIGHT_SD * predictions, slopes, WEIGHT_SD * gradients

    def predictions(self, rows: Array) -> Array:
        """Return what each earlier experiment predicts at m rows, shape (m, s)."""
        return np.stack([process.expect(rows) for process in self.processes], axis=1)
