"""Passwords and tokens: pure or CPU-bound, no storage."""
