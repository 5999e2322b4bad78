"""Write the markdown tables of docs/engine.md from the lines that run.py wrote.

``tables.py RUNS...`` writes the tables of the generated test problems, and of real data that are split. With
``--published`` it writes those of the published ones and with ``--real`` those of the other real data, where a cell is
the median over the seeds. ``tables.py --pairs RUNS...`` compares each peer with ours on the instances that both have,
which is fair to a slow peer that has few. The last table is always that of `compare`.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from compare import comparison_table, reach_table, table_head, table_line
from functions import CLASSES, NEEDS, REPORT
from published import PUBLISHED
from real import DESCRIBED, REAL, SPLIT
from summary import Record, read, step_seconds, unique

Scores = dict[tuple[str, str], dict[str, float]]
"""By peer and class, the score of each case; a case is an instance, or a seed if the class has one instance."""


def generated_scores(records: list[Record]) -> Scores:
    """Return the scores by peer and class; a case is an instance, its score the mean over its seeds."""
    seeds = defaultdict(list)
    for record in records:
        seeds[record["peer"], record["cls"], record["problem"]].append(record["score"])
    scores: Scores = defaultdict(dict)
    for (peer, cls, problem), values in seeds.items():
        scores[peer, cls][problem] = float(np.mean(values))
    return scores


def single_scores(records: list[Record]) -> Scores:
    """Return the scores by peer and class; a case is a seed."""
    scores: Scores = defaultdict(dict)
    for record in records:
        scores[record["peer"], record["cls"]][str(record["seed"])] = record["score"]
    return scores


def quality_table(scores: Scores, ours: str, groups: list[str], average: Callable[[list[float]], float]) -> list[str]:
    """Write the table of scores: the best score in each row is bold, so a loss of ours stands out.

    The last column is our score less that of the best other peer, over the cases that both have, with the standard
    error of the mean difference. A cell with a dagger lacks cases that ours has.
    """
    peers = [ours, *sorted({peer for peer, _ in scores} - {ours})]
    lines = table_head(["", *peers, f"{ours} less the best other"])
    cells = {key: average(list(cases.values())) for key, cases in scores.items()}
    for group in groups:
        present = [peer for peer in peers if (peer, group) in cells]
        if ours not in present:
            continue
        top = max(round(cells[peer, group], 2) for peer in present)
        row = [_cell(scores, cells, ours, peer, group, top) for peer in peers]
        lines.append(table_line([group, *row, _lead(scores, cells, ours, present, group)]))
    lines.append(_means("mean", cells, peers, groups))
    if average is not _mean:
        of_all = {key: _mean(list(cases.values())) for key, cases in scores.items()}
        lines.append(_means("mean of all runs", of_all, peers, groups))
    return lines


def pairs_table(scores: Scores, ours: str, groups: list[str]) -> list[str]:
    """Write a table of pairs: each peer's mean, our mean on the same cases, and the number of these cases.

    The last column is our lead over the strongest peer.
    """
    peers = sorted({peer for peer, _ in scores} - {ours})
    lines = table_head(["", *peers, f"{ours} less the strongest of these"])
    for group in groups:
        mine, cells, leads = scores[ours, group], [], []
        for peer in peers:
            theirs = scores.get((peer, group), {})
            both = sorted(mine.keys() & theirs.keys())
            cells.append("-")
            if both:
                rival, own = _mean([theirs[case] for case in both]), _mean([mine[case] for case in both])
                cells[-1] = f"{_bold(rival, rival > own)} : {_bold(own, own >= rival)} ({len(both)})"
                leads.append((_mean([mine[case] - theirs[case] for case in both]), peer))
        if leads:
            strongest = min(leads)[1]
            lines.append(table_line([group, *cells, _gap(mine, scores[strongest, group], strongest)]))
    return lines


def speed_table(records: list[Record], ours: str) -> list[str]:
    """Write the table of processor seconds of a tell and an ask at the 50th observation, and of runs cut short."""
    peers = [ours, *sorted({record["peer"] for record in records} - {ours})]
    lines = table_head(["", "tell and ask at n = 50, median, s", "95th percentile, s", "runs", "cut short"])
    for peer in peers:
        runs: list[Record] = [{"workers": 1} | record for record in records if record["peer"] == peer]
        middle, high = step_seconds(runs)
        n_cut = sum(run["stop"] != "done" for run in runs)
        lines.append(table_line([peer, f"{middle:.2g}", f"{high:.2g}", str(len(runs)), str(n_cut)]))
    return lines


def losses(scores: Scores, ours: str, groups: list[str], average: Callable[[list[float]], float]) -> list[str]:
    """List every group and peer in which ours is behind, the largest gap first."""
    cells = {key: average(list(cases.values())) for key, cases in scores.items()}
    behind = [
        (cells[ours, group] - cell, group, peer)
        for (peer, group), cell in cells.items()
        if peer != ours and group in groups and (ours, group) in cells and cell > cells[ours, group]
    ]
    return [f"- {group}: {peer} is ahead by {-gap:.2f}" for gap, group, peer in sorted(behind)] or ["- none"]


def _cell(scores: Scores, cells: dict[tuple[str, str], float], ours: str, peer: str, group: str, top: float) -> str:
    if (peer, group) not in cells:
        return "-"
    is_partial = bool(scores[ours, group].keys() - scores[peer, group].keys())
    cell = cells[peer, group]
    return _bold(cell, round(cell, 2) == top) + ("†" if is_partial else "")


def _lead(scores: Scores, cells: dict[tuple[str, str], float], ours: str, present: list[str], group: str) -> str:
    others = [peer for peer in present if peer != ours]
    if not others:
        return "-"
    rival = max(others, key=lambda peer: cells[peer, group])
    mine, theirs = scores[ours, group], scores[rival, group]
    if len(mine.keys() & theirs.keys()) < 3:
        return f"{cells[ours, group] - cells[rival, group]:+.2f}"
    return _gap(mine, theirs, rival)


def _gap(mine: dict[str, float], theirs: dict[str, float], rival: str) -> str:
    gaps = np.array([mine[case] - theirs[case] for case in sorted(mine.keys() & theirs.keys())])
    error = gaps.std(ddof=1) / len(gaps) ** 0.5 if len(gaps) > 1 else np.nan
    return f"{gaps.mean():+.2f} ± {error:.2f} ({rival})"


def _means(title: str, cells: dict[tuple[str, str], float], peers: list[str], groups: list[str]) -> str:
    """Write the row of means over groups, less those that only some of the peers are able to play."""
    shared = [group for group in groups if group not in NEEDS or all((peer, group) in cells for peer in peers)]
    means = [_mean_over(cells, peer, shared) for peer in peers]
    best = np.nanmax(means)
    return table_line([title, *(_bold(mean, mean == best) if mean == mean else "-" for mean in means), ""])


def _mean_over(cells: dict[tuple[str, str], float], peer: str, groups: list[str]) -> float:
    wanted = [cells.get((peer, group), np.nan) for group in groups]
    return round(float(np.mean(wanted)), 2)


def _bold(value: float, is_bold: bool) -> str:
    return f"**{value:.2f}**" if is_bold else f"{value:.2f}"


def _is_for_tuning(record: Record) -> bool:
    return record["cls"] not in SPLIT and int(record["problem"].rpartition("-")[2]) < REPORT


def _median(values: list[float]) -> float:
    return float(np.median(values))


def _mean(values: list[float]) -> float:
    return float(np.mean(values))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", help="files of JSON lines")
    parser.add_argument("--ours", default="autotune", help="the peer that the others are compared with")
    parser.add_argument("--published", action="store_true", help="the published test problems, not the generated ones")
    parser.add_argument("--real", action="store_true", help="the real data, not the generated test problems")
    parser.add_argument("--pairs", action="store_true", help="each peer beside ours, on the instances that both have")
    parser.add_argument("--tuning", action="store_true", help="the instances for tuning, not those for reporting")
    options = parser.parse_args()
    records = read(options.runs)
    single = PUBLISHED if options.published else REAL | DESCRIBED if options.real else {}
    if single:
        records = [record for record in records if record["cls"] in single]
        scores, average, groups = single_scores(records), _median, list(single)
    else:
        several = CLASSES | SPLIT
        records = [r for r in records if r["cls"] in several and _is_for_tuning(r) == options.tuning]
        scores, average, groups = generated_scores(records), _mean, list(several)
    groups = [cls for cls in groups if (options.ours, cls) in scores]
    if options.pairs:
        print("\n".join(pairs_table(scores, options.ours, groups)))
    else:
        print("\n".join(quality_table(scores, options.ours, groups, average)))
        print("\n" + "\n".join(speed_table(records, options.ours)))
        print(f"\nWhere {options.ours} is behind:\n\n" + "\n".join(losses(scores, options.ours, groups, average)))
    if options.real:
        print("\n" + "\n".join(reach_table(records, options.ours)))
    print("\n" + "\n".join(comparison_table(records, options.ours, groups)))
    n_cases = max(len(cases) for cases in scores.values())
    machines = unique([record["machine"] for record in records if "machine" in record])
    print(f"\n{len(records)} runs, up to {n_cases} cases a cell. {'; '.join(machines)}")


if __name__ == "__main__":
    main()
