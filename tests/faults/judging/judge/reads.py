"""What the judge knows of reads: each shows what was acknowledged before it began, whichever replica answers."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from judge.evidence import Attempt, History, Operation
from judge.operations import added

Found = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class _Read:
    """How far an answer knows an experiment's log, and which observations it shows if it shows them."""

    operation: Operation
    attempt: Attempt
    exp_uuid: str
    seq: int
    uuids: frozenset[str] | None = None

    def __str__(self) -> str:
        return f"{self.operation.kind} at replica {self.attempt.replica} knew seq {self.seq} of {self.exp_uuid[:8]}"


def _reads(history: History) -> list[_Read]:
    return [
        read
        for operation in history.operations
        for attempt in operation.attempts
        if attempt.is_done
        for read in _shown(operation, attempt)
    ]


def _shown(operation: Operation, attempt: Attempt) -> list[_Read]:
    reply, exp_uuid = attempt.reply, operation.exp_uuid
    if operation.kind == "list":
        return [_Read(operation, attempt, one["exp_uuid"], one["last_seq"]) for one in reply["experiments"]]
    if exp_uuid is None:
        return []
    if operation.kind == "read":
        return [_Read(operation, attempt, exp_uuid, reply["last_seq"])]
    if operation.kind == "history":
        seqs = {one["observation_uuid"]: one["seq"] for one in reply["observations"]}
        return [_Read(operation, attempt, exp_uuid, max(seqs.values(), default=0), frozenset(seqs))]
    if operation.kind in {"ask", "current"}:
        return [_Read(operation, attempt, exp_uuid, min(one["data_seq"] or 0 for one in reply["suggestions"]))]
    return []


def stale(history: History) -> Found:
    """Find reads that do not show a tell that was acknowledged before they began."""
    there = {data["observation_uuid"]: data["seq"] for many in added(history).values() for data in many}
    writes: defaultdict[str, list[tuple[float, int, str]]] = defaultdict(list)
    for operation in history.operations:
        if operation.kind == "tell" and operation.done is not None and operation.exp_uuid is not None:
            for told in operation.done.reply["observations"]:
                uuid, seq = told["observation_uuid"], told["seq"]
                if there.get(uuid) == seq:  # else it is lost, which another rule says
                    writes[operation.exp_uuid].append((operation.done.ended, seq, uuid))
    for read in _reads(history):
        if _may_be_older(history, read):
            continue
        for ended, seq, uuid in writes[read.exp_uuid]:
            is_missing = seq > read.seq if read.uuids is None else uuid not in read.uuids
            if ended < read.attempt.began and is_missing:
                ago = f"{read.attempt.began - ended:.3f} s after observation {uuid} with seq {seq} was acknowledged"
                yield "stale_read", f"{read}, {ago}"
                break


def _may_be_older(history: History, read: _Read) -> bool:
    """Return whether an ask waited as long as asks wait, or goes on with what its earlier attempts took."""
    if read.operation.kind == "ask" and len(read.operation.attempts) > 1:
        return True
    waited = read.attempt.ended - read.attempt.began
    return read.operation.kind in {"ask", "current"} and waited > history.ask_wait_s * 0.9


def running_back(history: History) -> Found:
    """Find reads that show less than a read that had ended before, or more than there is in the end."""
    reads = [read for read in _reads(history) if read.operation.kind in {"read", "list"}]
    last_fork = max((fork.at for fork in history.forks), default=0.0)
    for read in reads:
        began = read.attempt.began
        forked = max((fork.at for fork in history.forks if fork.at <= began), default=0.0)
        for earlier in reads:
            is_before = earlier.exp_uuid == read.exp_uuid and forked <= earlier.attempt.began
            if is_before and earlier.attempt.ended < began and earlier.seq > read.seq:
                yield "stale_read", f"{read}, after {earlier}"
                break
        tables = history.tables.get(read.exp_uuid)
        if tables is not None and began > last_fork and read.seq > tables.experiment["last_seq"]:
            yield "stale_read", f"{read}, and the log ends at {tables.experiment['last_seq']}"
