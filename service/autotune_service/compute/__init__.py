"""Runs the engine: a worker that claims due work, and warm processes that do the numerics."""
