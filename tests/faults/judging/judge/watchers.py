"""What the judge knows of watchers: every event once and in order, as it is in the table, or a reset."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from judge.evidence import History, Watched

Found = Iterator[tuple[str, str]]


def watcher_rules(history: History) -> Found:
    """Find what watchers missed, got again or saw unlike the table."""
    for watched in history.watchers:
        yield from _of_watcher(history, watched)


def _of_watcher(history: History, watched: Watched) -> Found:
    follower = _Follower(watched)
    for step in watched.steps:
        yield from follower.follow(step)
    for exp_uuid, tables in history.tables.items():
        if exp_uuid not in watched.ends:
            continue
        if watched.exp_uuid is None and exp_uuid not in follower.at:
            yield "watch_short", f"{watched.name} heard nothing of {exp_uuid[:8]}"
            continue
        end = watched.ends[exp_uuid]
        at = follower.at.get(exp_uuid, 0)
        if at < end:
            yield "watch_short", f"{watched.name} stands at {at} of {exp_uuid[:8]}, whose log ended at {end}"
        start = follower.start.get(exp_uuid, 0)
        seen = follower.seen.get(exp_uuid, {})
        missed = sorted(set(range(start + 1, at + 1)) - seen.keys())
        if missed:
            yield "watch_gap", f"{watched.name} never saw the seqs {missed[:5]} of {exp_uuid[:8]}"
        log = {event["seq"]: event for event in tables.events}
        for seq, frame in sorted(seen.items()):
            if seq not in log:
                yield "watch_unlike", f"{watched.name} saw the seq {seq} of {exp_uuid[:8]}, which is not in the log"
                break
            if not _is_same(frame, log[seq]):
                texts = f"{frame['type']} {str(frame['data'])[:150]}, and the log has {str(log[seq])[:200]}"
                yield "watch_unlike", f"{watched.name} saw the seq {seq} of {exp_uuid[:8]} as {texts}"
                break


class _Follower:
    """Follows one watcher's frames.

    A watcher of all experiments is told where each stands, and goes back to what it has seen: until then, and once per
    connection, it may get events from either place.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self.at: dict[str, int] = {}
        self.start: dict[str, int] = {}
        self.seen: dict[str, dict[int, dict[str, Any]]] = {}
        self._back: dict[str, int] = {}
        self._live: dict[str, int] = {}

    def follow(self, step: dict[str, Any]) -> Found:
        if "after" in step:
            self._back = dict(step["after"])
            self._live = dict(step["after"])
            return
        frame = step["frame"]
        if "positions" in frame:
            for exp_uuid, seq in frame["positions"].items():
                self._live[exp_uuid] = seq
                if exp_uuid not in self.at:
                    self.at[exp_uuid] = self.start[exp_uuid] = seq
            return
        if "type" not in frame:
            return
        exp_uuid, seq = frame.get("exp_uuid", self._watched.exp_uuid), frame["seq"]
        if frame["type"] == "reset":
            self.at[exp_uuid] = self.start[exp_uuid] = self._live[exp_uuid] = seq
            self.seen[exp_uuid] = {}
            self._back.pop(exp_uuid, None)
            return
        live = self._live.get(exp_uuid, 0)
        if seq != live + 1:
            if self._watched.exp_uuid is None and seq == self._back.get(exp_uuid, -1) + 1:
                del self._back[exp_uuid]
            else:
                kind = "watch_gap" if seq > live else "watch_again"
                yield kind, f"{self._watched.name} got the seq {seq} of {exp_uuid[:8]} after {live}"
        self._live[exp_uuid] = seq
        self.at[exp_uuid] = max(self.at.get(exp_uuid, 0), seq)
        self.seen.setdefault(exp_uuid, {})[seq] = frame


def _is_same(frame: dict[str, Any], event: dict[str, Any]) -> bool:
    if (frame["type"], frame["data"]) != (event["type"], event["data"]):
        return False
    return datetime.fromisoformat(frame["at"]) == datetime.fromisoformat(event["created_at"])
