"""A database that prod has used is not opened in dev mode, where everybody can sign in."""

import asyncpg
import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.backups.backup import back_up
from autotune_service.store.backups.restore import restore
from autotune_service.store.prod_mark import leave_mark, require_no_mark
from processes import run_autotune
from support import SECRET


async def execute(url, statement):
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_marked_database_is_refused_until_the_mark_is_taken_off(database_url):
    await require_no_mark(database_url)
    for _ in range(2):
        await leave_mark(database_url)
        with pytest.raises(UnavailableError, match="a service in prod mode has used this database"):
            await require_no_mark(database_url)
    await execute(database_url, "COMMENT ON SCHEMA autotune IS NULL")
    await require_no_mark(database_url)


async def test_empty_database_has_no_mark(empty_database_url):
    await require_no_mark(empty_database_url)


async def test_role_that_may_not_mark_is_told_and_goes_on(database_url, caplog):
    await execute(database_url, "DROP ROLE IF EXISTS passer_by; CREATE ROLE passer_by LOGIN PASSWORD 'x'")
    await leave_mark(f"{database_url}&options=-c%20role%3Dpasser_by")
    assert "may not mark its database" in caplog.text
    await require_no_mark(database_url)
    await execute(database_url, "DROP ROLE passer_by")


async def test_backup_takes_the_mark_along(database_url, cluster, tmp_path):
    for name in ("plain", "marked"):
        await back_up(database_url, tmp_path / name, str)
        await leave_mark(database_url)
    async with cluster.database("template0") as plain, cluster.database("template0") as marked:
        await restore(plain, tmp_path / "plain", str)
        await require_no_mark(plain)
        await restore(marked, tmp_path / "marked", str)
        with pytest.raises(UnavailableError, match="a service in prod mode has used this database"):
            await require_no_mark(marked)


def test_dev_service_does_not_start_where_prod_was(start_service, database_url, tmp_path):
    prod = {"AUTOTUNE_MODE": "prod", "AUTOTUNE_SECRET": SECRET}
    start_service("--no-worker", AUTOTUNE_DATABASE_URL=database_url, **prod).stop()
    refused = run_autotune(
        "serve", "--port", "0", "--no-worker", "--data", str(tmp_path), AUTOTUNE_DATABASE_URL=database_url
    )
    assert refused.returncode == 1
    assert "a service in prod mode has used this database" in refused.stderr
    assert "COMMENT ON SCHEMA autotune IS NULL" in refused.stderr
