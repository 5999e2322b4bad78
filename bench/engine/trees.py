"""Forests of regression trees as arrays, which all rows walk down together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapes import Rows

Indices = NDArray[np.int32]
AT_ONCE = 1000
"""Rows that walk together; more of them leave the processor's cache."""


@dataclass(frozen=True)
class Forest:
    """Regression trees whose nodes share arrays; a leaf leads to itself.

    Args:
        roots: The node at which each tree starts.
        columns: The column that each node looks at.
        thresholds: A row goes left at a node if its value in that column is at most this.
        below: The nodes to the left and to the right of each node, of shape (nodes, 2).
        values: The value of each leaf.
        depth: The most steps from a root to a leaf.
    """

    roots: Indices
    columns: Indices
    thresholds: Rows
    below: Indices
    values: Rows
    depth: int

    def __call__(self, rows: Rows) -> Rows:
        """Return, for each row, the mean over the trees of the leaf that the row reaches."""
        return np.concatenate([self._walk(rows[i : i + AT_ONCE]) for i in range(0, len(rows), AT_ONCE)])

    def _walk(self, rows: Rows) -> Rows:
        at, each = np.tile(self.roots, (len(rows), 1)), np.arange(len(rows))[:, None]
        for _ in range(self.depth):
            is_right = rows[each, self.columns[at]] > self.thresholds[at]
            at = self.below[at, is_right.astype(np.int8)]
        means: Rows = self.values[at].mean(axis=1)
        return means


def grow(
    rng: np.random.Generator, points: Rows, values: Rows, n_tries: int, n_least: int, n_trees: int = 100
) -> Forest:
    """Grow extremely randomized trees, each on points drawn with replacement.

    A node compares some random splits, each at a random threshold within the range of a random column, and takes the
    one that explains most of the variance. All trees grow together, a level at a time.

    Args:
        rng: Draws the points of each tree, the columns and the thresholds.
        points: Where the values were measured, of shape (n, d).
        values: What was measured, of shape (n,).
        n_tries: How many splits a node compares.
        n_least: The fewest points of a node that is split.
        n_trees: How many trees there are.
    """
    n, d = points.shape
    drawn = rng.integers(n, size=n_trees * n)
    node = np.repeat(np.arange(n_trees), n)
    levels, first = [], 0
    while len(node):
        order = np.argsort(node, kind="stable")
        drawn, node = drawn[order], node[order] - first
        level = _Level(points[drawn], values[drawn], node)
        for _ in range(n_tries):
            level.compare(rng.integers(d, size=level.n_nodes), rng.random(level.n_nodes))
        is_split = level.is_worth(n_least)
        next_first = first + level.n_nodes
        left = np.where(is_split, next_first + 2 * (np.cumsum(is_split) - 1), first + np.arange(level.n_nodes))
        levels.append((level, np.column_stack([left, left + is_split])))
        goes_on = is_split[node]
        node = (left[node] + level.is_right())[goes_on]
        drawn, first = drawn[goes_on], next_first
    return Forest(
        roots=np.arange(n_trees, dtype=np.int32),
        columns=np.concatenate([level.column for level, _ in levels]).astype(np.int32),
        thresholds=np.concatenate([level.threshold for level, _ in levels]),
        below=np.concatenate([below for _, below in levels]).astype(np.int32),
        values=np.concatenate([level.mean for level, _ in levels]),
        depth=len(levels) - 1,
    )


class _Level:
    """The nodes of one level of all trees, with the best split found so far for each.

    Args:
        points: The points in the nodes, of shape (m, d), those of one node beside each other.
        values: The value of each of them.
        node: The node of each of them, counted from 0 in this level; no node is empty.
    """

    def __init__(self, points: Rows, values: Rows, node: NDArray[np.intp]) -> None:
        self.points, self.values, self.node = points, values, node
        self.sizes = np.bincount(node)
        self.n_nodes = len(self.sizes)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.sums = np.add.reduceat(values, self.starts)
        self.mean = self.sums / self.sizes
        self.explained = self.sums * self.mean
        self.best = np.full(self.n_nodes, -np.inf)
        self.column = np.zeros(self.n_nodes, int)
        self.threshold = np.zeros(self.n_nodes)

    def compare(self, column: NDArray[np.int64], share: Rows) -> None:
        """Try a split at each node: in this column, at this share of the way from its least to its greatest value."""
        x = self.points[np.arange(len(self.node)), column[self.node]]
        low, high = np.minimum.reduceat(x, self.starts), np.maximum.reduceat(x, self.starts)
        threshold = low + share * (high - low)
        is_left = x <= threshold[self.node]
        n_left = np.add.reduceat(is_left, self.starts, dtype=int)
        n_right = self.sizes - n_left
        left = np.add.reduceat(self.values * is_left, self.starts)
        explained = left**2 / np.maximum(n_left, 1) + (self.sums - left) ** 2 / np.maximum(n_right, 1)
        is_better = (n_left > 0) & (n_right > 0) & (explained > self.best)
        self.best = np.where(is_better, explained, self.best)
        self.column = np.where(is_better, column, self.column)
        self.threshold = np.where(is_better, threshold, self.threshold)

    def is_worth(self, n_least: int) -> NDArray[np.bool_]:
        """Return which nodes are split: those with points enough and a split that explains something."""
        return (self.sizes >= n_least) & (self.best > self.explained + 1e-9 * np.abs(self.explained))

    def is_right(self) -> NDArray[np.bool_]:
        """Return which points go right at the best split of their node."""
        return self.points[np.arange(len(self.node)), self.column[self.node]] > self.threshold[self.node]
