"""The verdict on a history: every anomaly that any rule finds."""

from dataclasses import dataclass

from judge import leases, operations, reads
from judge.evidence import History
from judge.log import log_rules
from judge.watchers import watcher_rules

_RULES = (
    operations.lost,
    operations.doubled,
    operations.answers_changed,
    operations.refused,
    operations.lost_corrections,
    operations.unrested,
    reads.stale,
    reads.running_back,
    leases.prolonged,
    leases.overlapping,
    leases.more_than_asked,
    watcher_rules,
)


@dataclass(frozen=True)
class Anomaly:
    """Something that must not be, with the evidence that shows it."""

    kind: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.evidence}"


def judge(history: History) -> list[Anomaly]:
    """Return all anomalies in a history, each once."""
    found = [pair for rule in _RULES for pair in rule(history)]
    for exp_uuid, tables in history.tables.items():
        found += [(kind, f"experiment {exp_uuid[:8]}: {text}") for kind, text in log_rules(tables)]
    return [Anomaly(*pair) for pair in dict.fromkeys(found)]
