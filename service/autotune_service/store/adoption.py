"""Moves the tables of a former version into their schema, and leaves views with their names to services of before.

While a service of a version before runs on, it finds the views by the names that it knows. The views are simple, so
that Postgres takes every INSERT, UPDATE, DELETE and lock on them for one on the table itself.
"""

import asyncio
import random
from collections.abc import Sequence

import asyncpg

from autotune_service.domain.errors import UnavailableError
from autotune_service.store.schema import (
    FORMER_VERSION_TABLE,
    Held,
    SchemaError,
    list_tables,
    make_schema,
    quoted,
)
from autotune_service.store.tables import SCHEMA, VERSION_TABLE

_MARK = "Made by AutoTune for its services of former versions, which know the table by this name."
_LOCK_WAIT_S = 30.0
# Postgres looks for deadlocks after a second. Who waits for less never makes a service's transaction fail by one.
_LOCK_TIMEOUT = "500ms"
_RETRY_AFTER_S = 5


async def move_tables(connection: asyncpg.Connection, held: Held) -> None:
    """Move the tables of a former version into their schema, and nothing else.

    Args:
        connection: Is in a transaction.
        held: The tables of the former version.

    Raises:
        SchemaError: If the tables cannot be moved there.
        UnavailableError: If other transactions use the tables all the time.
    """
    await _require_views(connection, held.schema)
    names = await list_tables(connection, held.schema)
    await lock_tables(connection, [(held.schema, name) for name in [*names, held.version_table]])
    if held.schema != SCHEMA:
        await make_schema(connection, held.owner)
        for name in [*names, held.version_table]:
            await connection.execute(f"ALTER TABLE {quoted(held.schema, name)} SET SCHEMA {SCHEMA}")
    await connection.execute(f"ALTER TABLE {SCHEMA}.{held.version_table} RENAME TO {VERSION_TABLE}")


async def _require_views(connection: asyncpg.Connection, schema: str) -> None:
    may = await connection.fetchval("SELECT has_schema_privilege($1, 'CREATE')", schema)
    if not may:
        role = await connection.fetchval("SELECT current_user")
        raise SchemaError(
            f"the role {role} may not leave views for services of the version before in the schema {schema}: an "
            f"administrator must run GRANT CREATE ON SCHEMA {quoted(schema)} TO {quoted(role)}, which may be revoked "
            "after the upgrade"
        )


async def lock_tables(connection: asyncpg.Connection, tables: Sequence[tuple[str, str]]) -> None:
    """Lock tables against all other use until the transaction ends, in between those who use them now.

    Raises:
        UnavailableError: If others use them all the time.
    """
    statement = f"LOCK TABLE {', '.join(quoted(*table) for table in tables)} IN ACCESS EXCLUSIVE MODE"
    deadline = asyncio.get_running_loop().time() + _LOCK_WAIT_S
    while True:
        try:
            async with connection.transaction():  # a savepoint: what was locked before a failure is let go
                await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                await connection.execute(statement)
                return
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            if asyncio.get_running_loop().time() > deadline:
                raise await _in_use(connection, tables) from None
        await asyncio.sleep(random.uniform(0.1, 0.5))  # nosec B311 # replicas that try at once should not stay in step


_USERS = """
SELECT DISTINCT l.pid, coalesce(nullif(a.application_name, ''), 'a program without a name') AS program
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND l.pid <> pg_backend_pid() AND l.database = (SELECT oid FROM pg_database
            WHERE datname = current_database()) AND l.relation = ANY ($1::regclass[]::oid[])
    ORDER BY 1 LIMIT 3
"""


async def _in_use(connection: asyncpg.Connection, tables: Sequence[tuple[str, str]]) -> UnavailableError:
    rows = await connection.fetch(_USERS, [quoted(*table) for table in tables])
    who = ", ".join(f"{row['program']}, process {row['pid']}" for row in rows) or "several short ones"
    return UnavailableError(
        f"the tables cannot be changed, because other transactions have used them for {_LOCK_WAIT_S:.0f} s ({who}): "
        "wait until they have ended, or end them",
        _RETRY_AFTER_S,
    )


_VIEWS = """
SELECT n.nspname AS schema, c.relname AS name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'v' AND obj_description(c.oid, 'pg_class') = $1
    ORDER BY 1, 2
"""


async def drop_views(connection: asyncpg.Connection) -> list[str]:
    """Drop the views that were left to former versions, and list the schemas that they were in."""
    rows = await connection.fetch(_VIEWS, _MARK)
    if rows:
        views = [(row["schema"], row["name"]) for row in rows]
        await lock_tables(connection, views)
        await connection.execute(f"DROP VIEW {', '.join(quoted(*view) for view in views)}")
    return sorted({row["schema"] for row in rows})


_MAKE_VIEWS = """
DO $$
DECLARE
    moved record;
    granted record;
    view text;
BEGIN
    FOR moved IN
        SELECT c.oid, c.relname AS name, c.relacl AS acl, c.relowner AS owner_oid, pg_get_userbyid(c.relowner) AS owner,
                CASE c.relname WHEN '{version_table}' THEN '{former_version_table}' ELSE c.relname END AS former
            FROM pg_class c WHERE c.relnamespace = '{schema}'::regnamespace AND c.relname = ANY ({tables})
    LOOP
        view := format('%I.%I', {place}, moved.former);
        CONTINUE WHEN to_regclass(view) IS NOT NULL;
        -- xmin is among the columns because services read it, and a view has none of its own.
        EXECUTE format('CREATE VIEW %s AS SELECT *, xmin FROM {schema}.%I', view, moved.name);
        EXECUTE format('COMMENT ON VIEW %s IS %L', view, {mark});
        IF moved.owner <> current_user THEN
            EXECUTE format('ALTER VIEW %s OWNER TO %I', view, moved.owner);
        END IF;
        FOR granted IN
            SELECT privilege_type AS what, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee))
                    END AS role
                FROM aclexplode(moved.acl) WHERE grantee <> moved.owner_oid
                    AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
        LOOP
            EXECUTE format('GRANT %s ON %s TO %s', granted.what, view, granted.role);
            EXECUTE format('GRANT USAGE ON SCHEMA {schema} TO %s', granted.role);
        END LOOP;
    END LOOP;
END $$
"""


async def make_views(connection: asyncpg.Connection, schema: str) -> None:
    """Leave views with the former names of the tables in a schema, for whoever may use the tables."""
    names = [*await list_tables(connection, SCHEMA), VERSION_TABLE]
    texts = await connection.fetchrow("SELECT quote_literal($1) AS place, quote_literal($2) AS mark", schema, _MARK)
    await connection.execute(
        _MAKE_VIEWS.format(
            schema=SCHEMA,
            version_table=VERSION_TABLE,
            former_version_table=FORMER_VERSION_TABLE,
            tables="ARRAY[" + ", ".join(f"'{name}'" for name in names) + "]",
            place=texts["place"],
            mark=texts["mark"],
        )
    )
