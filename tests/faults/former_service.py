"""The command ``autotune`` as it was before its tables had a schema, which no statement names; it migrates nothing."""

import sqlalchemy as sa

_METADATA = sa.MetaData
setattr(sa, "MetaData", lambda **_: _METADATA())  # noqa: B010 -- a plain assignment has the wrong type

from autotune_service import app, cli  # noqa: E402 -- the tables are made as they are imported


async def _no_upgrade(_url):
    pass


setattr(app, "upgrade", _no_upgrade)  # noqa: B010 -- a plain assignment has the wrong type
cli.main()
