"""Data of laboratories as test problems, for reports alone; ``real/README.md`` names the source of each.

Four are tables, in which every configuration of options and levels was measured. Two are random forests fitted to
measurements, as their inputs are continuous. Three of the tables are also split by one of their categories, so that an
option of it is the problem and another one the earlier campaign.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from drafts import Column, Draft, campaign, lookup
from shapes import Rows, Surface
from trees import Forest

FOLDER = Path(__file__).with_name("real")
N_EARLIER = 50
"""The runs of the earlier campaign of a table that is split."""


def _rows_of(file: str) -> list[list[str]]:
    with (FOLDER / file).open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.reader(lines))


def _table(
    rows: list[list[str]], options: dict[str, int], levels: dict[str, int], outcome: int, missing: float = np.nan
) -> Draft:
    """Read a table of measurements: an option as it is written, a level of a number as its index.

    Args:
        rows: The measurements, without a head.
        options: The place in a row of each category.
        levels: The place in a row of each number.
        outcome: The place in a row of what is maximised.
        missing: The value of a configuration that was not measured.
    """
    known: dict[str, list[str]] = {name: list(dict.fromkeys(row[j] for row in rows)) for name, j in options.items()}
    known |= {name: sorted({row[j] for row in rows}, key=float) for name, j in levels.items()}
    measured = defaultdict(list)
    for row in rows:
        cell = tuple(known[name].index(row[j]) for name, j in (options | levels).items())
        measured[cell].append(float(row[outcome]))
    table = np.full([len(values) for values in known.values()], missing)
    for cell, values in measured.items():
        table[cell] = np.mean(values)
    columns: dict[str, Column] = {name: {"vtype": "cat", "options": known[name]} for name in options}
    columns |= {name: {"vtype": "int", "min": 0, "max": len(known[name]) - 1} for name in levels}
    return Draft(columns, lookup(columns, table), is_measured=True)


def _emulator(file: str, inputs: list[str]) -> Draft:
    """Fit a random forest to measurements: the inputs, then what is maximised."""
    data = np.array(_rows_of(file), float)
    points, outcomes = data[:, :-1], data[:, -1]
    forest, low, width = _fitted(points, outcomes), points.min(axis=0), np.ptp(points, axis=0)

    def surface(rows: Rows) -> Rows:
        return forest((low + width * rows).astype(np.float32).astype(float))

    columns: dict[str, Column] = {
        name: {"vtype": "cont", "min": float(low[j]), "max": float(low[j] + width[j])} for j, name in enumerate(inputs)
    }
    hints = (points[np.argsort(-outcomes)[:20]] - low) / width
    return Draft(columns, surface, list(hints), is_measured=True)


def _fitted(points: Rows, outcomes: Rows) -> Forest:
    """Fit scikit-learn's forest; it rounds its inputs to single precision, and so must who walks down its trees."""
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        raise ImportError("hplc and suzuki_flow are emulated by scikit-learn: pip install scikit-learn") from None
    fitted = [one.tree_ for one in RandomForestRegressor(100, random_state=0).fit(points, outcomes).estimators_]
    roots = np.cumsum([0, *(tree.node_count for tree in fitted)])[:-1]
    below = []
    for root, tree in zip(roots, fitted, strict=True):
        children = np.column_stack([tree.children_left, tree.children_right])
        below.append(root + np.where(children < 0, np.arange(tree.node_count)[:, None], children))
    return Forest(
        roots=roots.astype(np.int32),
        columns=np.maximum(np.concatenate([tree.feature for tree in fitted]), 0).astype(np.int32),
        thresholds=np.concatenate([tree.threshold for tree in fitted]),
        below=np.concatenate(below).astype(np.int32),
        values=np.concatenate([tree.value[:, 0, 0] for tree in fitted]),
        depth=max(tree.max_depth for tree in fitted),
    )


def arylation(_: np.random.Generator, __: int) -> Draft:
    """Return the yield of a direct arylation, 1,728 reactions."""
    options = {"base": 1, "ligand": 2, "solvent": 3}
    return _table(_rows_of("direct_arylation.csv")[1:], options, {"concentration": 4, "temperature": 5}, 6)


def suzuki_edbo(_: np.random.Generator, __: int) -> Draft:
    """Return the conversion of a Suzuki coupling, 3,696 reactions."""
    options = {"electrophile": 0, "nucleophile": 1, "base": 2, "ligand": 3, "solvent": 4}
    return _table(_rows_of("suzuki_edbo.csv"), options, {}, 5)


def perovskites(_: np.random.Generator, __: int) -> Draft:
    """Return the band gap of 192 hybrid perovskites, with its sign changed: the least is the best."""
    draft = _table(_rows_of("perovskites.csv"), {"organic": 0, "cation": 1, "anion": 2}, {}, 3)
    gap = draft.surface
    draft.surface = lambda rows: -gap(rows)
    return draft


def buchwald_hartwig(_: np.random.Generator, __: int) -> Draft:
    """Return the yield of a Buchwald-Hartwig coupling, 4,608 reactions; nine that are missing count 0."""
    options = {"base": 0, "ligand": 1, "aryl_halide": 2, "additive": 3}
    return _table(_rows_of("buchwald_hartwig.csv"), options, {}, 4, missing=0.0)


def hplc(_: np.random.Generator, __: int) -> Draft:
    """Return the peak area of an automated chromatograph, of six numbers."""
    pump = ["sample_loop", "additional_volume", "tubing_volume", "sample_flow", "push_speed", "wait_time"]
    return _emulator("hplc.csv", pump)


def suzuki_flow(_: np.random.Generator, __: int) -> Draft:
    """Return the yield of a Suzuki coupling in flow, of four numbers."""
    return _emulator("suzuki.csv", ["temperature", "pd_mol", "arbpin", "k3po4"])


def _described(table: Callable[[np.random.Generator, int], Draft]) -> Callable[[np.random.Generator, int], Draft]:
    """Return the maker of a table whose options have the descriptors that were published with it."""

    def described(rng: np.random.Generator, index: int) -> Draft:
        draft = table(rng, index)
        known = json.loads((FOLDER / "descriptors" / f"{table.__name__}.json").read_text())
        for name, descriptors in known.items():
            draft.columns[name]["descriptors"] = descriptors
        return draft

    return described


def _split(table: Callable[[np.random.Generator, int], Draft], by: str) -> Callable[[np.random.Generator, int], Draft]:
    """Return the maker of problems at one option of a table's category, with a campaign at another one."""

    def split(rng: np.random.Generator, index: int) -> Draft:
        """Draw the two options, and the runs of the campaign: half at random, half among the best fifth."""
        draft = table(rng, index)
        column = list(draft.columns).index(by)
        here, there = rng.permutation(len(draft.columns[by]["options"]))[:2]
        del draft.columns[by]
        whole = draft.surface

        def at(option: int) -> Surface:
            return lambda rows: whole(np.insert(rows, column, option, axis=1))

        sizes = [len(c["options"]) if c["vtype"] == "cat" else c["max"] + 1 for c in draft.columns.values()]
        tops = [1 if c["vtype"] == "cat" else c["max"] for c in draft.columns.values()]
        cells = np.indices(sizes).reshape(len(sizes), -1).T / tops
        draft.surface = at(here)
        draft.earlier.append(campaign(rng, N_EARLIER, cells, at(there)(cells), len(cells) // 5))
        return draft

    return split


DESCRIBED: dict[str, Callable[[np.random.Generator, int], Draft]] = {
    f"{table.__name__}_described": _described(table) for table in (arylation, buchwald_hartwig)
}
"""The tables whose options have published descriptors, with these."""
SPLIT: dict[str, Callable[[np.random.Generator, int], Draft]] = {
    "arylation_by_base": _split(arylation, "base"),
    "suzuki_by_electrophile": _split(suzuki_edbo, "electrophile"),
    "buchwald_by_halide": _split(buchwald_hartwig, "aryl_halide"),
}
"""The tables at one option of a category, with an earlier campaign at another one; these have several instances."""
REAL: dict[str, Callable[[np.random.Generator, int], Draft]] = {
    "arylation": arylation,
    "suzuki_edbo": suzuki_edbo,
    "perovskites": perovskites,
    "buchwald_hartwig": buchwald_hartwig,
    "hplc": hplc,
    "suzuki_flow": suzuki_flow,
}
"""Classes of a single instance each, of index 0."""
TABLES = ("arylation", "suzuki_edbo", "perovskites", "buchwald_hartwig")
"""Those in which every configuration was measured."""
