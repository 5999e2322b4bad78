"""The database: tables, queries, events, migrations, backups and the embedded Postgres. All SQL is in this package."""
