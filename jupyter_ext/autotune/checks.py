"""Input checked before it is sent, by the contract's own models and in the service's words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from autotune.errors import InvalidInputError
from autotune.shown import Suggestion
from autotune.values import plain
from autotune_wire.observations import Told

Run = Suggestion | Mapping[str, Any]
"""What was run: a suggestion, or a configuration of one's own."""


@contextmanager
def checked(subject: str) -> Iterator[None]:
    """Raise a failed validation inside the block as InvalidInputError, told field by field."""
    try:
        yield
    except ValidationError as error:
        raise InvalidInputError.of(subject, error) from None


def told_run(run: Run, response: Any) -> Told:
    """Build what is told of one run; numpy's numbers become plain ones.

    Raises:
        InvalidInputError: If the response is no finite number, or the configuration holds something else than values.
    """
    suggestion = run if isinstance(run, Suggestion) else None
    covars = suggestion.covars if suggestion else run
    with checked("this observation"):
        return Told.model_validate(
            {
                "covars": plain(dict(covars) if isinstance(covars, Mapping) else covars),
                "response": plain(response),
                "suggestion_uuid": suggestion and suggestion.suggestion_uuid,
            }
        )


def parsed_uuid(text: UUID | str) -> UUID:
    """Read an experiment's uuid.

    Raises:
        InvalidInputError: If the text is none.
    """
    try:
        return UUID(str(text))
    except ValueError:
        raise InvalidInputError(f"{text!r} is no uuid of an experiment") from None
