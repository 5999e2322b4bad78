"""Tell the service observations: one run, several at once, or many in parts."""

import sys
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from autotune.errors import (
    AutotuneError,
    ConnectionFailedError,
    InvalidInputError,
    RunFailed,
    ServiceError,
    UnavailableError,
)
from autotune.inputs.loading import Runs
from autotune.transport.caller import Caller
from autotune.views.shown import Observation
from autotune_wire.base import MAX_REASON_LENGTH
from autotune_wire.observations import MAX_TELL, Tell, TellReply, Told
from autotune_wire.paths import EXPERIMENT_TELL
from autotune_wire.told_columns import FAILED_BECAUSE

ALREADY_TOLD = "already_told"
"""The code of the refusal of a second tell of one suggestion."""

_INVALID = "invalid"
_TOO_LARGE = "batch_too_large"
_AGAIN = "As a run of its own: tell(suggestion.covars, response), or %autotune tell RESPONSE CONFIGURATION"


async def tell_one(connection: Caller, exp_uuid: UUID, told: Told, key: str | None = None) -> Observation:
    """Tell one run; with a key, the same run of another call that had this key is told once."""
    try:
        return (await _send(connection, exp_uuid, Tell.model_validate(told.model_dump(exclude_unset=True)), key))[0]
    except ServiceError as error:
        if error.code == ALREADY_TOLD:
            error.add_note(_AGAIN)
        raise


async def tell_outcome(connection: Caller, exp_uuid: UUID, told: Told) -> Observation:
    """Tell one run of a loop; a service of before, which knows no reasons of failures, is told without the reason."""
    try:
        return await tell_one(connection, exp_uuid, told)
    except ServiceError as error:
        is_unknown = any(problem.field == FAILED_BECAUSE for problem in error.errors)
        if told.failed_because is None or not is_unknown:
            raise
    fields = told.model_dump(exclude_unset=True, exclude={FAILED_BECAUSE})
    return await tell_one(connection, exp_uuid, Told.model_validate(fields))


def reason_of(error: BaseException) -> str | None:
    """Return why a run failed, by the error that it ended with; None if the error does not say."""
    text = str(error).strip()
    if not isinstance(error, RunFailed):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    # What an error says may be anything, and a reason that cannot be stored must not keep the failure from being told.
    storable = text.replace("\x00", "").encode(errors="replace").decode()
    return storable[:MAX_REASON_LENGTH] or None


async def tell_all(connection: Caller, exp_uuid: UUID, told: Sequence[Told]) -> list[Observation]:
    """Tell several runs at once; either all of them are stored, or none."""
    return await _send(connection, exp_uuid, Tell(observations=list(told)))


def to_stderr(text: str) -> None:
    """Write progress to stderr, where the text does not mix with a program's output."""
    sys.stderr.write(text)


async def add_runs(
    connection: Caller, exp_uuid: UUID, runs: Runs, say: Callable[[str], Any] | None
) -> list[Observation]:
    """Tell runs in order, in parts of up to 1000; each part is stored as a whole or not at all.

    Args:
        connection: The connection to the service.
        exp_uuid: The experiment.
        runs: The runs, and the line or row that each was read from.
        say: Called with a line of text after each part, if there are several parts, and at the end if runs lie outside
            the space; None reports nothing.

    Raises:
        InvalidInputError: If the service refuses a run; the message names the line or row.
        AutotuneError: If a part was not told; the error's note says which runs are stored.
    """
    n_all = len(runs.told)
    stored: list[Observation] = []
    start, size = 0, MAX_TELL
    while start < n_all:
        part = Runs(runs.subject, runs.told[start : start + size], runs.places[start : start + size])
        try:
            stored += await _add_part(connection, exp_uuid, part)
        except AutotuneError as error:
            if isinstance(error, ServiceError) and error.code == _TOO_LARGE and len(part.told) > 1:
                size = len(part.told) // 2  # this service has a lower limit than MAX_TELL
                continue
            error.add_note(_stored_note(start, part, n_all, error))
            raise
        start += len(part.told)
        if say is not None and n_all > size:
            say(f"{len(stored)} of {n_all} runs told\n")
    n_outside = sum(bool(observation.outside) for observation in stored)
    if say is not None and n_outside:
        names = ", ".join(dict.fromkeys(name for observation in stored for name in observation.outside))
        say(f"{n_outside} of {n_all} runs lie outside the space ({names}); they are stored as measured\n")
    return stored


async def _add_part(connection: Caller, exp_uuid: UUID, part: Runs) -> list[Observation]:
    try:
        return await tell_all(connection, exp_uuid, part.told)
    except ServiceError as error:
        if error.code != _INVALID or not error.errors:
            raise
        errors = [problem.model_copy(update={"field": _placed(problem.field, part.places)}) for problem in error.errors]
        raise InvalidInputError(f"{part.subject} is not valid:", errors) from None


def _placed(field: str, places: list[str]) -> str:
    """Replace the start of a field such as ``observations.7.covars.x`` by the line or row of that run."""
    first, _, rest = field.partition(".")
    index, _, inner = rest.partition(".")
    if first != "observations" or not index.isdecimal() or int(index) >= len(places):
        return field
    for part in ("covars", "responses", "sds"):
        inner = inner.removeprefix(f"{part}.")
    return f"{places[int(index)]}.{inner}" if inner else places[int(index)]


def _stored_note(n_stored: int, part: Runs, n_all: int, error: AutotuneError) -> str:
    stored = f"The first {n_stored} of {n_all} runs are stored. " if n_stored else ""
    if isinstance(error, ConnectionFailedError | UnavailableError):
        # The part may have arrived, and only the reply been lost.
        return f"{stored}The runs from {part.places[0]} to {part.places[-1]} may be stored or not: look at history()."
    return f"{stored}The runs from {part.places[0]} on are not stored." if n_stored else "None of the runs is stored."


async def _send(connection: Caller, exp_uuid: UUID, body: Tell, key: str | None = None) -> list[Observation]:
    reply = await connection.send(EXPERIMENT_TELL.format(exp_uuid=exp_uuid), TellReply, body, key=key)
    notes = reply.notes if len(reply.observations) == 1 else []
    return [Observation(**dict(observation), notes=notes) for observation in reply.observations]
