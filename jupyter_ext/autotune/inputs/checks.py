"""Checks of inputs before they are sent, by the models of the contract and in the words of the service."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from pydantic import ValidationError

from autotune.errors import InvalidInputError


@contextmanager
def checked(subject: str) -> Iterator[None]:
    """Raise a failed validation inside the block as InvalidInputError, with a line for each field."""
    try:
        yield
    except ValidationError as error:
        raise InvalidInputError.of(subject, error) from None


def parsed_uuid(text: UUID | str) -> UUID:
    """Read an experiment's uuid.

    Raises:
        InvalidInputError: If the text is not a uuid.
    """
    try:
        return UUID(str(text))
    except ValueError:
        raise InvalidInputError(f"{text!r} is not the uuid of an experiment") from None
