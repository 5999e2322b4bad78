"""Make sign-ins wait their turn, and refuse those who have tried too much; ``domain/brakes.py`` has the rules."""

import asyncio
import hashlib
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from autotune_service.domain.brakes import BrakeRules, Pot, charged, network_of, of_accounts, rested, wait_s
from autotune_service.domain.errors import (
    AutotuneError,
    TooManyError,
    UnauthenticatedError,
    UnavailableError,
    UnknownSecretError,
)
from autotune_service.security.passwords import HASHES_AT_A_TIME
from autotune_service.security.turns import Turns
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.brakes import get_pots, hold_pots, note_sign_in, update_pots

_ACCOUNT = "account "
_QUEUE_S = 10.0
"""How long a request waits behind the hashes of others. That is no brake: a class that signs in at once gets in."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody at an address who wants to sign in to an account.

    Attributes:
        address: The network that counts as one address.
        at_address: The name of its pot.
        at_account: The name of the account's pot.
        at_both: The name of the pot of the account at this address.
    """

    address: str
    at_address: str
    at_account: str
    at_both: str

    @classmethod
    def of(cls, address: str, email: str) -> "Attempt":
        """Name the pots; an account is named by a hash, as anybody may send any text for an address."""
        network = network_of(address)
        account = hashlib.sha256(email.lower().encode()).hexdigest()
        return cls(network, f"address {network}", f"{_ACCOUNT}{account}", f"sign-in {account} at {network}")


@dataclass(frozen=True, slots=True)
class Brakes:
    """The brake of one process on sign-ins; what it counts is in the database, for all processes and after a restart.

    Attributes:
        store: The database.
        rules: The sizes.
        turns: The turns at hashing.
    """

    store: Store
    rules: BrakeRules = field(default_factory=BrakeRules)
    turns: Turns = field(default_factory=lambda: Turns(HASHES_AT_A_TIME))

    @asynccontextmanager
    async def sign_in(
        self, attempt: Attempt, note_refused: Callable[[Work], Awaitable[None]] | None = None
    ) -> AsyncIterator[None]:
        """Let a block check a password, in its turn. An ``UnauthenticatedError`` of the block counts.

        Args:
            attempt: Who signs in from where.
            note_refused: Called in the transaction in which the error counts.

        Raises:
            TooManyError: If the address or the account was tried too often.
        """
        async with self._admitted(attempt) as pots:
            both = pots[attempt.at_both]
            try:
                yield
            except UnauthenticatedError:
                names = [attempt.at_both] if both.is_known else [attempt.at_account, attempt.at_address]
                await self._charge(names, note_refused)
                raise
            if not both.is_fresh or both.used or both.level:
                await self._know(attempt)

    @asynccontextmanager
    async def sign_up(self, address: str, email: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Let a block make an account, in its turn; it counts whether or not an account comes of it.

        Yields:
            What the block awaits when it has made the account: its user then is known at the address.

        Raises:
            TooManyError: If the address has tried too often.
        """
        attempt = Attempt.of(address, email)
        async with self._admitted(attempt, is_sign_up=True):
            try:
                yield partial(self._know, attempt)
            except UnavailableError:
                raise
            except (AutotuneError, asyncio.CancelledError):
                await self._charge([attempt.at_address])
                raise
            await self._charge([attempt.at_address])

    @asynccontextmanager
    async def secret(self, address: str) -> AsyncIterator[None]:
        """Let a block look up a secret that nobody guesses, as a refresh token; an ``UnknownSecretError`` counts.

        A secret that is right is always taken: strangers behind the same address must not end anybody's session. One
        that was right once is no guess.

        Raises:
            TooManyError: If the secret is wrong, and the address has tried too often.
        """
        name = Attempt.of(address, "").at_address
        try:
            yield
        except UnknownSecretError:
            async with self.store.work() as work:
                pot = (await get_pots(work, [name]))[name]
            if pot.opens_in_s > 0:
                raise _too_many(pot.opens_in_s) from None
            await self._charge([name])
            raise

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Let a block hash a password, in its turn, for somebody who has shown who it is.

        Raises:
            TooManyError: If too many of the address wait.
        """
        async with self.turns.turn(network_of(address), _QUEUE_S):
            yield

    @asynccontextmanager
    async def _admitted(self, attempt: Attempt, *, is_sign_up: bool = False) -> AsyncIterator[dict[str, Pot]]:
        """Wait until the attempt may be made and has a turn; yield its pots."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.rules.hold_s
        while True:
            async with self.turns.turn(attempt.address, _QUEUE_S):
                pots = await self._read(attempt)
                needed_s = self._wait_s(attempt, pots, is_sign_up=is_sign_up)
                if needed_s <= 0:
                    yield pots
                    return
            left_s = max(until - loop.time(), 0)
            await self.turns.hold(attempt.address, min(needed_s, left_s))
            if needed_s > left_s:
                raise _too_many(needed_s - left_s)

    async def _read(self, attempt: Attempt) -> dict[str, Pot]:
        names = [attempt.at_address, attempt.at_account, attempt.at_both]
        async with self.store.work() as work:
            pots = await get_pots(work, names)
        return {name: rested(pot, self.rules) for name, pot in pots.items()}

    def _wait_s(self, attempt: Attempt, pots: dict[str, Pot], *, is_sign_up: bool) -> float:
        if not is_sign_up and pots[attempt.at_both].is_known:
            return wait_s(pots[attempt.at_both], self.rules)
        is_attacked = not is_sign_up and pots[attempt.at_account].opens_in_s > 0
        return wait_s(pots[attempt.at_address], self.rules, has_one_attempt=is_attacked)

    async def _know(self, attempt: Attempt) -> None:
        async with self.store.work() as work:
            await note_sign_in(work, attempt.at_both)

    async def _charge(self, names: list[str], note: Callable[[Work], Awaitable[None]] | None = None) -> None:
        async with self.store.work() as work:
            if note is not None:
                await note(work)
            pots = await hold_pots(work, names)
            await update_pots(work, {name: self._charged(name, pot) for name, pot in pots.items()})

    def _charged(self, name: str, pot: Pot) -> Pot:
        rules = of_accounts(self.rules) if name.startswith(_ACCOUNT) else self.rules
        return charged(rested(pot, rules), rules)


def _too_many(again_s: float) -> TooManyError:
    seconds = math.ceil(again_s)
    return TooManyError(
        f"too many sign-ins that failed, or sign-ups, from your address: try again in {seconds} s", max(seconds, 1)
    )
