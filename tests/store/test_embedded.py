import asyncio

import asyncpg
import pytest

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.embedded import EmbeddedPostgres


@pytest.mark.parametrize("name", ["plain", "Application Support", "données"])
async def test_embedded_postgres_starts_in_any_folder_and_keeps_its_data(tmp_path, name):
    folder = tmp_path / name / "postgres"
    for n in range(2):
        postgres = EmbeddedPostgres(folder)
        connection = await asyncpg.connect(await asyncio.to_thread(postgres.start))
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        await connection.execute("INSERT INTO kept VALUES ($1)", n)
        assert await connection.fetchval("SELECT count(*) FROM kept") == n + 1
        await connection.close()
        await asyncio.to_thread(postgres.stop)


async def test_embedded_postgres_starts_where_a_power_cut_left_its_pid_file(tmp_path):
    folder = tmp_path / "postgres"
    first = EmbeddedPostgres(folder)
    await asyncio.to_thread(first.start)
    left_behind = (folder / "postmaster.pid").read_text().splitlines()
    await asyncio.to_thread(first.stop)
    # The pid is that of another program now: the first one of this machine.
    (folder / "postmaster.pid").write_text("\n".join(["1", *left_behind[1:]]) + "\n")
    second = EmbeddedPostgres(folder)
    connection = await asyncpg.connect(await asyncio.to_thread(second.start))
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()
    await asyncio.to_thread(second.stop)


async def test_embedded_postgres_says_where_it_cannot_start(tmp_path):
    (tmp_path / "file").write_text("no folder")
    postgres = EmbeddedPostgres(tmp_path / "file" / "postgres")
    with pytest.raises(UnavailableError, match="no Postgres can be started in"):
        postgres.start()
