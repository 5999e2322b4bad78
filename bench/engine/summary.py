"""Print scores by class, the mean over instances and seeds. ``summary.py FILE...`` prints those of files of runs."""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]


def read(names: list[str] | list[Path]) -> list[Record]:
    """Read the runs of some files of JSON lines."""
    return [json.loads(line) for name in names for line in Path(name).read_text().splitlines()]


def mean_scores(records: list[Record], key: str = "score") -> dict[tuple[str, str], tuple[float, float, int]]:
    """Return, by peer and class, the mean score, its standard error over instances, and the number of runs."""
    by_instance = defaultdict(list)
    for record in records:
        by_instance[record["peer"], record["cls"], record["problem"]].append(record[key])
    by_class = defaultdict(list)
    for (peer, cls, _), scores in by_instance.items():
        by_class[peer, cls].append((np.mean(scores), len(scores)))
    answer = {}
    for place, pairs in by_class.items():
        means = np.array([mean for mean, _ in pairs])
        error = means.std(ddof=1) / len(means) ** 0.5 if len(means) > 1 else np.nan
        answer[place] = (float(means.mean()), float(error), sum(n for _, n in pairs))
    return answer


def step_seconds(records: list[Record], n: int = 50) -> tuple[float, float]:
    """Return the median and the 95th percentile, in seconds, of a tell with the ask after it.

    The five asks up to the nth count.
    """
    times = [
        record["ask_s"][k] + record["tell_s"][k - record["workers"]]
        for record in records
        for k in range(n - 5, min(n, len(record["ask_s"])))
        if 0 <= k - record["workers"] < len(record["tell_s"])
    ]
    return (float(np.median(times)), float(np.percentile(times, 95))) if times else (np.nan, np.nan)


def unique(values: list[str]) -> list[str]:
    """Return each value once, in the order of first appearance."""
    return list(dict.fromkeys(values))


def print_summary(records: list[Record]) -> None:
    """Print a row per class and a column per peer."""
    peers = unique([record["peer"] for record in records])
    classes = unique([record["cls"] for record in records])
    width = max([15, *(len(peer) + 2 for peer in peers)])
    margin = max(len(title) + 1 for title in ["tell+ask n=50", *classes])
    print("\nmean score (half the budget), 0 is random search, 1 the optimum; over runs")
    print(" " * margin + "".join(f"{peer:>{width}s}" for peer in peers))
    whole, half = mean_scores(records), mean_scores(records, "score_half")
    for cls in classes:
        cells = [
            f"{whole[peer, cls][0]:.3f} ({half[peer, cls][0]:.2f})" if (peer, cls) in whole else "-" for peer in peers
        ]
        print(f"{cls:{margin}s}" + "".join(f"{cell:>{width}s}" for cell in cells))
    means = [np.mean([whole[peer, cls][0] if (peer, cls) in whole else np.nan for cls in classes]) for peer in peers]
    print(f"{'all':{margin}s}" + "".join(f"{mean:>{width}.3f}" for mean in means))
    for title, row in (
        ("tell+ask n=50", [step_seconds([r for r in records if r["peer"] == p])[0] for p in peers]),
        ("runs", [sum(r["peer"] == p for r in records) for p in peers]),
        ("cut short", [sum(r["peer"] == p and r["stop"] != "done" for r in records) for p in peers]),
        ("outside", [sum(r["n_outside"] for r in records if r["peer"] == p) for p in peers]),
    ):
        print(f"{title:{margin}s}" + "".join(f"{value:>{width}.3g}" for value in row))


if __name__ == "__main__":
    print_summary(read(sys.argv[1:]))
