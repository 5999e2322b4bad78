"""Which tables of AutoTune a database holds and of which version they are, and where new ones can go."""

from dataclasses import dataclass
from pathlib import Path

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory

from autotune_service.store.tables import SCHEMA, VERSION_TABLE, metadata

FORMER_VERSION_TABLE = "alembic_version"
"""The version table of AutoTune versions whose tables were in no schema of their own, and of other programs."""

_FIRST = {"users", "experiments", "suggestions", "observations", "events"}
"""Tables that every version has."""


class SchemaError(Exception):
    """The database cannot hold AutoTune's tables; the message says why and what to do."""


class VersionError(SchemaError):
    """The database's tables are those of another version, which this version cannot use or cannot change."""


@dataclass(frozen=True, slots=True)
class Held:
    """The tables of AutoTune that a database holds.

    Attributes:
        schema: The schema that the tables are in.
        version_table: The table in it that names the revision.
        owner: The role that owns the tables.
        revision: The revision of the tables, or "base" if all of them were dropped again.
    """

    schema: str
    version_table: str
    owner: str
    revision: str

    @property
    def is_moved(self) -> bool:
        """Whether the tables are where this version has them."""
        return (self.schema, self.version_table) == (SCHEMA, VERSION_TABLE)

    @property
    def is_current(self) -> bool:
        """Whether this version can use the tables as they are."""
        return self.is_moved and self.revision == known_revisions()[-1]


def known_revisions() -> list[str]:
    """List the names of all revisions, oldest first."""
    return [revision.revision for revision in ScriptDirectory.from_config(alembic_config()).walk_revisions()][::-1]


def alembic_config() -> Config:
    """Build the configuration by which alembic finds the revisions."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


_VERSION_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, pg_get_userbyid(c.relowner) AS owner,
        pg_get_userbyid(n.nspowner) AS owner_of_schema,
        has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS may_read
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND (
        (n.nspname = $1 AND c.relname = $2)
        OR (c.relname = $3 AND (n.nspname = 'public' OR n.nspname = ANY (current_schemas(false))))
    )
    ORDER BY c.relname = $2 DESC, array_position(current_schemas(false), n.nspname)
"""


async def find_tables(connection: asyncpg.Connection) -> Held | None:
    """Find AutoTune's tables: in their schema, or where a former version made them, in a schema of the search path.

    Other programs' tables of the same names, and their ``alembic_version``, are not taken for AutoTune's.

    Raises:
        VersionError: If the tables are of a newer version.
        SchemaError: If the role may not read them.
    """
    for row in await connection.fetch(_VERSION_TABLES, SCHEMA, VERSION_TABLE, FORMER_VERSION_TABLE):
        if row["name"] == FORMER_VERSION_TABLE and not set(await list_tables(connection, row["schema"])) >= _FIRST:
            continue
        if not row["may_read"]:
            role = await connection.fetchval("SELECT current_user")
            raise SchemaError(
                f"the role {role} may not read AutoTune's tables: the owner of their schema, {row['owner_of_schema']}, "
                f"must run GRANT USAGE ON SCHEMA {quoted(row['schema'])} TO {quoted(role)}, and the tables' owner, "
                f"{row['owner']}, GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {quoted(row['schema'])} "
                f"TO {quoted(role)}"
            )
        table = quoted(row["schema"], row["name"])
        found = await connection.fetch(f"SELECT version_num FROM {table}")  # nosec B608 # quoted
        revisions = [version["version_num"] for version in found] or ["base"]
        require_known(revisions[0], "the database's tables are")
        return Held(row["schema"], row["name"], row["owner"], revisions[0])
    return None


def require_known(revision: str, what_is: str) -> None:
    """Check that this version knows a revision.

    Raises:
        VersionError: If it does not; the message begins with ``what_is``.
    """
    known = known_revisions()
    if revision not in ("base", *known):
        raise VersionError(
            f"{what_is} of a newer version of AutoTune: they have revision {revision}, and this version knows the "
            f"revisions up to {known[-1]}. Update AutoTune first, or take another database"
        )


_COLUMNS = """
SELECT c.relname AS name, array_agg(a.attname::text) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace($1) AND a.attnum > 0 AND NOT a.attisdropped
    GROUP BY c.relname
"""


async def list_tables(connection: asyncpg.Connection, schema: str) -> list[str]:
    """List the tables of AutoTune in a schema by their names, each after those that it refers to.

    A table of the name is AutoTune's if it has the columns of AutoTune's primary key, which no version changes.
    """
    columns = {row["name"]: set(row["columns"]) for row in await connection.fetch(_COLUMNS, quoted(schema))}
    keys = {table.name: table.primary_key.columns or table.columns for table in metadata.sorted_tables}
    return [name for name, key in keys.items() if {column.name for column in key} <= columns.get(name, set())]


async def require_utf8(connection: asyncpg.Connection) -> None:
    """Check that the database can store every text.

    Raises:
        SchemaError: If its encoding is not UTF8.
    """
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise SchemaError(
            f"the database has the encoding {encoding}, which cannot hold every text: create one with UTF8 (createdb "
            "--encoding=UTF8 --template=template0 NAME), and move what this one may hold by `autotune backup` and "
            "`autotune restore`"
        )


_PLACE = """
SELECT current_user AS role, current_database() AS database,
        has_database_privilege(current_database(), 'CREATE') AS may_create
"""
_SCHEMA = """
SELECT has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE') AS may_create,
        pg_get_userbyid(nspowner) AS owner
    FROM pg_namespace WHERE nspname = $1
"""
_OTHERS = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
    ORDER BY 1 LIMIT 4
"""


async def make_schema(connection: asyncpg.Connection, owner: str | None = None) -> None:
    """Create the schema of the tables, unless it is there and empty.

    Args:
        connection: Is in a transaction.
        owner: The role that will own the schema; by default the current one.

    Raises:
        SchemaError: If the role may not create the schema or tables in it, or the schema holds other tables.
    """
    place = await connection.fetchrow(_PLACE)
    role, database = place["role"], place["database"]
    there = await connection.fetchrow(_SCHEMA, SCHEMA)
    if there is None:
        if not place["may_create"]:
            raise SchemaError(
                f"the role {role} may not create the schema {SCHEMA} in the database {database}: an administrator must "
                f"run there CREATE SCHEMA {SCHEMA} AUTHORIZATION {quoted(owner or role)}, or GRANT CREATE ON DATABASE "
                f"{quoted(database)} TO {quoted(role)}"
            )
        await connection.execute(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION {quoted(owner or role)}")
        return
    others = [row["relname"] for row in await connection.fetch(_OTHERS, SCHEMA)]
    if others:
        names = ", ".join([*others[:3], *(["..."] if len(others) > 3 else [])])
        raise SchemaError(
            f"the schema {SCHEMA} is in use for other things ({names}): AutoTune needs it for itself alone. Rename "
            "that schema, or give AutoTune another database"
        )
    if not there["may_create"]:
        raise SchemaError(
            f"the role {role} may not create tables in the schema {SCHEMA}: its owner {there['owner']} must run GRANT "
            f"USAGE, CREATE ON SCHEMA {SCHEMA} TO {quoted(role)}"
        )


def quoted(*names: str) -> str:
    """Write a name, or a name within a schema, as SQL."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)
