"""Plays peers on generated problems: peer x problem x seed, each peer in a process of its own, one thread on one core.

Appends one JSON line per run to ``--out``; runs that stand there already are left out, so it can be stopped and
resumed. Prints the scores by class at the end. ``bench/README.md`` shows the commands.
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
from functions import Problem, observation_noise, score
from references import add_references
from registry import PEERS
from remote import PeerError, RemotePeer
from summary import print_summary, read

LOGS = Path(tempfile.gettempdir()) / "bench-engine-logs"
N_INIT = 5
"""Random configurations that a peer starts with, where it lets one choose."""


@dataclass(frozen=True)
class Job:
    """A run to make."""

    peer: str
    label: str
    problem: Problem
    seed: int
    workers: int


def play(peer: Any, problem: Problem, seed: int, workers: int, record: dict[str, Any]) -> None:
    """Play one run, telling in the order of asking, and write what happens into the record as it happens."""
    noise, out = observation_noise(problem, seed), deque()
    for i in range(problem.budget):
        while len(out) < min(workers, problem.budget - i):
            out.append(peer.ask())
            record["ask_s"].append(getattr(peer, "taken_s", 0.0))
        x = out.popleft()
        record["n_outside"] += not problem.is_inside(x)
        truth = problem.f(x)
        observed = truth + noise[i]
        record["f"].append(float(f"{truth:.10g}"))
        record["y"].append(float(f"{observed:.10g}"))
        peer.tell(x, float(observed))
        record["tell_s"].append(getattr(peer, "taken_s", 0.0))


class Slot(threading.Thread):
    """Makes runs one after the other on one core; a peer's process stays for its next run.

    Args:
        queue: The runs to make, shared with other slots.
        core: The core, or None for any.
        limit_s: Seconds of processor time that a run may take.
        out: The file to append to.
        lock: Guards the queue and the file.
    """

    def __init__(self, queue: Iterator[Job], core: int | None, limit_s: float, out: Path, lock: threading.Lock) -> None:
        super().__init__()
        self.queue, self.core, self.limit_s, self.out, self.lock = queue, core, limit_s, out, lock
        self.name_of_peer, self.peer = "", None

    def run(self) -> None:
        """Make runs until none is left."""
        while True:
            with self.lock:
                job = next(self.queue, None)
            if job is None:
                break
            record = self.make(job)
            with self.lock, self.out.open("a") as file:
                file.write(json.dumps(record, separators=(",", ":")) + "\n")
                print(
                    f"{record['peer']:14s}{record['problem']:18s}{job.seed}  {record['stop']:8s}"
                    f"{record['wall_s']:7.1f} s  score {record['score']:.2f}",
                    flush=True,
                )
        self.leave()

    def make(self, job: Job) -> dict[str, Any]:
        """Make a run; what a peer did before it failed counts."""
        record = {"peer": job.label, "problem": job.problem.name, "cls": job.problem.cls, "seed": job.seed}
        record |= {
            "workers": job.workers,
            "machine": cli.machine(),
            "stop": "done",
            "n_outside": 0,
            "f": [],
            "y": [],
            "ask_s": [],
            "tell_s": [],
        }
        start = time.monotonic()
        try:
            peer = self.get_peer(job.peer).new(
                self.limit_s, space=job.problem.space, seed=job.seed, n_init=N_INIT, **_known(job)
            )
            play(peer, job.problem, job.seed, job.workers, record)
        except PeerError as error:
            record["stop"] = str(error)
            record["error"] = self.peer.last_words()
            self.leave()
        record["wall_s"] = round(time.monotonic() - start, 2)
        half = job.problem.budget // 2
        record["score_half"] = round(score(job.problem, record["f"], record["y"], half), 4)
        record["score"] = round(score(job.problem, record["f"], record["y"]), 4)
        return record

    def get_peer(self, name: str) -> RemotePeer:
        """Give the peer's process, started where it does not run."""
        if name != self.name_of_peer or self.peer is None:
            self.leave()
            entry = PEERS[name]
            log = LOGS / f"{name}-{os.getpid()}-{self.core}.log"
            self.peer = RemotePeer(entry.python, entry.path, entry.cls, entry.options, self.core, log)
            self.name_of_peer = name
        return self.peer

    def leave(self) -> None:
        """Stop the peer's process."""
        if self.peer is not None:
            self.peer.stop()
        self.peer = None


def _known(job: Job) -> dict[str, int]:
    return {"budget": job.problem.budget, "workers": job.workers}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", default="autotune", help=f"with commas between them: {', '.join(PEERS)}")
    parser.add_argument("--label", help="what to call the one peer in the results, to tell its versions apart")
    parser.add_argument("--classes", default="all", help="with commas between them; all; or published")
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
    problems = cli.problems(options.classes, options.instances)
    add_references(problems)
    LOGS.mkdir(parents=True, exist_ok=True)
    done = set()
    if options.out.exists():
        done = {(r["peer"], r["problem"], r["seed"], r["workers"]) for r in read([options.out])}
    names = [name for name in options.peer.split(",") if PEERS[name].python.exists()]
    jobs = [
        Job(name, options.label or name, problem, seed, options.workers or problem.workers)
        for name in names
        for seed in cli.indices(options.seeds)
        for problem in problems
    ]
    queue = iter([job for job in jobs if (job.label, job.problem.name, job.seed, job.workers) not in done])
    cores = [None] if options.cores == "none" else cli.indices(options.cores)
    lock = threading.Lock()
    slots = [Slot(queue, core, options.limit, options.out, lock) for core in cores]
    for slot in slots:
        slot.start()
    for slot in slots:
        slot.join()
    wanted = {problem.name for problem in problems}
    print_summary([record for record in read([options.out]) if record["problem"] in wanted])


if __name__ == "__main__":
    main()
