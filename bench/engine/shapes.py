"""Random surfaces over the unit cube, from which the test problems are made; larger values are better.

A surface maps rows, an array of shape (n, d), to n values. Each maker draws a surface from its generator alone.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]
Surface = Callable[[Rows], Rows]


def log_uniform(rng: np.random.Generator, low: float, high: float, size: int | None = None) -> Rows:
    """Draw numbers whose logarithms are uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def rotation(rng: np.random.Generator, d: int) -> Rows:
    """Draw a rotation of d dimensions, uniformly."""
    q, r = np.linalg.qr(rng.normal(size=(d, d)))
    return q * np.sign(np.diag(r))


def warp(rng: np.random.Generator, d: int) -> Surface:
    """Draw an increasing map of each coordinate of the cube onto itself: a power or a logarithm."""
    power, bend = log_uniform(rng, 0.4, 2.5, d), log_uniform(rng, 1, 50, d)
    is_log = rng.random(d) < 0.4
    return lambda u: np.where(is_log, np.log1p(bend * u) / np.log1p(bend), u**power)


def gp_path(rng: np.random.Generator, d: int, scales: tuple[float, float] = (0.15, 1.5), n: int = 400) -> Surface:
    """Draw an approximate path of a Gaussian process of variance 1, as a sum of n random cosines.

    The kernel is RBF or Matern-5/2, whose spectral densities are a normal and a Student t of 5 degrees of freedom.
    """
    frequencies = rng.normal(size=(d, n))
    if rng.random() < 0.5:
        frequencies /= np.sqrt(rng.chisquare(5, n) / 5)
    frequencies /= log_uniform(rng, *scales, d)[:, None]
    phases, weights = rng.uniform(0, 2 * np.pi, n), rng.normal(size=n) * np.sqrt(2 / n)
    return lambda u: np.cos(u @ frequencies + phases) @ weights


def with_trend(rng: np.random.Generator, d: int, surface: Surface) -> Surface:
    """Add, every other time, a bowl that falls off from a random place."""
    if rng.random() < 0.5:
        return surface
    centre, weights = rng.random(d), log_uniform(rng, 0.3, 4, d)
    return lambda u: surface(u) - (u - centre) ** 2 @ weights


def bumps(rng: np.random.Generator, d: int, n: int, is_rotated: bool) -> tuple[Surface, Rows]:
    """Draw a sum of n Gaussian bumps, each of its own height and widths.

    Returns:
        The surface, and the centres of the bumps, of shape (n, d).
    """
    centres, heights = rng.uniform(0.05, 0.95, (n, d)), rng.uniform(0.35, 1, n)
    frames = []
    for _ in range(n):
        frame = rotation(rng, d) if is_rotated else np.eye(d)
        frames.append(frame / log_uniform(rng, 0.15, 0.4 + 0.2 * d, d))

    def surface(u: Rows) -> Rows:
        total = np.zeros(len(u))
        for centre, height, frame in zip(centres, heights, frames, strict=True):
            total += height * np.exp(-0.5 * (((u - centre) @ frame) ** 2).sum(1))
        return total

    return surface, centres


def tail(rng: np.random.Generator) -> Surface:
    """Draw an increasing map of values below 0: the identity, or a map that makes their tail heavier or lighter."""
    kind, rate = rng.integers(4), log_uniform(rng, 0.2, 2)
    if kind == 0:
        return lambda g: g
    if kind == 1:
        return lambda g: -np.log1p(-10 * rate * g)
    if kind == 2:
        power = rng.uniform(0.3, 0.8)
        return lambda g: -((-g) ** power)
    return lambda g: np.expm1(rate * g)


def curved_valley(rng: np.random.Generator, d: int) -> tuple[Surface, Rows]:
    """Draw a narrow curved valley in warped inputs, and the place of its optimum, whose value is 0."""
    bent, best = warp(rng, d), rng.uniform(0.08, 0.92, d)
    top = bent(best[None])[0]
    bend, middle = rng.uniform(-3, 3, d - 1), rng.random(d - 1)
    steepness, weights, outcome = log_uniform(rng, 10, 300), log_uniform(rng, 0.3, 3, d), tail(rng)

    def surface(u: Rows) -> Rows:
        z = bent(u)
        curve = bend * ((z[:, :-1] - middle) ** 2 - (top[:-1] - middle) ** 2)
        across = (z[:, 1:] - top[1:] - curve) ** 2
        return outcome(-steepness / (d - 1) * across.sum(1) - (z - top) ** 2 @ weights)

    return surface, best


def waved_valley(rng: np.random.Generator, d: int) -> Surface:
    """Draw, for each pair of neighbouring inputs, a parabolic valley with several nearly equal optima."""
    bent, outcome = warp(rng, d), tail(rng)
    a, b, c = rng.uniform(-3, 3, d - 1), rng.uniform(-1, 1, d - 1), rng.uniform(0.1, 0.9, d - 1)
    steepness, wave = log_uniform(rng, 3, 30), log_uniform(rng, 0.1, 1, d - 1)
    turns, phases = rng.uniform(0.7, 2.5, d - 1), rng.uniform(0, 2 * np.pi, d - 1)

    def surface(u: Rows) -> Rows:
        z = bent(u)
        x, y = z[:, :-1], z[:, 1:]
        valley = -steepness * (y - c - b * (x - 0.5) - a * (x - 0.5) ** 2) ** 2
        return outcome((valley + wave * (np.cos(2 * np.pi * turns * x + phases) - 1)).sum(1) / (d - 1))

    return surface


def bilinear(rng: np.random.Generator, d: int) -> Surface:
    """Draw the exponential of products of warped inputs and a quadratic; values span orders of magnitude."""
    bent, matrix = warp(rng, d), rng.normal(size=(d, d)) * 2
    centre, weights, rate = rng.random(d), log_uniform(rng, 1, 8, d), log_uniform(rng, 0.5, 2)

    def surface(u: Rows) -> Rows:
        z = bent(u) - centre
        return np.exp(rate * (((z @ matrix) * z).sum(1) - z**2 @ weights))

    return surface


def rippled(rng: np.random.Generator, d: int) -> tuple[Surface, Rows, bool]:
    """Draw a broad funnel with many local optima in it.

    Returns:
        The surface, the middle of its funnel, and whether the middle is the optimum (else a ripple near the middle is).
    """
    best = rng.uniform(0.1, 0.9, d)
    frame = np.diag(log_uniform(rng, 0.5, 2, d)) @ (rotation(rng, d) if rng.random() < 0.5 else np.eye(d))
    periods, depth, power = rng.uniform(2, 8, d), log_uniform(rng, 0.1, 0.8), rng.uniform(0.7, 2)
    kind, phases, rate = rng.integers(5), rng.uniform(0, 2 * np.pi, d), rng.uniform(1, 3)

    def surface(u: Rows) -> Rows:
        y = (u - best) @ frame
        r = np.sqrt((y**2).mean(1)) / 0.35
        turn = 2 * np.pi * periods * y
        if kind == 0:
            return -(r**power) - depth * (1 - np.cos(turn)).mean(1)
        if kind == 1:
            return -(1 - np.exp(-rate * r)) - depth * (1 - np.exp(np.cos(turn).mean(1) - 1))
        if kind == 2:
            return -(r**power) - depth * (1 - np.cos(turn / np.sqrt(np.arange(1, d + 1))).prod(1))
        if kind == 3:
            return -(r**power) - depth * (np.sin(turn / 2) ** 2 * (1 + 5 * y**2)).mean(1)
        return -(r**power) + depth * np.cos(turn + phases).mean(1)

    return surface, best, bool(kind < 4)
