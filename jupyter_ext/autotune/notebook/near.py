"""What was probably meant by a misspelt word."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 3
_ALIKE = 0.6


def did_you_mean(word: str, known: Iterable[str], sign: str = "") -> str:
    """Return ``; did you mean ...?`` with the known words that look alike, best first; empty if none does.

    Args:
        word: The word that was written.
        known: The words that exist.
        sign: What stands on both sides of each word that is offered, such as a quote.
    """
    by_lower = {name.lower(): name for name in known}
    begun = [name for name in by_lower if len(word) > 1 and name.startswith(word.lower())]
    alike = list(dict.fromkeys([*begun, *get_close_matches(word.lower(), by_lower, _MOST, _ALIKE)]))[:_MOST]
    offered = [f"{sign}{by_lower[name]}{sign}" for name in alike]
    return f"; did you mean {' or '.join(offered)}?" if offered else ""
