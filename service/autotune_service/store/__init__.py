"""The only room with SQL: tables, queries, events, migrations and the embedded Postgres."""
