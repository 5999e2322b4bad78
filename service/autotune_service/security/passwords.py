"""Password hashes by argon2id, computed in threads, few at a time."""

import asyncio
import unicodedata
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

HASHES_AT_A_TIME = 2
"""Each hash takes 64 MiB, and a core for a quarter of a second."""


class Passwords:
    """Hashes and checks passwords in threads of its own.

    Args:
        hasher: What it costs to hash a password; by default what the package argon2-cffi recommends.
    """

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(HASHES_AT_A_TIME, thread_name_prefix="argon2")
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Hash a password with a fresh salt."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, _typed(password))

    async def is_right(self, password: str, password_hash: str | None) -> bool:
        """Return whether the password is the one that was hashed.

        Without a hash, because there is no such user, the check fails and takes as long as any other. So the time does
        not show which users exist.
        """
        if self._nobody is None:
            self._nobody = await self.hash("the password of nobody")
        right = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._verify, password_hash or self._nobody, _typed(password)
        )
        return right and password_hash is not None

    def close(self) -> None:
        """End the threads after the running hashes, without waiting for them."""
        self._threads.shutdown(wait=False)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


def _typed(password: str) -> str:
    """Return the password as any keyboard makes it: an accented letter may be one character or two (NFKC)."""
    return unicodedata.normalize("NFKC", password)
