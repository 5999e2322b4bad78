"""Bugs that are planted one at a time in a copy of the service, to see whether the judge finds each.

Each bug is the replacement of one text, found once in one file, by another.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Bug:
    """A bug: in ``file``, below the folder of the service's packages, ``old`` becomes ``new``."""

    name: str
    file: str
    old: str
    new: str


BUGS = (
    Bug(
        "a change does not lock its experiment's row",
        "autotune_service/store/rows/experiments.py",
        "Statement(_SEEN.with_for_update(of=experiments))",
        "Statement(_SEEN)",
    ),
    Bug(
        "seqs are taken in one transaction and the events written in the next",
        "autotune_service/store/rows/events.py",
        "    await work.change(*changes, set_experiment(row.exp_uuid, changed))",
        "    await work.change(*changes[:-1], set_experiment(row.exp_uuid, changed))\n"
        '    await work._connection.execute("COMMIT")\n'
        '    await work._connection.execute("BEGIN")\n'
        "    await work.change(changes[-1])",
    ),
    Bug(
        "requests are answered before their commits are written",
        "autotune_service/tuning/once.py",
        "        row = await get_request(work, self._user_uuid, self._key)\n",
        '        await work._connection.execute("SET LOCAL synchronous_commit = off")\n'
        "        row = await get_request(work, self._user_uuid, self._key)\n",
    ),
    Bug(
        "the answer to a tell is kept in a transaction of its own",
        "autotune_service/tuning/tell.py",
        "        changes += await aside(n_values, once.kept, reply)\n        call_worker(work, exp_uuid)\n"
        "        await record(work, row, added.events, values, *changes)\n",
        "        call_worker(work, exp_uuid)\n        await record(work, row, added.events, values, *changes)\n"
        "    await once.keep_alone(store, reply)\n",
    ),
    Bug(
        "the lock of a key is not looked at",
        "autotune_service/tuning/once.py",
        "if not await lock_request(work, self._user_uuid, self._key):",
        "if not (await lock_request(work, self._user_uuid, self._key) or True):",
    ),
    Bug(
        "another request with a key that was used gets the first one's answer",
        "autotune_service/tuning/once.py",
        "row.body_hash != self._body_hash:",
        "row.body_hash == b'':",
    ),
    Bug(
        "a lease that ended is reopened without another look at its suggestion",
        "autotune_service/store/rows/suggestions.py",
        ".where(suggestions.c.exp_uuid == exp_uuid, _IS_LEASED, suggestions.c.lease_until < _NOW)",
        ".where(suggestions.c.exp_uuid == exp_uuid, suggestions.c.lease_until < _NOW)",
    ),
    Bug(
        "a lease is renewed by whoever asks",
        "autotune_service/store/rows/suggestions.py",
        "            suggestions.c.lease_by.is_not_distinct_from(worker),\n",
        "",
    ),
    Bug(
        "a watcher that has caught up is served one event too late",
        "autotune_service/live/tail.py",
        "start = seq + 1 - self._frames[0].seq",
        "start = seq + 2 - self._frames[0].seq",
    ),
    Bug(
        "events in memory are kept across a gap",
        "autotune_service/live/tail.py",
        "if self._frames and frames[0].seq != self._frames[-1].seq + 1:",
        "if not self._frames and frames[0].seq != 1:",
    ),
    Bug(
        "a watcher that connects again skips an event",
        "autotune_service/web/blueprints/stream.py",
        "exp_uuid, query.after, known)",
        "exp_uuid, query.after + (query.after > 0), known)",
    ),
    Bug(
        "the fit of a worker that lost its claim is stored",
        "autotune_service/store/rows/due.py",
        "_LOCK = Statement(sa.select(experiments, CHANGED_AT).where(_IS_HELD).with_for_update())",
        "_LOCK = Statement(sa.select(experiments, CHANGED_AT).where(sa.or_(_IS_HELD, sa.and_("
        'experiments.c.exp_uuid == sa.bindparam("of_uuid"), sa.text("true")))).with_for_update())',
    ),
    Bug(
        "excluded observations count for the best",
        "autotune_service/store/rows/observations.py",
        "_COUNTS = sa.not_(observations.c.is_excluded)",
        "_COUNTS = sa.true()",
    ),
    Bug(
        "a correction does not look at the version",
        "autotune_service/tuning/correct.py",
        "if before.version != body.version:",
        "if before.version < body.version:",
    ),
    Bug(
        "an exclusion is not in the log",
        "autotune_service/tuning/correct.py",
        '[("observation_corrected", data) for data in corrected]',
        '[("observation_corrected", data) for data in corrected if not data["is_excluded"]]',
    ),
    Bug(
        "an undone observation leaves its suggestion told",
        "autotune_service/tuning/undo.py",
        "more, set_state(freed, SUPERSEDED))",
        "more)",
    ),
    Bug(
        "a told suggestion still counts as open",
        "autotune_service/tuning/tell.py",
        "row.n_open - sum(suggestion.is_counted for suggestion in suggestions)",
        "row.n_open",
    ),
)


def plant(bug: Bug, service: Path, into: Path) -> Path:
    """Copy the service's packages and plant a bug in the copy; return the folder of the copy."""
    shutil.copytree(service, into, ignore=shutil.ignore_patterns("__pycache__"))
    file = into / bug.file
    file.write_text(changed(bug, file.read_text()))
    return into


def changed(bug: Bug, text: str) -> str:
    """Return the text of the bug's file with the bug in it."""
    assert text.count(bug.old) == 1, f"{bug.name}: the text is found {text.count(bug.old)} times in {bug.file}"
    return text.replace(bug.old, bug.new)
