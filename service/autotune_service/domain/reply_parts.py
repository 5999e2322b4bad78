"""What replies have in common, taken out of them: a large reply is kept as its gaps and the hashes of its parts.

A request of a kilobyte may have a reply of a megabyte, most of which the replies before it had too: the configurations
of suggestions whose leases are renewed again and again, the space of an experiment that is renamed. Kept whole, such
replies would fill a disk a thousand times as fast as they are asked for.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

_LEAST = 128
"""A part has more bytes than that: its hash and what else is kept of it takes half as many."""
_WHOLE = frozenset(
    {"covars", "constraints", "responses", "predictions", "fixed", "advice", "backfill", "best", "best_predicted"}
)
"""The fields that are the same in one reply after the other, as a whole."""
_AS_IT_IS = 1024
"""A reply of fewer bytes is kept as it is."""


@dataclass(frozen=True, slots=True)
class Parted:
    """A reply as it is kept: ``gaps[0]``, the part ``hashes[0]``, ``gaps[1]`` ... and the last gap."""

    gaps: list[str]
    hashes: list[bytes]
    parts: dict[bytes, str]

    @classmethod
    def of(cls, reply: str) -> "Parted | None":
        """Take the parts out of a reply, which is JSON; None if the reply is small or has no parts."""
        if len(reply) < _AS_IT_IS:
            return None
        taken = _Taken()
        taken.add(msgspec.Raw(reply.encode()))
        if not taken.hashes:
            return None
        return cls([*taken.gaps, "".join(taken.gap)], taken.hashes, taken.parts)


def put_together(gaps: list[str], hashes: list[bytes], parts: dict[bytes, str]) -> str:
    """Put a reply together from its gaps and its parts by their hashes."""
    texts = [gaps[0]]
    for hashed, gap in zip(hashes, gaps[1:], strict=True):
        texts += (parts[hashed], gap)
    return "".join(texts)


class _Taken:
    """Gathers the gaps and the parts of a reply in their order."""

    def __init__(self) -> None:
        self.gaps: list[str] = []
        self.gap: list[str] = []
        self.hashes: list[bytes] = []
        self.parts: dict[bytes, str] = {}

    def add(self, raw: msgspec.Raw, name: str = "") -> None:
        text = bytes(raw)
        first = text[:1]
        if len(text) <= _LEAST:
            self.gap.append(text.decode())
        elif name in _WHOLE or first not in {b"{", b"["}:
            self._add_part(text)
        elif first == b"{":
            members: dict[str, msgspec.Raw] = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            for number, (key, value) in enumerate(members.items()):
                self.gap.append(f"{',' if number else '{'}{_text(key)}:")
                self.add(value, key)
            self.gap.append("}")
        else:
            for number, value in enumerate(msgspec.json.decode(text, type=list[msgspec.Raw])):
                self.gap.append("," if number else "[")
                self.add(value)
            self.gap.append("]")

    def _add_part(self, text: bytes) -> None:
        hashed = hashlib.blake2b(text, digest_size=16).digest()
        self.hashes.append(hashed)
        self.parts[hashed] = text.decode()
        self.gaps.append("".join(self.gap))
        self.gap.clear()


def _text(key: Any) -> str:
    return msgspec.json.encode(key).decode()
