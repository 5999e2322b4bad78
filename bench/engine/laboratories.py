"""Makers of test problems like those of laboratories: tables of options, measured plateaus, one long list of options.

A factor is a covariate with the hidden properties of its options or levels, an array of shape (levels, properties).
"""

from collections.abc import Callable

import numpy as np
import shapes
import trees
from drafts import Column, Draft, box, cat_column, cont_column, int_column, lookup, shuffled
from numpy.typing import NDArray
from shapes import Rows

FEWEST, MOST = 200, 10_000
"""How many cells a table of reactions has."""
MANY = 12
"""How many options the longest list has at least where options have descriptors."""


def reactions(rng: np.random.Generator, index: int) -> Draft:
    """Draw a table of reactions: three to five categories of 3 to 24 options, up to two whole numbers.

    An option has two to four hidden properties, and so has what it does: a smooth function of the properties of one
    covariate, less of two or three of them together. One or two covariates dominate; every other time the category of
    the most options matters little. Three times of four the outcome is a yield, which has a floor, where most cells
    may lie, and a ceiling. Each cell has a fixed deviation of its own.
    """
    draft, _ = _reactions(rng, 3)
    return shuffled(rng, draft)


def described(rng: np.random.Generator, index: int) -> Draft:
    """Draw a table of reactions whose options have descriptors that tell something of what they do."""
    draft, properties = _reactions(rng, MANY)
    for name, own in properties.items():
        draft.columns[name]["descriptors"] = _descriptors(rng, draft.columns[name]["options"], own)
    return shuffled(rng, draft)


def misdescribed(rng: np.random.Generator, index: int) -> Draft:
    """Draw a table of reactions whose options have the descriptors of others, which tell nothing."""
    draft, properties = _reactions(rng, MANY)
    for name, own in properties.items():
        draft.columns[name]["descriptors"] = _descriptors(rng, draft.columns[name]["options"], rng.permutation(own))
    return shuffled(rng, draft)


def _descriptors(rng: np.random.Generator, options: list[str], properties: Rows) -> dict[str, dict[str, float]]:
    """Draw what a chemist would know of options: hidden properties mixed, bent and blurred, and what does not matter.

    Args:
        rng: Draws all that.
        options: The o options.
        properties: The hidden properties that decide what each does, shape (o, p).
    """
    n, p = properties.shape
    n_telling, n_idle = int(rng.integers(p, 2 * p + 1)), int(rng.integers(1, 7))
    mixes = np.vstack([np.eye(p), rng.normal(size=(n_telling - p, p))])
    mixes = mixes + 0.3 * rng.normal(size=mixes.shape)
    telling = properties @ mixes.T
    telling += rng.uniform(0, 0.4) * telling.std(axis=0) * rng.normal(size=telling.shape)
    bends: list[Callable[[Rows], Rows]] = [lambda x: x, np.tanh, lambda x: np.exp(0.7 * x)]
    columns: list[Rows] = [bends[rng.integers(3)](column) for column in telling.T]
    for _ in range(n_idle):
        drawn = rng.normal(size=(n, 1))
        columns.append((drawn if rng.random() < 0.7 else np.sign(drawn))[:, 0])
    scales = shapes.log_uniform(rng, 1e-2, 1e3, len(columns))
    table = np.stack(columns, axis=1) * scales
    return {
        option: {f"d{k}": float(f"{value:.4g}") for k, value in enumerate(row)}
        for option, row in zip(options, table, strict=True)
    }


def _reactions(rng: np.random.Generator, longest: int) -> tuple[Draft, dict[str, Rows]]:
    """Draw a table of reactions, and the hidden properties of each category's options, shape (options, properties).

    The longest list has so many options at least.
    """
    sizes: list[int] = [0]
    while not FEWEST <= np.prod(sizes, dtype=int) <= MOST or max(sizes) < longest:
        n_cats, n_levels = int(rng.integers(3, 6)), rng.integers(3, 6, rng.integers(0, 3))
        sizes = [*shapes.log_uniform(rng, 3, 25, n_cats).astype(int).tolist(), *n_levels.tolist()]
    columns: dict[str, Column] = {f"c{j}": cat_column(size) for j, size in enumerate(sizes[:n_cats])}
    columns |= {f"n{j}": int_column(rng, size) for j, size in enumerate(sizes[n_cats:])}
    factors = [rng.normal(size=(size, rng.integers(2, 5))) for size in sizes[:n_cats]]
    factors += [np.linspace(-1.5, 1.5, size)[:, None] for size in sizes[n_cats:]]

    weights = shapes.log_uniform(rng, 0.1, 0.5, len(sizes))
    n_dominant = int(rng.integers(1, 3))
    weights[rng.permutation(len(sizes))[:n_dominant]] = rng.uniform(0.7, 1.2, n_dominant)
    if rng.random() < 0.5:
        weights[np.argmax(sizes[:n_cats])] = rng.uniform(0, 0.15)
    together, n_groups = np.zeros(sizes), int(rng.integers(1, 4))
    for _ in range(n_groups):
        chosen = np.sort(rng.permutation(len(sizes))[: rng.integers(2, 4)])
        together = together + _joint(rng, factors, chosen) * rng.uniform(0.3, 1)
    share = rng.uniform(0.2, 0.6) * np.linalg.norm(weights) / together.std()
    activity = share * together + sum(w * _joint(rng, factors, np.array([j])) for j, w in enumerate(weights))
    activity /= activity.std()

    deviation = rng.uniform(0.01, 0.04) * rng.normal(size=activity.shape)
    if rng.random() < 0.75:
        steepness, middle = shapes.log_uniform(rng, 1.5, 4), np.quantile(activity, rng.uniform(0.55, 0.97))
        table = 1 / (1 + np.exp(-steepness * (activity - middle)))
        table = np.maximum(table + deviation * (0.2 + 0.8 * table), 0)
    else:
        table = activity + deviation * np.ptp(activity)
    properties = {f"c{j}": factor for j, factor in enumerate(factors[:n_cats])}
    return Draft(columns, lookup(columns, table)), properties


def _joint(rng: np.random.Generator, factors: list[Rows], chosen: NDArray[np.int64]) -> Rows:
    """Draw what some factors do together and none of them alone, with standard deviation 1 over the cells.

    Returns:
        Array with an axis for each factor, of length 1 for those that are not chosen.
    """
    sizes = [len(factors[j]) for j in chosen]
    cells = np.indices(sizes).reshape(len(sizes), -1)
    properties = np.hstack([factors[j][levels] for j, levels in zip(chosen, cells, strict=True)])
    effect = shapes.gp_path(rng, properties.shape[1], (1, 4))(properties).reshape(sizes)
    effect -= effect.mean()
    if len(sizes) > 1:
        for axis in range(len(sizes)):
            effect -= effect.mean(axis=tuple(j for j in range(len(sizes)) if j != axis), keepdims=True)
    shape = np.ones(len(factors), int)
    shape[chosen] = sizes
    effect /= effect.std()
    return effect.reshape(shape)


def forests(rng: np.random.Generator, index: int) -> Draft:
    """Draw plateaus and steps: a forest grown on noisy measurements of a smooth function of three to seven numbers.

    One to three numbers dominate. Every other time the measurements have a floor, and every other time they lie on a
    grid, as those of a planned experiment do.
    """
    d, n = int(rng.integers(3, 8)), int(shapes.log_uniform(rng, 150, 1500))
    points = rng.random((n, d))
    if rng.random() < 0.5:
        tops = rng.integers(3, 10, d)
        points = np.rint(points * tops) / tops
    weights = shapes.log_uniform(rng, 0.05, 0.4, d)
    n_dominant = int(rng.integers(1, 4))
    weights[rng.permutation(d)[:n_dominant]] = rng.uniform(0.7, 1.2, n_dominant)
    truth = shapes.gp_path(rng, d, (0.25, 0.6))(points * weights)
    if rng.random() < 0.5:
        truth = np.maximum(truth, np.quantile(truth, rng.uniform(0.2, 0.6)))
    truth = (truth - truth.mean()) / truth.std()
    measured = truth + rng.uniform(0.03, 0.3) * rng.normal(size=n)
    forest = trees.grow(rng, points, measured, n_tries=int(rng.integers(d, 3 * d)), n_least=int(rng.integers(2, 6)))
    return Draft(box(rng, d), forest, list(points[np.argsort(-measured)[:20]]))


def many_options(rng: np.random.Generator, index: int) -> Draft:
    """Draw a category of 40 to 100 options with an effect each, and one to three other covariates.

    So there are too many options to try them all. The surface over the numbers is more or less the same for all.
    """
    n, n_others = int(rng.integers(40, 101)), int(rng.integers(1, 4))
    kinds = rng.choice(["cont", "int", "cat"], n_others, p=[0.5, 0.25, 0.25])
    columns: dict[str, Column] = {"c0": cat_column(n)}
    effects = [rng.uniform(0.5, 1.5) * rng.normal(size=n)]
    for j in range(1, 1 + np.count_nonzero(kinds == "cat")):
        size = int(rng.integers(3, 7))
        columns[f"c{j}"] = cat_column(size)
        effects.append(rng.uniform(0.3, 1) * rng.normal(size=size))
    for j, kind in enumerate(kinds[kinds != "cat"]):
        columns[f"x{j}"] = cont_column(rng) if kind == "cont" else int_column(rng, int(rng.integers(4, 13)))
    n_cats, n_numbers = len(effects), len(columns) - len(effects)
    places = rng.uniform(0, 1) * rng.normal(size=(n, 1))
    path = shapes.gp_path(rng, 1 + n_numbers, (0.3, 1.5))

    def surface(rows: Rows) -> Rows:
        options = rows[:, :n_cats].astype(int)
        total = path(np.hstack([places[options[:, 0]], rows[:, n_cats:]]))
        for j, effect in enumerate(effects):
            total = total + effect[options[:, j]]
        return total

    return shuffled(rng, Draft(columns, surface))
