"""Makes a whole run of tests a canary: what its secrets are, and where they must not be at its end."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from support import PASSWORD, SECRET

SECRETS = {SECRET, PASSWORD}
"""What this process's tests sign in with, and what they were given for it. CHANGEME is none: everybody knows it."""

_WRITTEN = {".log", ".ipynb", ".html", ".err"}
_TABLES = {"base", "global", "pg_wal"}
"""Folders of a Postgres with what is stored, of which there are thousands of files."""
_TOKENS = re.compile(
    r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}"  # an access token
    r"|\bautotune_[A-Za-z0-9_-]{43}(?![\w-])"  # a token for automation
    r"|\$argon2id\$"  # the hash of a password
)


def found_in_text(text: str) -> list[str]:
    """List the secrets in a text, of each the beginning: the list itself is printed."""
    found = [secret for secret in SECRETS if secret in text] + _TOKENS.findall(text)
    return sorted({f"{secret[:12]}..." for secret in found})


def found_in_files(folder: Path) -> Iterator[str]:
    """Yield a line for each log, notebook and page below a folder that has a secret in it."""
    for place, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if name not in _TABLES]
        for path in (Path(place) / name for name in names):
            if path.suffix in _WRITTEN and (found := found_in_text(path.read_text(errors="replace"))):
                yield f"{path}: {', '.join(found)}"
