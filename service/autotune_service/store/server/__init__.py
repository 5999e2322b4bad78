"""The Postgres server: its address, connecting to it, what it refuses, and which log it has."""
