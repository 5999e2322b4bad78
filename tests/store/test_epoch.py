import pytest

from raw_database import epoch_of, execute


@pytest.fixture
async def ordinary_url(database_url):
    """The URL of the database for a role that may read the tables and nothing else."""
    await execute(
        database_url,
        "DROP ROLE IF EXISTS plain; CREATE ROLE plain LOGIN NOSUPERUSER; GRANT SELECT ON log_epoch TO plain",
    )
    yield database_url.replace("://postgres:@", "://plain@").replace("://postgres@", "://plain@")
    await execute(database_url, "DROP OWNED BY plain; DROP ROLE plain")


async def test_epoch_stays_and_is_short(database_url):
    first = await epoch_of(database_url)
    assert first == await epoch_of(database_url)
    assert len(first) == 16
    assert int(first, 16) >= 0


async def test_epoch_is_another_one_in_a_copy_of_the_database(cluster, database_url, template):
    """A copy has the same row in ``log_epoch``, as a dump that is restored by hand has."""
    async with cluster.database(template) as url:
        assert await epoch_of(url) != await epoch_of(database_url)


async def test_epoch_is_another_one_on_another_server(database_url, monkeypatch):
    async def elsewhere(_work):
        return "7000000000000000000"

    here = await epoch_of(database_url)
    monkeypatch.setattr("autotune_service.store.epoch._server", elsewhere)
    assert await epoch_of(database_url) != here


async def test_new_epoch_is_another_one(database_url):
    before = await epoch_of(database_url)
    await execute(database_url, "UPDATE log_epoch SET epoch = gen_random_uuid()")
    assert await epoch_of(database_url) != before


async def test_ordinary_role_gets_the_same_epoch(database_url, ordinary_url):
    assert await epoch_of(ordinary_url) == await epoch_of(database_url)


async def test_role_that_may_not_ask_for_the_server_gets_an_epoch(database_url, ordinary_url):
    await execute(database_url, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    try:
        first = await epoch_of(ordinary_url)
        assert first == await epoch_of(ordinary_url)
        assert first != await epoch_of(database_url)
        await execute(database_url, "UPDATE log_epoch SET epoch = gen_random_uuid()")
        assert await epoch_of(ordinary_url) != first
    finally:
        await execute(database_url, "GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
