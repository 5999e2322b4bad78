"""Lists of candidates: libraries of which only what is there can be tried."""

import numpy as np
import shapes
from drafts import Column, Draft, shuffled
from shapes import Rows

FEWEST, MOST = 300, 5000
"""The rows of a library."""
KEPT = 0.9
"""The share of a grid that is in stock."""


def library(rng: np.random.Generator, _: int) -> Draft:
    """Draw a library of compounds in families, each with descriptors: hidden properties mixed, bent and blurred.

    The value follows from the hidden properties, and a little from nothing that a descriptor tells.
    """
    n, p = int(shapes.log_uniform(rng, FEWEST, MOST)), int(rng.integers(2, 5))
    n_families = int(rng.integers(4, 25))
    families = rng.uniform(-1, 1, (n_families, p))
    of = rng.choice(n_families, n, p=rng.dirichlet(np.full(n_families, 0.8)))
    hidden = families[of] + rng.uniform(0.1, 0.4) * rng.normal(size=(n, p))
    n_telling, n_idle = int(rng.integers(p, 2 * p + 1)), int(rng.integers(1, 5))
    mixes = np.vstack([np.eye(p), rng.normal(size=(n_telling - p, p))]) + 0.3 * rng.normal(size=(n_telling, p))
    telling = hidden @ mixes.T
    telling += rng.uniform(0, 0.2) * telling.std(axis=0) * rng.normal(size=telling.shape)
    bends = [rng.integers(3) for _ in range(n_telling)]
    bent = [
        (column, np.tanh(column), np.exp(0.7 * column))[kind] for column, kind in zip(telling.T, bends, strict=True)
    ]
    table = np.column_stack([*bent, rng.normal(size=(n, n_idle))])
    table = (table - table.min(axis=0)) / np.ptp(table, axis=0)
    path = shapes.gp_path(rng, p, (0.5, 2.0))
    values = path(hidden) - rng.uniform(0.2, 1.0) * ((hidden - families[of[0]]) ** 2).sum(axis=1)
    values += 0.05 * values.std() * rng.normal(size=n)
    columns: dict[str, Column] = {f"d{j}": {"vtype": "cont", "min": 0.0, "max": 1.0} for j in range(table.shape[1])}
    return Draft(columns, lambda rows: values[_nearest(rows, table)], listed=table)


def stock(rng: np.random.Generator, _: int) -> Draft:
    """Draw a grid of whole numbers and options with a smooth value, of which nearly all cells are in stock."""
    sizes, n_options = rng.integers(6, 13, 2), int(rng.integers(3, 9))
    columns: dict[str, Column] = {
        f"n{j}": {"vtype": "int", "min": 0, "max": int(size) - 1} for j, size in enumerate(sizes)
    }
    columns["c"] = {"vtype": "cat", "options": [f"option{i}" for i in range(n_options)]}
    path, effects = shapes.gp_path(rng, 2, (0.3, 1.5)), rng.normal(0, 0.7, n_options)
    cells = np.indices((*sizes, n_options)).reshape(3, -1).T / np.array([*(sizes - 1), 1.0])
    kept = cells[np.sort(rng.choice(len(cells), int(KEPT * len(cells)), replace=False))]
    draft = Draft(columns, lambda rows: path(rows[:, :2]) + effects[np.rint(rows[:, 2]).astype(int)], listed=kept)
    return shuffled(rng, draft)


def _nearest(rows: Rows, table: Rows) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the indices of the table's rows that are nearest to rows, shape (n,)."""
    blocks = [rows[i : i + 256] for i in range(0, len(rows), 256)]
    squares = (table**2).sum(axis=1)
    found = [np.argmin(squares - 2.0 * block @ table.T, axis=1) for block in blocks]
    return np.concatenate(found)
