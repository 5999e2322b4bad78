"""Password hashes: argon2id, off the event loop and few at a time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

_HASHES_AT_A_TIME = 2  # each takes 64 MiB and a core for a quarter of a second


class Passwords:
    """Hashes and checks passwords in threads of its own."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(_HASHES_AT_A_TIME, thread_name_prefix="argon2")
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Hash a password with a fresh salt."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def is_right(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is the one hashed; takes as long where there is no hash, since there is no user."""
        if self._nobody is None:
            self._nobody = await self.hash("the password of nobody")
        right = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._verify, password_hash or self._nobody, password
        )
        return right and password_hash is not None

    def close(self) -> None:
        """End the threads once the hashes under way are done."""
        self._threads.shutdown(wait=False)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerifyMismatchError, InvalidHashError):
            return False
