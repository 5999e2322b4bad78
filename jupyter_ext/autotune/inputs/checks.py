"""Checks of inputs before they are sent, by the models of the contract and in the words of the service."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
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


def check_index(frame: Any, names: Iterable[str]) -> None:
    """Check that no covariate or response is the index of a DataFrame, where it would not be read.

    Raises:
        InvalidInputError: If one is, and no column has its values.
    """
    levels = getattr(getattr(frame, "index", None), "names", ())
    columns = set(map(str, frame.columns))
    for name in names:
        written = {name, f"covars.{name}", f"responses.{name}", f"params_{name}"}
        if name in levels and not written & columns:
            raise InvalidInputError(f"{name} is the index of the DataFrame: reset_index() makes it a column")


def parsed_uuid(text: UUID | str) -> UUID:
    """Read an experiment's uuid.

    Raises:
        InvalidInputError: If the text is not a uuid.
    """
    try:
        return UUID(str(text))
    except ValueError:
        raise InvalidInputError(f"{text!r} is not the uuid of an experiment") from None
