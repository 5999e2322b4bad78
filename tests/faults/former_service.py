"""The command ``autotune`` as it was before its tables had a schema, which no statement names; it migrates nothing."""

import sqlalchemy as sa

_METADATA = sa.MetaData
sa.MetaData = lambda **_: _METADATA()

from autotune_service import app, cli  # noqa: E402 -- the tables are made as they are imported


async def _no_upgrade(_url):
    pass


app.upgrade = _no_upgrade
cli.main()
