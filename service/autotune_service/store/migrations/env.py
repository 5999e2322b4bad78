"""The script that alembic runs: it runs the revisions on the connection that ``migrate`` passes."""

from alembic import context

from autotune_service.store.tables import SCHEMA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,
    version_table=VERSION_TABLE,
    version_table_schema=SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
