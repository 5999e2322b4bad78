"""Compare peers side by side, run by run: means, medians, the worst runs, paired differences, times."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from functions import CLASSES, NEEDS, make
from real import DESCRIBED, TABLES
from shapes import Rows
from summary import Record, step_seconds

Key = tuple[str, int, int]
"""What two runs that are compared have in common: the test problem, the seed and the number of workers."""
Runs = dict[Key, Record]
"""The runs of one peer in one class."""
HALF, WHOLE = "score_half", "score"
NEAR, N_EARLY = 0.95, 20
"""The share of the best value that counts as reached, and the number of evaluations in which to reach it."""


@dataclass(frozen=True)
class Gap:
    """The mean difference between two peers' runs, and its standard error."""

    mean: float
    error: float

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ± {self.error:.2f}"


def comparison_table(records: list[Record], ours: str, groups: list[str]) -> list[str]:
    """Write a row for each class and peer, with the scores at half and at the whole of the budget.

    A difference is ours less the peer's over the runs that both have made with the same test problem and seed. Its
    standard error is that over instances, or over seeds if the class has one instance. The last rows are over the runs
    of all classes, less those that only some of the peers are able to play; their difference is the mean of those of
    the classes. A dagger marks a peer that lacks runs that ours has made.
    """
    runs: dict[tuple[str, str], Runs] = defaultdict(dict)
    for record in records:
        runs[record["cls"], record["peer"]][_key(record)] = record
    peers = _peers_of(records, ours)
    lines = table_head([
        *("", "peer", "runs"),
        *(f"half the budget: {title}" for title in ("mean", "median", "worst fifth", f"{ours} less it")),
        *(f"whole budget: {title}" for title in ("mean", "median", "worst fifth", f"{ours} less it")),
        *("runs below random search's median", "tell and ask at n = 50, s", f"{ours}'s time over its"),
    ])  # fmt: skip
    shared = [group for group in groups if group not in NEEDS or all(runs[group, peer] for peer in peers)]
    for title, members in [*((group, [group]) for group in groups), ("all", shared)]:
        if title == "all" and len(groups) == 1:
            break
        for peer in peers:
            pairs = [(runs[group, ours], runs[group, peer]) for group in members]
            if any(theirs for _, theirs in pairs):
                lines.append(table_line([title, peer, *_cells(pairs, is_ours=peer == ours)]))
    return lines


def reach_table(records: list[Record], ours: str) -> list[str]:
    """Write which share of the runs comes to 95 % of the best of a table within 20 evaluations, and of how many runs.

    The Iron Mind board of reaction optimization compares by this share. The last column is the chance that random
    search has.
    """
    peers = _peers_of(records, ours)
    lines = table_head(["", *peers, "random search, computed"])
    for name in (*TABLES, *DESCRIBED):
        cells = _values_of(name)
        goal = cells.max() - (1 - NEAR) * abs(cells.max())
        shares = []
        for peer in peers:
            early = [max(r["f"][:N_EARLY]) for r in records if r["cls"] == name and r["peer"] == peer and r["f"]]
            shares.append(f"{np.mean(np.array(early) >= goal):.2f} ({len(early)})" if early else "-")
        chance = 1 - np.mean(cells < goal) ** N_EARLY
        if any(share != "-" for share in shares):
            lines.append(table_line([name, *shares, f"{chance:.2f}"]))
    return lines


def table_head(titles: list[str]) -> list[str]:
    """Write the first two lines of a table."""
    return [table_line(titles), "|" + "---|" * len(titles)]


def table_line(cells: list[str]) -> str:
    """Write a line of a table."""
    return "| " + " | ".join(cells) + " |"


def _peers_of(records: list[Record], ours: str) -> list[str]:
    return [ours, *sorted({record["peer"] for record in records} - {ours})]


def _key(record: Record) -> Key:
    return record["problem"], record["seed"], record["workers"]


def _values_of(name: str) -> Rows:
    test_problem = make(name, 0)
    cells = test_problem.cells()
    assert cells is not None
    return test_problem.surface(cells)


def _cells(pairs: list[tuple[Runs, Runs]], is_ours: bool) -> list[str]:
    """Write what a row has after its title and peer, from the runs of ours and of the peer in each class."""
    played = [record for _, theirs in pairs for record in theirs.values()]
    is_partial = any(ours.keys() - theirs.keys() for ours, theirs in pairs)
    cells = [f"{len(played)}{'†' if is_partial else ''}"]
    for score in (HALF, WHOLE):
        scores = [record[score] for record in played]
        cells += [f"{average(scores):.2f}" for average in AVERAGES]
        cells.append("" if is_ours else str(_gap(pairs, score)))
    cells.append(str(sum(record[WHOLE] < 0 for record in played)))
    seconds = step_seconds(played)[0]
    own = step_seconds([record for ours, theirs in pairs if theirs for record in ours.values()])[0]
    cells.append(f"{seconds:.2g}")
    return [*cells, f"{own / seconds:.2g}" if seconds and not is_ours else ""]  # random search's time may round to 0


def _gap(pairs: list[tuple[Runs, Runs]], score: str) -> Gap:
    """Return the mean of the classes' differences, of which each has an error of its own."""
    gaps = [_gap_in_class(ours, theirs, score) for ours, theirs in pairs if ours.keys() & theirs.keys()]
    if not gaps:
        return Gap(np.nan, np.nan)
    error = np.linalg.norm([gap.error for gap in gaps]) / len(gaps)
    return Gap(float(np.mean([gap.mean for gap in gaps])), float(error))


def _gap_in_class(ours: Runs, theirs: Runs, score: str) -> Gap:
    differences = defaultdict(list)
    for key in ours.keys() & theirs.keys():
        problem, seed, _ = key
        case = problem if ours[key]["cls"] in CLASSES else seed
        differences[case].append(ours[key][score] - theirs[key][score])
    means = np.array([np.mean(of_case) for of_case in differences.values()])
    error = means.std(ddof=1) / len(means) ** 0.5 if len(means) > 1 else np.nan
    return Gap(float(means.mean()), float(error))


def _worst_fifth(scores: list[float]) -> float:
    return float(np.mean(np.sort(scores)[: -(-len(scores) // 5)]))


AVERAGES: tuple[Callable[[list[float]], float], ...] = (np.mean, np.median, _worst_fifth)
