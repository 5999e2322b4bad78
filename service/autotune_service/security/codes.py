"""Codes that work once: long enough that nobody guesses them, and stored as a hash."""

import hashlib
import secrets

_BYTES = 20


def new_code() -> str:
    """Return a new code: 160 random bits, in letters and digits that are safe in a command and a mail."""
    return secrets.token_hex(_BYTES)


def code_hash(code: str) -> bytes:
    """Return what is stored of a code. A fast hash is enough for 160 random bits."""
    return hashlib.sha256(code.strip().lower().encode()).digest()
