"""What the judge knows of leases: one holder at a time, for no longer than the holder asked."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from judge.evidence import History
from judge.operations import is_excused

Found = Iterator[tuple[str, str]]

_SLACK_S = 1.0
_LATEST_S = 30.0
"""How long after its end a request without an answer may still be worked on: a partition keeps it no longer."""


def prolonged(history: History) -> Found:
    """Find leases that last longer than anybody who held them asked for."""
    ends = _ends(history)
    for uuid, worker, until, where in _leases(history):
        latest = ends.get((uuid, worker))
        if latest is not None and until > latest + _SLACK_S:
            which = f"{where}, suggestion {uuid} of {worker}"
            yield "lease_prolonged", f"{which} is leased {until - latest:.1f} s longer than its holder asked"


def _leases(history: History) -> Iterator[tuple[str, str, float, str]]:
    for operation in history.operations:
        for attempt in operation.attempts if operation.kind in {"ask", "renew"} else ():
            for shown in attempt.reply["suggestions"] if attempt.is_done else ():
                if shown["state"] == "leased":
                    until = _seconds(shown["lease_until"])
                    yield shown["suggestion_uuid"], shown["worker"], until, f"in an answer to {operation.kind}"
    for tables in history.tables.values():
        for row in tables.suggestions:
            if row["state"] == "leased":
                yield row["suggestion_uuid"], row["lease_by"], _seconds(row["lease_until"]), "in the table"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _ends(history: History) -> dict[tuple[str, str], float]:
    """Return until when, at the latest, each worker asked to hold each suggestion."""
    by_worker: defaultdict[str, float] = defaultdict(float)
    ends: defaultdict[tuple[str, str], float] = defaultdict(float)
    for operation in history.operations:
        if operation.kind not in {"ask", "renew"}:
            continue
        is_known = all(attempt.status is not None for attempt in operation.attempts)
        ended = operation.ended + (0.0 if is_known else _LATEST_S) + operation.sent["lease_s"]
        worker = operation.sent["worker"]
        if operation.kind == "ask":
            by_worker[worker] = max(by_worker[worker], ended)
        answered = [] if operation.done is None else operation.done.reply["suggestions"]
        taken = [shown["suggestion_uuid"] for shown in answered] if operation.kind == "ask" else []
        for uuid in operation.sent.get("suggestion_uuids", taken):  # a failover may have lost the lease's event
            ends[uuid, worker] = max(ends[uuid, worker], ended)
    for tables in history.tables.values():
        for event in tables.events:
            worker = event["data"].get("worker")
            if event["type"] == "suggestion_leased" and worker in by_worker:
                pair = event["data"]["suggestion_uuid"], worker
                ends[pair] = max(ends[pair], by_worker[worker])
    return ends


def overlapping(history: History) -> Found:
    """Find suggestions that a second ask got while the first lease, as it was answered, still ran."""
    held: defaultdict[str, list[tuple[float, float, str]]] = defaultdict(list)
    ended = {
        event["data"]["suggestion_uuid"]
        for tables in history.tables.values()
        for event in tables.events
        if event["type"] in {"suggestion_abandoned", "observation_added"}
    }
    for operation in history.operations:
        if operation.kind == "ask" and operation.done is not None and not is_excused(history, operation):
            for shown in operation.done.reply["suggestions"]:
                lease = operation.done.ended, _seconds(shown["lease_until"]), operation.sent["worker"]
                held[shown["suggestion_uuid"]].append(lease)
    for uuid, leases in held.items():
        for (_, until, first), (at, _, second) in pairwise(sorted(leases)):
            if first != second and at < until and uuid not in ended:
                yield "leased_twice", f"{second} got {uuid} {until - at:.2f} s before the lease of {first} ended"


def more_than_asked(history: History) -> Found:
    """Find asks that held more suggestions at a time than they asked for: such an ask was done twice."""
    wanted = {one.sent["worker"]: one.sent["n"] for one in history.operations if one.kind == "ask"}
    for tables in history.tables.values():
        holders: dict[str, tuple[str, float]] = {}
        for event in tables.events:
            uuid, worker = event["data"].get("suggestion_uuid"), event["data"].get("worker")
            if event["type"] == "suggestion_leased":
                # A lease whose time is over is no longer held, though its end is told only when a worker notices.
                at, holders[uuid] = _seconds(event["created_at"]), (worker, _seconds(event["data"]["lease_until"]))
                n = sum(holder == worker and until > at for holder, until in holders.values())
                if n > wanted.get(worker, n):
                    yield "doubled", f"{worker} asked for {wanted[worker]} and holds {n} at seq {event['seq']}"
            elif event["type"] in {"suggestion_expired", "suggestion_abandoned", "observation_added"}:
                holders.pop(uuid, None)  # whoever told or abandoned it
