"""What the judge knows of requests: what was acknowledged is there once, and what was refused is not there."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from judge.evidence import Attempt, History, Operation, Tables

Found = Iterator[tuple[str, str]]
Run = tuple[str, Any]


def run_of(told: dict[str, Any]) -> Run:
    """Return what identifies a run: clients never measure a response twice, nor tell a failed run's values twice."""
    response = told.get("response")
    return ("response", response) if response is not None else ("failed", told["covars"]["x"])


def said(operation: Operation, attempt: Attempt | None = None) -> str:
    """Describe an operation and one of its answers."""
    attempts = " ".join(f"{one.status}@{one.replica}" for one in operation.attempts)
    answer = "" if attempt is None else f" answered {attempt.status} {attempt.text[:300]}"
    sent = json.dumps(operation.sent)[:200]
    return f"client {operation.client} {operation.kind} key {operation.key} {sent} ({attempts}){answer}"


def is_excused(history: History, operation: Operation) -> bool:
    """Return whether a failover may have lost an operation that was acknowledged."""
    return any(operation.began < fork.at and operation.ended >= fork.lagged_at for fork in history.forks)


def added(history: History) -> dict[Run, list[dict[str, Any]]]:
    """Return the data of the events that announce each run."""
    found = defaultdict(list)
    for tables in history.tables.values():
        for event in tables.events:
            if event["type"] == "observation_added":
                found[run_of(event["data"])].append({**event["data"], "seq": event["seq"]})
    return found


class _Stored:
    """All that is stored, by uuid."""

    def __init__(self, history: History) -> None:
        tables = history.tables.values()
        self.experiments = history.tables
        self.observations = {row["observation_uuid"] for one in tables for row in one.observations}
        self.versions = {
            (row["observation_uuid"], row["version"]): row["reason"] for one in tables for row in one.versions
        }
        self.added = {data["observation_uuid"]: data for many in added(history).values() for data in many}
        self.events = {(event["type"], event["data"].get("suggestion_uuid")) for one in tables for event in one.events}


def lost(history: History) -> Found:
    """Find what was acknowledged and is not there, or is unlike what was acknowledged."""
    stored = _Stored(history)
    for operation in history.operations:
        done = operation.done
        if done is None or is_excused(history, operation) or operation.kind not in _EFFECTS:
            continue
        for kind, what in _EFFECTS[operation.kind](stored, operation, done):
            yield kind, f"{said(operation, done)}{what}"


def _created(stored: _Stored, _: Operation, done: Attempt) -> Found:
    if done.reply["exp_uuid"] not in stored.experiments:
        yield "lost", ""


def _told(stored: _Stored, operation: Operation, done: Attempt) -> Found:
    for told in done.reply["observations"]:
        uuid = told["observation_uuid"]
        if uuid not in stored.observations or uuid not in stored.added:
            yield "lost", ""
        elif any(told[name] != stored.added[uuid][name] for name in ("seq", "response", "covars", "suggestion_uuid")):
            yield "unlike_log", f", and the log has {json.dumps(stored.added[uuid])}"
    if [run_of(told) for told in done.reply["observations"]] != [run_of(run) for run in operation.runs]:
        yield "unlike_sent", ""


def _corrected(stored: _Stored, operation: Operation, done: Attempt) -> Found:
    if done.reply["version"] == operation.sent["version"]:
        return  # it changed nothing
    reason = stored.versions.get((done.reply["observation_uuid"], done.reply["version"]))
    if reason != operation.sent["reason"]:
        yield "lost", f", and the reason of that version is {reason!r}"


def _undone(stored: _Stored, _: Operation, done: Attempt) -> Found:
    for told in done.reply["observations"]:
        if stored.versions.get((told["observation_uuid"], told["version"])) != "undone":
            yield "lost", ""


def _leased(stored: _Stored, _: Operation, done: Attempt) -> Found:
    for suggestion in done.reply["suggestions"]:
        if ("suggestion_leased", suggestion["suggestion_uuid"]) not in stored.events:
            yield "lost", ""


def _abandoned(stored: _Stored, _: Operation, done: Attempt) -> Found:
    if ("suggestion_abandoned", done.reply["suggestion_uuid"]) not in stored.events:
        yield "lost", ""


def _closed(stored: _Stored, operation: Operation, done: Attempt) -> Found:
    assert operation.exp_uuid is not None
    state = state_by_log(stored.experiments[operation.exp_uuid], done.reply["last_seq"])
    if state != done.reply["state"]:
        yield "lost", f", and by the log the experiment was {state}"


_EFFECTS: dict[str, Callable[[_Stored, Operation, Attempt], Found]] = {
    "create": _created,
    "tell": _told,
    "correct": _corrected,
    "undo": _undone,
    "ask": _leased,
    "abandon": _abandoned,
    "close": _closed,
    "reopen": _closed,
}


def state_by_log(tables: Tables, seq: int) -> str:
    """Return whether an experiment was active or closed at a seq."""
    states = {"experiment_closed": "closed", "experiment_reopened": "active"}
    events = [event for event in tables.events if event["seq"] <= seq and event["type"] in states]
    return states[events[-1]["type"]] if events else "active"


def doubled(history: History) -> Found:
    """Find what was done twice, and what nobody asked for."""
    sent = {run_of(run) for operation in history.operations if operation.kind == "tell" for run in operation.runs}
    for run, many in added(history).items():
        if len(many) > 1:
            yield "doubled", f"{run} was told once, and is stored with the seqs {[one['seq'] for one in many]}"
        if run not in sent:
            yield "phantom", f"{json.dumps(many[0])} was told by nobody"
    names = Counter(tables.experiment["name"] for tables in history.tables.values())
    yield from (("doubled", f"{n} experiments {name}") for name, n in names.items() if n > 1)
    for exp_uuid, tables in history.tables.items():
        reasons = Counter((row["observation_uuid"], row["reason"]) for row in tables.versions if row["version"] > 1)
        for (uuid, reason), n in reasons.items():
            if n > 1 and reason != "undone":
                yield "doubled", f"the correction {reason!r} of {uuid} was sent once and made {n} versions"
        undos = [one for one in history.operations if one.kind == "undo" and one.exp_uuid == exp_uuid]
        most = sum(one.sent["n"] for one in undos if one.refused is None)
        n_undone = sum(row["reason"] == "undone" for row in tables.versions)
        if n_undone > most:
            yield "doubled", f"{n_undone} observations were undone and {most} were to be, in {exp_uuid[:8]}"


def answers_changed(history: History) -> Found:
    """Find keys whose answers differ by a single byte."""
    for operation in history.operations:
        done = sorted((one for one in operation.attempts if one.is_done), key=lambda attempt: attempt.ended)
        if not done or is_excused(history, operation):
            continue
        others = [attempt for attempt in done if attempt.text != done[0].text]
        others += [one for one in operation.attempts if one.is_refused and one.began > done[0].ended]
        if others:
            yield "answer_changed", f"{said(operation, done[0])} and also {others[0].status} {others[0].text[:300]}"


def refused(history: History) -> Found:
    """Find what was refused and was done all the same, answers that are never right, and requests without an answer."""
    told = added(history)
    reasons = {row["reason"] for tables in history.tables.values() for row in tables.versions}
    senders = Counter(
        run for operation in history.operations if operation.kind == "tell" for run in {*map(run_of, operation.runs)}
    )
    for operation in history.operations:
        for attempt in operation.attempts:
            if attempt.status == 500:
                yield "internal_error", said(operation, attempt)
        if operation.done is not None:
            continue
        answer = operation.refused
        if answer is None:
            is_refused = any(attempt.is_refused for attempt in operation.attempts)
            if operation.key is not None and operation.kind != "ask" and not is_refused:
                yield "unanswered", said(operation, operation.attempts[-1])
            continue
        runs = {*map(run_of, operation.runs)} if operation.kind == "tell" else set()
        has_effect = any(run in told and senders[run] == 1 for run in runs)
        if has_effect or (operation.kind == "correct" and operation.sent["reason"] in reasons):
            yield "refused_effect", said(operation, answer)


def lost_corrections(history: History) -> Found:
    """Find versions that were corrected more than once: one of the corrections did not know the other."""
    taken: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for operation in history.operations:
        if operation.kind != "correct" or operation.done is None or is_excused(history, operation):
            continue
        version, sent = operation.done.reply["version"], operation.sent["version"]
        if version == sent + 1:
            taken[operation.done.reply["observation_uuid"], sent].append(operation.sent["reason"])
        elif version != sent:
            yield "lost_correction", said(operation, operation.done)
    for (uuid, version), reasons in taken.items():
        if len(reasons) > 1:
            yield "lost_correction", f"version {version} of {uuid} was corrected by each of {reasons}"


def unrested(history: History) -> Found:
    """Find what was due and not done in the end."""
    for what in history.unrested:
        yield "no_rest", what
