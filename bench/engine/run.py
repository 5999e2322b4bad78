"""Play peers on test problems, peer x problem x seed, each peer in a process of one thread on one core.

Each run appends a JSON line to ``--out``. Runs that stand there already are left out, so the script can be stopped and
resumed. The scores by class are printed at the end. ``bench/README.md`` shows the commands.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cli
from functions import NEEDS, TestProblem, observation_noise, score
from references import add_references
from registry import PEERS, Entry, find
from remote import PeerError, RemotePeer
from summary import print_summary, read

LOGS = Path(tempfile.gettempdir()) / "bench-engine-logs"
N_INIT = 5
"""Random configurations that a peer starts with, if it has an option for their number."""


@dataclass(frozen=True)
class Match:
    """One run to make: a peer on a test problem, with a seed and a number of workers."""

    peer: Entry
    label: str
    test_problem: TestProblem
    seed: int
    workers: int

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What tells the record of this match from others."""
        return self.label, self.test_problem.name, self.seed, self.workers


def play(peer: Any, test_problem: TestProblem, seed: int, workers: int, record: dict[str, Any]) -> None:
    """Play one run, telling in the order of asking, and write each step into the record as it happens."""
    noise, fixed, edit = observation_noise(test_problem, seed), test_problem.fixed(seed), test_problem.edit
    out: deque[dict[str, Any]] = deque()
    for i in range(test_problem.budget):
        while len(out) < min(workers, test_problem.budget - i):
            n_asked = i + len(out)
            if edit is not None and n_asked == edit.after:
                peer.edit_space(edit.space, edit.constraints)
            out.append(peer.ask(fixed[n_asked]))
            record["ask_s"].append(getattr(peer, "taken_s", 0.0))
            record["n_outside"] += not test_problem.is_inside(out[-1], n_asked, fixed[n_asked])
        x = out.popleft()
        truth = test_problem.f(x)
        record["part"].append(test_problem.part_of(x))
        observed = truth + noise[i]
        record["f"].append(float(f"{truth:.10g}"))
        record["y"].append(float(f"{observed:.10g}"))
        peer.tell(x, float(observed))
        record["tell_s"].append(getattr(peer, "taken_s", 0.0))


class Slot(threading.Thread):
    """Make runs one after the other on one core; a peer's process stays for its next run.

    Args:
        queue: The runs to make, shared with other slots.
        core: The core, or None for any.
        limit_s: Seconds of processor time that a run may take.
        out: The file to append to.
        lock: Guards the queue and the file.
    """

    def __init__(
        self, queue: Iterator[Match], core: int | None, limit_s: float, out: Path, lock: threading.Lock
    ) -> None:
        super().__init__()
        self.queue, self.core, self.limit_s, self.out, self.lock = queue, core, limit_s, out, lock
        self.label = ""
        self.peer: RemotePeer | None = None

    def run(self) -> None:
        """Make runs until none is left."""
        while True:
            with self.lock:
                match = next(self.queue, None)
            if match is None:
                break
            record = self.make(match)
            with self.lock, self.out.open("a") as file:
                file.write(json.dumps(record, separators=(",", ":")) + "\n")
                print(
                    f"{record['peer']:20s} {record['problem']:20s}{match.seed}  {record['stop']:8s}"
                    f"{record['wall_s']:7.1f} s  score {record['score']:.2f}",
                    flush=True,
                )
        self.leave()

    def make(self, match: Match) -> dict[str, Any]:
        """Make a run; the observations of a peer that then failed count."""
        record: dict[str, Any] = {
            "peer": match.label,
            "problem": match.test_problem.name,
            "cls": match.test_problem.cls,
            "seed": match.seed,
            "workers": match.workers,
            "machine": cli.machine(),
            "stop": "done",
            "n_outside": 0,
            "f": [],
            "y": [],
            "part": [],
            "ask_s": [],
            "tell_s": [],
        }
        start = time.monotonic()
        peer = self.get_peer(match.peer, match.label)
        try:
            space = match.test_problem.space_of_run(match.seed)
            peer.new(self.limit_s, space=space, seed=match.seed, n_init=N_INIT, **_known(match))
            play(peer, match.test_problem, match.seed, match.workers, record)
        except PeerError as error:
            record["stop"] = str(error)
            record["error"] = peer.last_words()
            self.leave()
        record["wall_s"] = round(time.monotonic() - start, 2)
        half = match.test_problem.budget // 2
        runs = record["f"], record["y"], record["part"]
        record["score_half"] = round(score(match.test_problem, *runs, half), 4)
        record["score"] = round(score(match.test_problem, *runs), 4)
        return record

    def get_peer(self, entry: Entry, label: str) -> RemotePeer:
        """Return the peer's process; start the process if it does not run."""
        if label != self.label or self.peer is None:
            self.leave()
            log = LOGS / f"{label}-{os.getpid()}-{self.core}.log"
            self.peer = RemotePeer(entry.python, entry.path, entry.cls, entry.options, entry.modules, self.core, log)
            self.label = label
        return self.peer

    def leave(self) -> None:
        """Stop the peer's process."""
        if self.peer is not None:
            self.peer.stop()
        self.peer = None


def _known(match: Match) -> dict[str, Any]:
    known: dict[str, Any] = {"budget": match.test_problem.budget, "workers": match.workers}
    if match.test_problem.earlier and "earlier" in match.peer.abilities:
        known["earlier"] = match.test_problem.earlier
    rows = match.test_problem.candidates()
    return known if rows is None else known | {"rows": rows}


def _can_play(entry: Entry, cls: str) -> bool:
    return cls not in NEEDS or NEEDS[cls] in entry.abilities


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--peer",
        default="autotune",
        help=f"with commas between them: {', '.join(PEERS)}; or autotune@FOLDER, as AutoTune is in that source tree",
    )
    parser.add_argument("--label", help="what to call the one peer in the results, to tell its versions apart")
    parser.add_argument(
        "--classes",
        default="all",
        help="with commas between them; all (of the generated ones), published, real, real_described, or real_split",
    )
    parser.add_argument("--instances", default="0-2", help="below 1000 for tuning, from 1000 on for reporting")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--workers", type=int, help="configurations out at any time; by default as the class says")
    parser.add_argument(
        "--cores", default="0", help="one run at a time on each of these, such as 0-1; none pins to none"
    )
    parser.add_argument("--limit", type=float, default=180.0, help="seconds of processor time for a run")
    parser.add_argument("--out", type=Path, default=Path("engine.jsonl"))
    return parser.parse_args()


def main() -> None:
    """Make the runs that are missing, and print the scores."""
    options = _arguments()
    test_problems = cli.test_problems(options.classes, options.instances)
    add_references(test_problems)
    LOGS.mkdir(parents=True, exist_ok=True)
    done = set()
    if options.out.exists():
        done = {(r["peer"], r["problem"], r["seed"], r["workers"]) for r in read([options.out])}
    found = [find(name) for name in options.peer.split(",")]
    peers = [(options.label or label, entry) for label, entry in found if entry.python.exists()]
    for label, entry in peers:
        for cls in sorted({test_problem.cls for test_problem in test_problems}):
            if not _can_play(entry, cls):
                print(f"{label} is left out of {cls}: its adapter has no {NEEDS[cls]}", flush=True)
    matches = [
        Match(entry, label, test_problem, seed, options.workers or test_problem.workers)
        for label, entry in peers
        for seed in cli.indices(options.seeds)
        for test_problem in test_problems
        if _can_play(entry, test_problem.cls)
    ]
    queue = iter([match for match in matches if match.key not in done])
    cores = [None] if options.cores == "none" else cli.indices(options.cores)
    lock = threading.Lock()
    slots = [Slot(queue, core, options.limit, options.out, lock) for core in cores]
    for slot in slots:
        slot.start()
    for slot in slots:
        slot.join()
    wanted = {test_problem.name for test_problem in test_problems}
    print_summary([record for record in read([options.out]) if record["problem"] in wanted])


if __name__ == "__main__":
    main()
