"""Keys for one purpose each, derived from the secrets of the operator."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

Purpose = Literal["access tokens", "cookies"]


def derived_key(secret: str, purpose: Purpose) -> str:
    """Derive the key for a purpose by HKDF with SHA-256 (RFC 5869): 256 bits as text.

    What is signed with the key of one purpose is refused wherever the key of another purpose is asked for.
    """
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"autotune/{purpose}".encode())
    return base64.urlsafe_b64encode(hkdf.derive(secret.encode())).decode()


@dataclass(frozen=True, slots=True, eq=False)
class KeyRing:
    """The keys of one purpose by their identifier: the first signs, all of them are accepted.

    So a secret is replaced without signing anybody out: the new one comes first, and the former stays for as long as
    what it signed is valid.
    """

    keys: dict[str, str]

    @classmethod
    def of(cls, secrets: Sequence[str], purpose: Purpose) -> "KeyRing":
        """Derive the keys of a purpose from secrets, the one that signs first."""
        keys = [derived_key(secret, purpose) for secret in secrets]
        # The identifier says which key it is and nothing about it: a digest of the derived key cannot be turned around.
        return cls({hashlib.sha256(key.encode()).hexdigest()[:16]: key for key in keys})

    @property
    def signing(self) -> tuple[str, str]:
        """Return the identifier and the key that sign."""
        return next(iter(self.keys.items()))

    def find(self, identifier: object) -> str | None:
        """Return the key with an identifier, None if there is none."""
        return self.keys.get(identifier) if isinstance(identifier, str) else None
