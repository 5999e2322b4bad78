"""What the secret scan of ``make lint`` looks for besides known keys, and what it leaves out, each with its reason.

A line that is left out by itself says why: ``# pragma: allowlist secret -- REASON``. The scan asks a filter about each
secret that was found, if the filter has a parameter of that name.
"""

import re

from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin
from detect_secrets.plugins.keyword import KeywordDetector

_RANDOM = re.compile(
    r"\.ipynb$|^tests/(store/schemas/.*\.sql|autotune/.*/ax_snapshots/.*\.json|security/test_secrets\.py)$"
)
_PLACEHOLDERS = {"password", "CHANGEME", "false"}


class AutotuneTokenDetector(RegexBasedDetector):
    """Finds tokens for automation, which open the API for as long as they are not revoked."""

    secret_type = "AutoTune Token"  # pragma: allowlist secret -- what is found, as reports name it
    denylist = (re.compile(r"\bautotune_[A-Za-z0-9_-]{43}"),)


def is_random_data(filename: str, secret: str, plugin: BasePlugin) -> bool:
    """Leave out random text where data are random: saved pictures, digests in saved tables, samples of weak secrets."""
    return isinstance(plugin, HighEntropyStringsPlugin) and _RANDOM.search(filename) is not None


def is_made_up(filename: str, secret: str, plugin: BasePlugin) -> bool:
    """Leave out passwords that tests and measurements make up; keys of known forms and random text are looked for."""
    is_by_name = isinstance(plugin, KeywordDetector | BasicAuthDetector)
    return is_by_name and filename.startswith(("tests/", "bench/"))


def is_prose(filename: str, secret: str, plugin: BasePlugin) -> bool:
    """Leave out what stands beside the word secret or token in a text, or is a text itself, which speaks of them."""
    return isinstance(plugin, KeywordDetector) and (filename.endswith(".md") or " " in secret)


def is_placeholder(secret: str) -> bool:
    """Leave out the word for a password in URLs, the password of dev mode, which prod does not have, and "no token"."""
    return secret in _PLACEHOLDERS
