"""The rows of each table are read from what pg_restore writes, wherever its blocks are cut."""

import asyncio

import pytest

from autotune_service.store.backups import backup_file
from autotune_service.store.backups.postgres_tools import BackupError

SCRIPT = b"""--
SET client_encoding = 'LATIN1';
\\restrict abc

COPY public.users (user_uuid, "email", is_active) FROM stdin;
1\ta\\.b\tt
2\t\\\\.\tf
\\.


COPY "my lab".events (exp_uuid) FROM stdin;
\\.

COPY sessions (session_uuid) FROM stdin;
7
\\.
SELECT pg_catalog.setval('public.experiments_number_seq', 5, true);
"""
EXPECTED = [
    ("users", ["user_uuid", "email", "is_active"], "LATIN1", b"1\ta\\.b\tt\n2\t\\\\.\tf\n"),
    ("events", ["exp_uuid"], "LATIN1", b""),
    ("sessions", ["session_uuid"], "LATIN1", b"7\n"),
]


class Ended:
    """Takes the place of a process that has ended well."""

    async def wait(self):
        return 0


async def tables_in(script, block, monkeypatch, tmp_path):
    monkeypatch.setattr(backup_file, "_BLOCK", block)
    source = asyncio.StreamReader()
    source.feed_data(script)
    source.feed_eof()
    found = []
    async for table in backup_file._Script(source).tables(Ended(), None, tmp_path):
        rows = b"".join([part async for part in table.blocks])
        found.append((table.table, table.columns, table.encoding, rows))
    return found


@pytest.mark.parametrize("block", [1, 2, 3, 5, 7, 64, 10_000])
async def test_rows_are_the_same_however_the_blocks_are_cut(block, monkeypatch, tmp_path):
    assert await tables_in(SCRIPT, block, monkeypatch, tmp_path) == EXPECTED


async def test_rows_without_an_end_are_an_error(monkeypatch, tmp_path):
    with pytest.raises(BackupError, match="ends in the middle of a table"):
        await tables_in(SCRIPT[: SCRIPT.index(b"2\t")], 64, monkeypatch, tmp_path)
