"""`autotune backup` and `autotune restore`, as their users run them."""

import asyncio
import errno
import re
from pathlib import Path

import asyncpg
import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store import schema
from autotune_service.store.backups import backup, postgres_tools
from autotune_service.store.backups.backup import back_up
from autotune_service.store.backups.postgres_tools import BackupError, find_newest_tools, find_tools, libpq_environment
from autotune_service.store.backups.restore import restore
from autotune_service.store.migrate import upgrade
from autotune_service.store.schema import SchemaError, VersionError, known_revisions
from autotune_service.store.server.address import Address
from pooler import pooled
from processes import run_autotune
from raw_database import epoch_of, execute, fetch, value_of
from released import counts_of, dump_of, released

ADA = "INSERT INTO users VALUES (gen_random_uuid(), 'ada@example.org', 'hash', true, now())"


@pytest.fixture
async def file(database_url, tmp_path):
    """A backup of a database with one user."""
    await execute(database_url, ADA)
    await back_up(database_url, tmp_path / "ada.backup", print)
    return tmp_path / "ada.backup"


def test_backup_is_restored_by_the_commands(database_url, empty_database_url, tmp_path):
    file = str(tmp_path / "one.backup")
    made = run_autotune("backup", file, AUTOTUNE_DATABASE_URL=database_url)
    assert made.returncode == 0, made.stderr
    assert file in made.stdout
    assert "KiB" in made.stdout
    restored = run_autotune("restore", file, AUTOTUNE_DATABASE_URL=empty_database_url)
    assert restored.returncode == 0, restored.stderr
    assert restored.stdout.rstrip().endswith("Restored.")


def test_embedded_database_is_started_for_it(tmp_path):
    old, new, file = str(tmp_path / "old"), str(tmp_path / "new"), str(tmp_path / "one.backup")
    assert run_autotune("migrate", "--data", old).returncode == 0
    made = run_autotune("backup", file, "--data", old)
    assert made.returncode == 0, made.stderr
    restored = run_autotune("restore", file, "--data", new)
    assert restored.returncode == 0, restored.stderr


def no_links(self, target):
    raise OSError(errno.EPERM, "this file system has no links")


async def test_backup_is_for_its_owner_alone(file):
    assert file.stat().st_mode & 0o077 == 0
    assert [one.name for one in file.parent.iterdir() if "partial" in one.name] == []


async def test_backup_never_overwrites(file, database_url):
    before = file.read_bytes()
    with pytest.raises(BackupError, match="is there already"):
        await back_up(database_url, file, print)
    assert file.read_bytes() == before


async def test_backup_that_fails_leaves_nothing(database_url, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "libpq_environment", lambda url: libpq_environment(url) | {"PGDATABASE": "nowhere"})
    with pytest.raises(BackupError, match="nowhere"):
        await back_up(database_url, tmp_path / "x.backup", print)
    assert list(tmp_path.iterdir()) == []


async def test_backup_says_where_it_cannot_write(database_url, tmp_path):
    with pytest.raises(BackupError, match="No such file or directory"):
        await back_up(database_url, tmp_path / "nowhere" / "x.backup", print)


async def test_backup_of_an_empty_database_is_refused(empty_database_url, tmp_path):
    with pytest.raises(BackupError, match="nothing to back up"):
        await back_up(empty_database_url, tmp_path / "x.backup", print)


async def test_restored_database_has_another_epoch(file, database_url):
    before = await epoch_of(database_url)
    await restore(database_url, file, print, replace=True)
    assert await epoch_of(database_url) != before
    assert await value_of(database_url, "SELECT email FROM users") == "ada@example.org"


async def test_restoring_signs_nobody_in_again(database_url, tmp_path):
    """Who was signed in when the backup was made may have logged out since."""
    await execute(database_url, ADA)
    await execute(database_url, "INSERT INTO sessions SELECT gen_random_uuid(), user_uuid, now() FROM users")
    await execute(database_url, "INSERT INTO refresh_tokens SELECT 'hash', user_uuid, now() FROM users")
    await back_up(database_url, tmp_path / "one.backup", print)
    await restore(database_url, tmp_path / "one.backup", print, replace=True)
    assert await value_of(database_url, "SELECT count(*) FROM sessions") == 0
    assert await value_of(database_url, "SELECT count(*) FROM refresh_tokens") == 0


@pytest.mark.parametrize("has_links", [True, False])
async def test_file_that_came_meanwhile_is_kept(database_url, tmp_path, monkeypatch, has_links):
    if not has_links:
        monkeypatch.setattr(Path, "hardlink_to", no_links)
        first = tmp_path / "first.backup"
        await back_up(database_url, first, print)
        assert first.stat().st_size > 1000
        first.unlink()
    file = tmp_path / "one.backup"
    monkeypatch.setattr(backup, "_require_new", lambda _: None)  # it came just after
    file.write_text("another's")
    with pytest.raises(BackupError, match="is there already"):
        await back_up(database_url, file, print)
    assert file.read_text() == "another's"
    assert list(tmp_path.iterdir()) == [file]


async def test_database_that_is_not_empty_is_left_alone(file, database_url):
    with pytest.raises(BackupError, match="--replace"):
        await restore(database_url, file, print)
    assert await value_of(database_url, "SELECT count(*) FROM users") == 1


async def test_replacing_drops_what_came_since(file, database_url):
    await execute(database_url, ADA.replace("ada@", "ben@"))
    await restore(database_url, file, print, replace=True)
    assert await value_of(database_url, "SELECT string_agg(email, ' ') FROM users") == "ada@example.org"


def test_replacing_must_be_confirmed(file, database_url):
    ended = run_autotune("restore", str(file), "--replace", AUTOTUNE_DATABASE_URL=database_url)
    assert ended.returncode != 0
    assert "--yes" in ended.stderr


async def test_restore_that_fails_changes_nothing(file, database_url):
    """A view of somebody else stands on a table that would be dropped."""
    await execute(database_url, "CREATE VIEW public.mine AS SELECT email FROM users")
    before = await epoch_of(database_url)
    with pytest.raises(BackupError, match=r"nothing is changed.*depend.*view mine depends on table autotune.users"):
        await restore(database_url, file, print, replace=True)
    assert await epoch_of(database_url) == before


async def test_damaged_backup_changes_nothing(file, database_url):
    whole = file.read_bytes()
    for share in (0.3, 0.6, 0.9, 0.99):
        file.write_bytes(whole[: int(len(whole) * share)])
        before = await epoch_of(database_url)
        with pytest.raises(BackupError):
            await restore(database_url, file, print, replace=True)
        assert await epoch_of(database_url) == before
        assert await value_of(database_url, "SELECT email FROM users") == "ada@example.org"


@pytest.mark.parametrize("content", [b"", b"PGDMP", b"SELECT 1;\n"])
async def test_what_is_no_backup_is_refused(content, empty_database_url, tmp_path):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BackupError):
        await restore(empty_database_url, tmp_path / "x", print)
    with pytest.raises(BackupError, match="cannot read"):
        await restore(empty_database_url, tmp_path / "y", print)


async def test_older_version_takes_the_database_back_as_the_page_on_production_says(file, database_url, root):
    await execute(database_url, "CREATE TABLE autotune.of_a_newer_version (id int)")
    await execute(database_url, "UPDATE autotune.autotune_version SET version_num = '9999'")
    with pytest.raises(VersionError, match="newer version"):
        await restore(database_url, file, print, replace=True)
    page = (root / "docs" / "production.md").read_text()
    [statement] = re.findall(r'psql -U postgres -d autotune -c "(.*)"', page)
    await execute(database_url, statement)
    await restore(database_url, file, print, replace=True)
    assert await value_of(database_url, "SELECT email FROM users") == "ada@example.org"


async def test_backup_of_a_newer_version_is_refused(file, empty_database_url, monkeypatch):
    known = known_revisions()
    monkeypatch.setattr(schema, "known_revisions", lambda: known[:-1])
    with pytest.raises(VersionError, match=f"revision {known[-1]}.*Update AutoTune first"):
        await restore(empty_database_url, file, print)


async def test_backup_of_an_older_version_is_brought_up_to_date(empty_database_url, cluster, tmp_path):
    await upgrade(empty_database_url, "0001")
    await back_up(empty_database_url, tmp_path / "x.backup", print)
    async with cluster.database("template0") as url:
        await restore(url, tmp_path / "x.backup", print)
        assert await value_of(url, "SELECT version_num FROM autotune_version") == known_revisions()[-1]


async def test_restore_waits_for_nobody_who_uses_the_database(file, database_url, store):
    """The store is a service's pool, still connected."""
    with pytest.raises(BackupError, match="stop them first"):
        await restore(database_url, file, print, replace=True)


def test_password_is_nowhere_to_be_seen(file, tmp_path):
    url = "postgresql://ada:hunter2hunter2@127.0.0.1:1/db"
    for command in (("backup", str(tmp_path / "a")), ("restore", str(file))):
        ended = run_autotune(*command, AUTOTUNE_DATABASE_URL=url)
        assert ended.returncode != 0
        assert "hunter2" not in ended.stderr + ended.stdout
        assert "Traceback" not in ended.stderr


def test_url_is_told_to_the_tools_by_variables(monkeypatch):
    monkeypatch.delenv("PGHOST", raising=False)
    url = "postgresql://a%40b:p%3Aw%2Fd@db.example:6000/na%20me?sslmode=require&work_mem=8%20MB"
    told = libpq_environment(url)
    names = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE", "PGOPTIONS")
    expected = ("db.example", "6000", "a@b", "p:w/d", "na me", "require", "-c work_mem=8\\ MB")
    assert tuple(told[name] for name in names) == expected
    assert libpq_environment("postgresql://u:@/db?host=/run/sockets")["PGHOST"] == "/run/sockets"
    assert "localhost" in libpq_environment("postgresql:///db")["PGHOST"]


async def test_missing_tools_are_named_with_the_way_to_get_them(monkeypatch):
    assert (await find_tools(18)).major == 18
    with pytest.raises(BackupError, match="apt install postgresql-client-99"):
        await find_tools(99)
    monkeypatch.setattr(postgres_tools, "packaged_folders", list)
    monkeypatch.setattr(postgres_tools, "_folders_of_system", list)
    with pytest.raises(BackupError, match="Postgres 18"):
        await find_tools(18)
    with pytest.raises(BackupError, match="pg_restore is needed"):
        await find_newest_tools()


@pytest.mark.parametrize(
    ("packaged", "of_system", "chosen"),
    [
        ([18], [15, 18, 19], "system/18"),
        ([18], [15], "packaged/18"),
        ([18], [19], "system/19"),
        ([18], [], "packaged/18"),
    ],
)
async def test_programs_that_can_encrypt_come_first(tmp_path, monkeypatch, packaged, of_system, chosen):
    def made(kind, majors):
        folders = [tmp_path / kind / str(major) for major in majors]
        for folder in folders:
            folder.mkdir(parents=True)
            for program in ("pg_dump", "pg_restore"):
                (folder / program).write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {folder.name}.1'\n")
                (folder / program).chmod(0o755)
        return lambda: folders

    monkeypatch.setattr(postgres_tools, "packaged_folders", made("packaged", packaged))
    monkeypatch.setattr(postgres_tools, "_folders_of_system", made("system", of_system))
    assert (await find_tools(18)).folder == tmp_path / chosen


OTHERS = """
CREATE TABLE public.users (id int);
CREATE TABLE public.experiments (name text);
INSERT INTO public.experiments VALUES ('of MLflow');
CREATE TABLE public.alembic_version (version_num text);
INSERT INTO public.alembic_version VALUES ('c8371498f1f4');
"""
OTHERS_HAVE = """
SELECT string_agg(relname, ' ' ORDER BY relname) || ': ' || (SELECT name FROM public.experiments) || ', ' ||
        (SELECT version_num FROM public.alembic_version)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
"""


async def former_dump(url, file, revision):
    """Make a backup as former versions made it: a dump of the whole database, whatever it holds."""
    await execute(url, dump_of(revision) + "CREATE TABLE public.notes (note text)")
    environment = libpq_environment(url)
    command = [(await find_tools(18)).pg_dump, "--format=custom", "--no-owner", "--no-privileges", f"--file={file}"]
    assert await (await asyncio.create_subprocess_exec(*command, env=environment)).wait() == 0
    counts = await fetch(url, "SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM users) AS users")
    return counts[0]


@pytest.mark.parametrize("revision", released())
async def test_backup_of_a_former_version_is_restored_beside_tables_of_others(
    empty_database_url, cluster, tmp_path, revision
):
    counts = await former_dump(empty_database_url, tmp_path / "x.backup", revision)
    async with cluster.database("template0") as url:
        await execute(url, OTHERS)
        await restore(url, tmp_path / "x.backup", print)
        assert await value_of(url, OTHERS_HAVE) == "alembic_version experiments users: of MLflow, c8371498f1f4"
        restored = await counts_of(url)
        assert {name: restored[name] for name in counts} == counts
        assert (restored["log_epoch"], restored["sessions"], restored["refresh_tokens"]) == (1, 0, 0)
        number = (
            "SELECT nextval(pg_get_serial_sequence('autotune.experiments', 'number')) > max(number) FROM experiments"
        )
        assert await value_of(url, number) is True


async def test_tables_of_a_former_version_are_backed_up_where_they_are(empty_database_url, cluster, tmp_path):
    """So that the new program can make the backup before the upgrade."""
    await execute(empty_database_url, dump_of(released()[-1]) + "CREATE TABLE public.notes (note text)")
    n_events = await value_of(empty_database_url, "SELECT count(*) FROM public.events")
    await back_up(empty_database_url, tmp_path / "x.backup", print)
    async with cluster.database("template0") as url:
        await restore(url, tmp_path / "x.backup", print)
        assert await value_of(url, "SELECT count(*) FROM autotune.events") == n_events


async def test_backup_has_no_tables_of_others(database_url, tmp_path):
    await execute(database_url, OTHERS + "CREATE TABLE public.notes (note text)")
    await back_up(database_url, tmp_path / "x.backup", print)
    assert b"notes" not in (tmp_path / "x.backup").read_bytes()


@pytest.mark.parametrize(
    "lacks",
    [["--exclude-table=autotune.events"], ["--exclude-table-data=autotune.autotune_version"], ["--schema-only"]],
)
async def test_backup_that_could_not_be_restored_is_not_kept(database_url, tmp_path, monkeypatch, lacks):
    monkeypatch.setattr(backup, "_chosen", lambda *_: ["--schema=autotune", *lacks])
    with pytest.raises(BackupError, match=r"no backup was written to .*x.backup, as it could not be restored"):
        await back_up(database_url, tmp_path / "x.backup", print)
    assert list(tmp_path.iterdir()) == []


async def test_backup_that_the_disk_cut_short_is_not_kept(database_url, tmp_path, monkeypatch):
    await execute(database_url, ADA)
    run = backup.run

    async def cut(command, *arguments):
        said = await run(command, *arguments)
        (partial,) = tmp_path.iterdir()
        partial.write_bytes(partial.read_bytes()[:-200])
        return said

    monkeypatch.setattr(backup, "run", cut)
    with pytest.raises(BackupError, match="could not be restored"):
        await back_up(database_url, tmp_path / "x.backup", print)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", [0, 0.001, 0.3, 0.9])
async def test_file_that_is_cut_short_is_told_with_a_remedy(file, empty_database_url, part):
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * part)])
    with pytest.raises(BackupError, match=f"{file} is cut short or damaged .*copy it again from where it was made"):
        await restore(empty_database_url, file, print)


async def test_replacing_leaves_tables_of_others(file, database_url):
    await execute(database_url, OTHERS + "CREATE TABLE autotune.notes (note text)")
    await restore(database_url, file, print, replace=True)
    assert await value_of(database_url, OTHERS_HAVE) == "alembic_version experiments users: of MLflow, c8371498f1f4"
    assert await value_of(database_url, "SELECT count(*) FROM autotune.notes") == 0


@pytest.mark.parametrize("is_moved", [False, True])
async def test_replacing_the_tables_of_a_former_version_leaves_its_views(file, empty_database_url, is_moved):
    await execute(empty_database_url, dump_of(released()[-1]) + "CREATE TABLE public.notes (note text)")
    if is_moved:
        await upgrade(empty_database_url)
    await restore(empty_database_url, file, print, replace=True)
    assert await value_of(empty_database_url, "SELECT string_agg(email, ' ') FROM public.users") == "ada@example.org"
    assert await value_of(empty_database_url, "SELECT count(*) FROM public.notes") == 0


def test_file_is_looked_at_before_anything_is_asked_or_connected(tmp_path):
    (tmp_path / "x").write_bytes(b"SELECT 1;")
    url = "postgresql://ada@127.0.0.1:1/db"
    ended = run_autotune("restore", str(tmp_path / "x"), "--replace", AUTOTUNE_DATABASE_URL=url)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "is no backup" in ended.stderr


async def test_restore_says_who_may_create_the_schema(file, empty_database_url):
    await execute(empty_database_url, "CREATE ROLE restorer LOGIN NOSUPERUSER")
    url = empty_database_url.replace("://postgres:@", "://restorer@").replace("://postgres@", "://restorer@")
    try:
        with pytest.raises(SchemaError, match='CREATE SCHEMA autotune AUTHORIZATION "restorer"'):
            await restore(url, file, print)
    finally:
        await execute(empty_database_url, "DROP ROLE restorer")


def test_other_version_has_an_exit_code_of_its_own(file, database_url, tmp_path):
    asyncio.run(execute(database_url, "UPDATE autotune_version SET version_num = '9999'"))
    for command in (["serve", "--port", "0"], ["backup", str(tmp_path / "new.backup")]):
        ended = run_autotune(*command, AUTOTUNE_DATABASE_URL=database_url)
        assert ended.returncode == 3, ended.stderr
        assert ended.stderr.startswith("Error: the database's tables are of a newer version of AutoTune")
        assert ended.stderr.count("\n") == 1


async def test_backup_that_the_server_ends_says_so_in_a_sentence(database_url, tmp_path):
    """The role's own timeouts end no backup: the one here waits for a lock until it is ended."""
    await execute(database_url, f"ALTER DATABASE {Address.of(database_url).database} SET statement_timeout = '100ms'")
    holding = await asyncpg.connect(database_url)
    async with holding.transaction():
        await holding.execute("LOCK TABLE autotune.autotune_version")
        backing_up = asyncio.create_task(back_up(database_url, tmp_path / "x.backup", print))
        done, _ = await asyncio.wait([backing_up], timeout=1)
        assert done == set()
        await holding.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'autotune-backup'"
        )
        with pytest.raises(UnavailableError, match=r"cannot use the database: .*administrator command"):
            await backing_up
    await holding.close()


def test_pooler_of_transactions_is_refused_without_a_direct_url(database_url, tmp_path):
    with pooled(database_url, is_shared=True) as pooler:
        ended = run_autotune("backup", str(tmp_path / "x"), AUTOTUNE_DATABASE_URL=pooler.url)
        assert ended.returncode == 1
        assert "set AUTOTUNE_DATABASE_DIRECT_URL" in ended.stderr
