"""Published test functions, and one of a recipe. Their optima lie off the middle, and no engine is tuned to them.

Branin and Hartmann: Dixon and Szegő 1978, "The global optimization problem: an introduction". Ackley: Ackley 1987, "A
Connectionist Machine for Genetic Hillclimbing".
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from drafts import Draft
from shapes import Rows

_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)
_HARTMANN_BEST = np.array([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573])
_COLOURS = {"red": (1.0, 2, 140.0, 60.0), "green": (1.35, 4, 48.0, 35.0), "blue": (0.8, 1, 90.0, 80.0)}
"""Height, best count, best weight and width of the bump of each option."""


def branin(_: np.random.Generator, __: int) -> Draft:
    """Return Branin's function: two numbers, three optima of the same height."""

    def surface(rows: Rows) -> Rows:
        x, y = 15 * rows[:, 0] - 5, 15 * rows[:, 1]
        valley = y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6
        return -(valley**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)

    columns = {"x1": {"vtype": "cont", "min": -5.0, "max": 10.0}, "x2": {"vtype": "cont", "min": 0.0, "max": 15.0}}
    return Draft(columns, surface, [np.array([(np.pi + 5) / 15, 2.275 / 15])], is_exact=True)


def hartmann(_: np.random.Generator, __: int) -> Draft:
    """Return Hartmann's function: six numbers, four hills, one of them the highest."""

    def surface(rows: Rows) -> Rows:
        return np.exp(-(_A * (rows[:, None] - _P) ** 2).sum(axis=2)) @ _ALPHA

    columns = {f"x{j + 1}": {"vtype": "cont", "min": 0.0, "max": 1.0} for j in range(6)}
    return Draft(columns, surface, [_HARTMANN_BEST])


def hartmann_noisy(rng: np.random.Generator, index: int) -> Draft:
    """Return Hartmann's function with noise of 3 % of its range."""
    draft = hartmann(rng, index)
    draft.noise = 0.03
    return draft


def ackley(_: np.random.Generator, __: int) -> Draft:
    """Return Ackley's function, a funnel with ripples, over three numbers and two whole numbers."""
    columns = {f"x{j + 1}": {"vtype": "cont", "min": -5.0, "max": 5.0} for j in range(3)}
    columns |= {"n1": {"vtype": "int", "min": -5, "max": 10}, "n2": {"vtype": "int", "min": 0, "max": 15}}
    low, width = np.array([-5.0, -5, -5, -5, 0]), np.array([10.0, 10, 10, 15, 15])
    best = np.array([1.7, -2.3, 3.1, 3, 7])

    def surface(rows: Rows) -> Rows:
        z = low + width * rows - best
        away, ripple = np.sqrt((z * z).mean(axis=1)), np.cos(2 * np.pi * z).mean(axis=1)
        return -(20 + np.e - 20 * np.exp(-0.2 * away) - np.exp(ripple))

    return Draft(columns, surface, [(best - low) / width], is_exact=True)


def recipe(_: np.random.Generator, __: int) -> Draft:
    """Return a recipe: each colour has its own best count and weight; a ripple; a price of count times weight."""
    heights, counts, weights, widths = np.array(list(_COLOURS.values())).T

    def surface(rows: Rows) -> Rows:
        of, n, weight = rows[:, 1].astype(int), np.rint(5 * rows[:, 0]), 203 * rows[:, 2] - 3
        away = (weight - weights[of] - 6 * (n - counts[of])) / widths[of]
        bump = heights[of] * np.exp(-(away**2) - ((n - counts[of]) / 2.2) ** 2)
        return 10 * bump + 0.6 * np.sin(weight / 23.0) - 0.004 * n * weight

    columns: dict[str, dict[str, Any]] = {
        "n": {"vtype": "int", "min": 0, "max": 5},
        "colour": {"vtype": "cat", "options": list(_COLOURS)},
        "weight": {"vtype": "cont", "min": -3.0, "max": 200.0},
    }
    return Draft(columns, surface)


PUBLISHED: dict[str, Callable[[np.random.Generator, int], Draft]] = {
    "branin": branin,
    "hartmann": hartmann,
    "ackley": ackley,
    "recipe": recipe,
    "hartmann_noisy": hartmann_noisy,
}
"""Classes of a single instance each, of index 0."""
