"""The script that alembic runs: it runs the revisions on the connection that ``migrate`` passes."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
