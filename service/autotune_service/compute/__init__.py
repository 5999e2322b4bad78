"""Runs the engine: a worker that claims due work, and warm engine processes that compute it."""
