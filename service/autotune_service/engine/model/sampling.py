"""Samples of the hyperparameters' posterior, by Hamiltonian Monte Carlo from its peak."""

from collections.abc import Callable

import numpy as np

from autotune_service.engine.arrays import Array

_DIFFERENCE = 1e-2  # step of the difference quotients, in prior standard deviations
_LEAST_CURVATURE = 0.1  # of the prior's own: in a direction that neither data nor prior bound a step would be endless
_LEAPS, _LEAP = 3, 0.5  # a trajectory of three half standard deviations forgets nearly all of its start
_BURN_IN = 4  # trajectories before the first sample

Energy = Callable[[Array], tuple[float, Array]]


def sample(energy: Energy, peak: Array, scale: Array, n: int, rng: np.random.Generator) -> Array:
    """Draw n samples from the density exp(-energy), shape (n, p).

    The momenta's mass is the curvature at the peak, so that all directions are about equally wide (Neal 2011, "MCMC
    using Hamiltonian dynamics", section 5.4.1), and a few leaps suffice for a sample that hardly depends on the last.

    Args:
        energy: Returns minus the log density, up to a constant, and its gradient, at a place of shape (p,).
        peak: Where the energy is least, shape (p,); the chain starts there.
        scale: The size of each parameter, such as its prior's standard deviation, shape (p,).
        n: The number of samples.
        rng: Draws the momenta.
    """
    widths = _widths(energy, peak, scale)
    at, (height, slope) = peak, energy(peak)
    samples = []
    for k in range(_BURN_IN + n):
        momentum = rng.normal(size=len(peak))
        place, gradient, value = at, slope, height
        moved = momentum - 0.5 * _LEAP * (widths.T @ gradient)
        for leap in range(_LEAPS):
            place = place + _LEAP * (widths @ moved)
            value, gradient = energy(place)
            moved = moved - (0.5 if leap == _LEAPS - 1 else 1.0) * _LEAP * (widths.T @ gradient)
        gain = height + 0.5 * momentum @ momentum - value - 0.5 * moved @ moved
        if np.log(rng.random()) < gain:
            at, height, slope = place, value, gradient
        if k >= _BURN_IN:
            samples.append(at)
    return np.stack(samples)


def _widths(energy: Energy, peak: Array, scale: Array) -> Array:
    """Return a matrix, shape (p, p), that maps steps of standard size to steps of the parameters."""
    steps = _DIFFERENCE * scale
    curvature = (
        np.stack(
            [
                (energy(peak + step * one)[1] - energy(peak - step * one)[1]) / (2.0 * step) * scale
                for one, step in zip(np.eye(len(peak)), steps, strict=True)
            ]
        )
        * scale[:, None]
    )
    roots, directions = np.linalg.eigh(0.5 * (curvature + curvature.T))
    return np.asarray(scale[:, None] * directions / np.sqrt(np.maximum(roots, _LEAST_CURVATURE)))
