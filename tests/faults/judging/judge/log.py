"""What the judge knows of one experiment's log: its order, and that the other tables are what the log says."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

from judge.evidence import Tables
from judge.operations import state_by_log

Found = Iterator[tuple[str, str]]


def log_rules(tables: Tables) -> list[tuple[str, str]]:
    """Return the anomalies of one experiment's tables."""
    rules = (_order, _suggestions, _observations, _versions, _counters, _fits)
    return [found for rule in rules for found in rule(tables)]


def _order(tables: Tables) -> Found:
    """Seqs count from 1 without a gap, and times never run back."""
    seqs = [event["seq"] for event in tables.events]
    if seqs != list(range(1, len(seqs) + 1)):
        wrong = next((i for i, seq in enumerate(seqs) if seq != i + 1), len(seqs))
        yield "seq_gap", f"the seqs go {seqs[max(wrong - 1, 0) : wrong + 2]} where {wrong + 1} should be"
    if seqs and tables.experiment["last_seq"] != seqs[-1]:
        yield "counter", f"last_seq is {tables.experiment['last_seq']} and the last event has seq {seqs[-1]}"
    for before, after in pairwise(tables.events):
        if datetime.fromisoformat(after["created_at"]) < datetime.fromisoformat(before["created_at"]):
            times = f"{before['created_at']} and {after['created_at']}"
            yield "time_back", f"the events {before['seq']} and {after['seq']} happened at {times}"
            break


def _suggestions(tables: Tables) -> Found:
    """Each suggestion has one holder at a time and one observation, and is in the state that the log implies."""
    lives = _Lives()
    for event in tables.events:
        for kind, text in lives.follow(event["type"], event["data"]):
            yield kind, f"event {event['seq']} {text}"
    stored = {row["suggestion_uuid"]: row["state"] for row in tables.suggestions}
    for uuid in stored.keys() | lives.states.keys():
        by_log = lives.states.get(uuid)
        if stored.get(uuid) != by_log:
            yield "state", f"suggestion {uuid} is {stored.get(uuid)} in its table and {by_log} by the log"
    told = Counter(row["suggestion_uuid"] for row in tables.observations if row["suggestion_uuid"] is not None)
    for uuid, n in told.items():
        if n > 1:
            yield "told_twice", f"suggestion {uuid} has {n} observations"


class _Lives:
    """The states of all suggestions, event by event."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self._holders: dict[str, str | None] = {}

    def follow(self, kind: str, data: dict[str, Any]) -> Found:
        self.states |= dict.fromkeys(data.get("superseded", ()), "superseded")
        uuid = data.get("suggestion_uuid")
        if uuid is None:
            return
        before = self.states.get(uuid)
        if kind == "suggestion_created":
            self.states[uuid] = "open"
        elif kind == "suggestion_leased":
            yield from self._leased(uuid, before, data["worker"])
        elif kind == "suggestion_expired":
            holder = self._holders.get(uuid)
            if before != "leased" or holder != data["worker"]:
                yield "state", f"ends the lease of {data['worker']} on {uuid}, which was {before} by {holder}"
            self.states[uuid] = data["state"]
        elif kind == "suggestion_abandoned":
            if before not in {"open", "leased"}:
                yield "state", f"abandons {uuid}, which was {before}"
            self.states[uuid] = "abandoned"
        elif kind == "observation_added":
            if before == "told":
                yield "told_twice", f"tells {uuid} again"
            self.states[uuid] = "told"

    def _leased(self, uuid: str, before: str | None, worker: str | None) -> Found:
        if before == "leased":
            yield "leased_twice", f"leases {uuid} to {worker} while {self._holders[uuid]} holds it"
        elif before != "open":
            yield "state", f"leases {uuid}, which was {before}"
        self.states[uuid], self._holders[uuid] = "leased", worker


_SHOWN = ("covars", "response", "status", "version", "is_excluded")


def _observations(tables: Tables) -> Found:
    """Each observation is as the last event about it says."""
    shown: dict[str, dict[str, Any]] = {}
    n_added = 0
    for event in tables.events:
        data = event["data"]
        if event["type"] == "observation_added":
            n_added += 1
            if data["n_observations"] != n_added:
                yield "counter", f"event {event['seq']} says n_observations {data['n_observations']}, not {n_added}"
            if data["seq"] != event["seq"]:
                yield "seq_gap", f"event {event['seq']} announces an observation with the seq {data['seq']}"
            shown[data["observation_uuid"]] = data
        elif event["type"] == "observation_corrected":
            before = shown.get(data["observation_uuid"])
            if before is None or data["version"] != before["version"] + 1:
                yield (
                    "version",
                    f"event {event['seq']} has version {data['version']} after {before and before['version']}",
                )
            shown[data["observation_uuid"]] = data
    stored = {row["observation_uuid"]: row for row in tables.observations}
    for uuid in stored.keys() ^ shown.keys():
        yield "unlike_log", f"observation {uuid} is in {'its table' if uuid in stored else 'the log'} alone"
    for uuid in stored.keys() & shown.keys():
        differing = [name for name in _SHOWN if stored[uuid][name] != shown[uuid][name]]
        if differing:
            pair = [{name: row[uuid][name] for name in differing} for row in (stored, shown)]
            yield "unlike_log", f"observation {uuid} has {pair[0]} in its table and {pair[1]} in the log"


def _versions(tables: Tables) -> Found:
    """The versions of an observation count from 1 to the newest, each with the event that announced it."""
    events = {event["seq"]: event for event in tables.events}
    for row in tables.observations:
        of_it = [one for one in tables.versions if one["observation_uuid"] == row["observation_uuid"]]
        numbers = sorted(one["version"] for one in of_it)
        expected = list(range(1, row["version"] + 1)) if row["version"] > 1 or of_it else []
        if numbers != expected:
            yield "version", f"observation {row['observation_uuid']} is at {row['version']} with versions {numbers}"
        for one in of_it:
            data = events.get(one["seq"], {}).get("data", {})
            if data.get("observation_uuid") != one["observation_uuid"] or data.get("version") != one["version"]:
                yield "version", f"version {one['version']} of {one['observation_uuid']} is not event {one['seq']}"
            elif one["version"] == row["version"] and any(one[name] != row[name] for name in _SHOWN):
                yield "version", f"observation {row['observation_uuid']} is unlike its newest version"


def _counters(tables: Tables) -> Found:
    """What is counted along is what counting anew gives; higher is better in these experiments."""
    experiment = tables.experiment
    counted = [row for row in tables.observations if not row["is_excluded"] and row["response"] is not None]
    best = max(counted, key=lambda row: row["response"], default=None)
    announced = [event["data"] for event in tables.events if event["type"] == "best_changed"]
    least, most = _revisions(tables.events)
    is_open = [row for row in tables.suggestions if row["state"] == "open" and row["fixed_key"] is None]
    expected = {
        "n_observations": len(tables.observations),
        "best_response": None if best is None else best["response"],
        "best_observation_uuid": None if best is None else best["observation_uuid"],
        "n_open": len(is_open),
        "state": state_by_log(tables, experiment["last_seq"]),
    }
    for name, value in expected.items():
        if experiment[name] != value:
            yield "counter", f"{name} is {experiment[name]} and should be {value}"
    if not least <= experiment["data_rev"] <= most:
        yield "counter", f"data_rev is {experiment['data_rev']} and should be {least}, or {most} at most"
    last = announced[-1]["response"] if announced else None
    if last != expected["best_response"]:
        yield "counter", f"the last best_changed says {last}, and the best response is {expected['best_response']}"
    if experiment["fit_rev"] > experiment["data_rev"]:
        yield "counter", f"fit_rev is {experiment['fit_rev']}, past data_rev {experiment['data_rev']}"


def _revisions(events: list[dict[str, Any]]) -> tuple[int, int]:
    """Return how often the data became newer, at least and at most.

    Every observation makes them newer, and every correction. An undo of several observations does so once, and makes
    an event for each, next to each other and of one time; two undos in a row may look the same.
    """
    n_added = sum(event["type"] == "observation_added" for event in events)
    corrected = [event for event in events if event["type"] == "observation_corrected"]
    n_alike = sum(
        after["seq"] == before["seq"] + 1
        and after["created_at"] == before["created_at"]
        and before["data"]["reason"] == after["data"]["reason"] == "undone"
        for before, after in pairwise(corrected)
    )
    return n_added + len(corrected) - n_alike, n_added + len(corrected)


def _fits(tables: Tables) -> Found:
    """No suggestion is made of data that are older than those of a suggestion before it, or of data yet to come."""
    newest, most = 0, 0
    for event in tables.events:
        kind, data = event["type"], event["data"]
        if kind in {"observation_added", "observation_corrected"}:
            most += 1
        elif kind == "suggestion_created":
            if data["data_rev"] < newest:
                yield "old_after_new", f"event {event['seq']} has data_rev {data['data_rev']} after {newest}"
            if data["data_rev"] > most:
                yield "counter", f"event {event['seq']} has data_rev {data['data_rev']} of {most}"
            if data["data_seq"] is not None and data["data_seq"] >= event["seq"]:
                yield "counter", f"event {event['seq']} knows the event {data['data_seq']}"
            newest = max(newest, data["data_rev"])
