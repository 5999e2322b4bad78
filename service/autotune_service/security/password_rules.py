"""Which passwords are taken, by NIST SP 800-63B (revision 4, section 3.1.1.2).

A password has a least length and no rule on its characters. It is compared with the passwords that people choose most
often, with words, names, repeats and rows of keys, and with what is near at hand: the service's name and the user's own
address. The package zxcvbn has the lists, and estimates how many guesses a password withstands.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from autotune_service.domain.errors import InvalidError
from autotune_wire.accounts import MIN_PASSWORD_LENGTH
from autotune_wire.problems import FieldProblem

_LEAST_GUESSES = 10**6
"""What a password must withstand: the brake on sign-ins leaves somebody who guesses from one address years for that."""

_JUDGED = 40
"""How many characters of each end are judged: the time that zxcvbn takes grows faster than the length."""

_OWN_WORDS = ("autotune", "optimization", "experiment")


@dataclass(frozen=True, slots=True)
class PasswordRules:
    """What a service asks of new passwords.

    Attributes:
        least: The least number of characters.
    """

    least: int = MIN_PASSWORD_LENGTH

    async def check(self, password: str, email: str, field: str = "password") -> None:
        """Check a password that a user has chosen.

        Args:
            password: The password.
            email: The user's address; a password made of its parts is refused.
            field: The name of the field that the password came in.

        Raises:
            InvalidError: If the password is too short or too easy to guess. The message does not repeat it.
        """
        if len(password) < self.least:
            raise _refused(field, f"must have at least {self.least} characters")
        # A process that makes no accounts need not load the lists; and no other request waits while they are searched.
        if await asyncio.to_thread(_is_easy, password, email):
            raise _refused(
                field,
                "is too easy to guess: it is among the passwords that many people have, or made of your address, a few "
                "words, a repeat or a row of keys. Take several words that have nothing to do with each other",
            )


def _is_easy(password: str, email: str) -> bool:
    words = _words_of(email)
    ends = {password[:_JUDGED], password[-_JUDGED:]}
    return all(_guesses(end, words) < _LEAST_GUESSES for end in ends)


def _guesses(password: str, words: Sequence[str]) -> float:
    from zxcvbn import zxcvbn

    return float(zxcvbn(password, user_inputs=list(words))["guesses"])


def _words_of(email: str) -> list[str]:
    parts = [part for part in re.split(r"[^\w]+", email.lower()) if len(part) > 1]
    return [email.lower(), email.lower().partition("@")[2], *parts, *_OWN_WORDS]


def _refused(field: str, message: str) -> InvalidError:
    return InvalidError.of([FieldProblem(field=field, message=message)])
