"""Databases of former versions, as those versions filled them: dumps that are loaded again."""

import json
import re
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from autotune_service.store.migrate import upgrade
from autotune_service.store.rows.observations import list_observations
from autotune_service.store.rows.questions import add_question
from autotune_service.store.schema import known_revisions
from autotune_service.store.tables import VERSION_TABLE, metadata
from autotune_service.tuning.correct import correct
from autotune_service.tuning.once import Once
from autotune_wire.observations import Correction
from raw_database import execute, fetch

DUMPS = Path(__file__).parent / "store" / "schemas"
_ORDER = (
    *("users", "sign_in_pots", "invitations", "reset_codes", "groups", "group_members", "sessions", "refresh_tokens"),
    *("automation_tokens", "tickets", "refused_sign_ins", "audit", "engine_use", "reply_parts", "kept_replies"),
    *("answered_requests", "log_epoch", "experiments", "members", "spaces", "suggestions"),
    *("observations", "observation_versions", "questions", "events"),
)

_KNOWN = """
INSERT INTO autotune.candidate_blocks (exp_uuid, first, n, covars, details, withdrawn, keys)
    SELECT exp_uuid, 1, 1, '{"x": [0.5]}', '{"bottle": ["A-12"]}', '{1}', '{7}' FROM autotune.experiments LIMIT 1;
INSERT INTO autotune.earlier_runs (exp_uuid, seq, source, covars, responses, sds)
    SELECT exp_uuid, 1, 0, '{"x": 0.5}', '{"taste": 1.0}', '{}' FROM autotune.experiments LIMIT 1;
INSERT INTO autotune.curves (exp_uuid, seq, suggestion_uuid, steps, values, n_steps, updated_at)
    SELECT exp_uuid, seq, suggestion_uuid, '[1]', '[0.5]', 1, now() FROM autotune.suggestions LIMIT 1;
"""
"""A row in each table of what a laboratory knows: a list, an earlier experiment, a run that reports."""


def dump_of(revision):
    return (DUMPS / f"{revision}.sql").read_text()


def released():
    """Name the revisions that there are dumps of."""
    return sorted(path.stem for path in DUMPS.glob("*.sql"))


def code_of(revision, folder):
    """Write out the newest code whose tables were at a revision; give the variables by which Python finds that code.

    None where the history of the repository is not there, as in a copy of the files.
    """
    versions = "service/autotune_service/store/migrations/versions"
    changes = (_git("log", "--first-parent", "--format=%H", "--", versions) or b"").decode().split()
    for newer, commit in zip(["", *changes], changes, strict=False):
        names = (_git("ls-tree", "--name-only", commit, f"{versions}/") or b"").decode().split()
        if names and Path(names[-1]).name.startswith(revision):
            files = _git("archive", f"{newer}^1" if newer else "HEAD", "service", "jupyter_ext")
            if files is None:
                return None
            with tarfile.open(fileobj=BytesIO(files)) as archive:
                archive.extractall(folder, filter="data")
            return {"PYTHONPATH": f"{folder / 'service'}:{folder / 'jupyter_ext'}"}
    return None


def _git(*arguments):
    command = ["git", "-C", str(Path(__file__).parent.parent), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def rows_of(revision):
    """Give the statements that store a dump's rows, each naming the columns that its version knew."""
    rows = re.findall(r"^INSERT INTO public\.(\w+) .*;$", dump_of(revision), re.MULTILINE)
    lines = [line for line in dump_of(revision).splitlines() if line.startswith("INSERT INTO ")]
    assert len(rows) == len(lines)
    return "\n".join(line for name in _ORDER for row, line in zip(rows, lines, strict=True) if row == name)


async def counts_of(url):
    """Count the rows of each table."""
    tables = await fetch(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'autotune' ORDER BY 1")
    names = [table["tablename"] for table in tables if table["tablename"] != VERSION_TABLE]
    return {name: (await fetch(url, f"SELECT count(*) AS n FROM autotune.{name}"))[0]["n"] for name in names}


async def fill(url, store_of, revision):
    """Have data in every table of a database at a revision."""
    last = revision if revision in released() else released()[-1]
    await execute(url, dump_of(last))
    await upgrade(url, revision)
    if revision != known_revisions()[-1]:
        return
    async with store_of(url) as store:
        (one,) = await fetch(url, "SELECT exp_uuid, owner_uuid FROM experiments WHERE name = 'several'")
        async with store.work() as work:
            observed = (await list_observations(work, one["exp_uuid"]))[0]
        body = Correction(version=observed.version, reason="a slip", is_excluded=True)
        once = Once(one["owner_uuid"], f"key of {revision}", b"body")
        await correct(store, one["owner_uuid"], one["exp_uuid"], observed.observation_uuid, body, once)
        async with store.work() as work:
            await add_question(work, one["exp_uuid"], one["owner_uuid"], "insights", f"key of {revision}", {}, 1)
    await execute(url, _KNOWN)
    counts = await counts_of(url)
    assert counts.keys() == {table.name for table in metadata.tables.values()}
    assert all(counts.values()), f"give the new table data here: {counts}"


def plain(value):
    """Give what is stored as JSON as it is."""
    return json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value
