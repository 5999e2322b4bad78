"""Backups: writing, reading and restoring them with Postgres' own programs."""
