"""Tells on their way: sent, and sent again where only the answer was lost."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from uuid import UUID

from autotune.connection import Connection
from autotune.errors import ConnectionFailedError, ServiceError
from autotune.shown import Observation
from autotune_wire.observations import Tell, TellReply, Told
from autotune_wire.paths import EXPERIMENT_TELL

ALREADY_TOLD = "already_told"
MAX_TELLS = 5
"""How often a tell is sent whose answer is lost each time."""


def tell_one(
    connection: Connection, exp_uuid: UUID, told: Told, observations: Callable[[], list[Observation]]
) -> Observation:
    """Tell one run; that of a suggestion is repeated where its answer is lost, as it can be stored only once.

    Args:
        connection: The way to the service.
        exp_uuid: The experiment.
        told: The run.
        observations: Fetches what is stored.
    """
    body = Tell.model_validate(told.model_dump(exclude_unset=True))
    if told.suggestion_uuid is None:
        return _send(connection, exp_uuid, body)[0]
    is_lost = False
    for attempt in count(1):
        try:
            return _send(connection, exp_uuid, body)[0]
        except ConnectionFailedError as error:
            if not error.is_sent or attempt == MAX_TELLS:
                raise
            is_lost = True
        except ServiceError as error:
            stored = _stored(told, observations()) if is_lost and error.code == ALREADY_TOLD else None
            if stored is None:
                raise
            return stored
    raise AssertionError("count() never ends")


def tell_all(connection: Connection, exp_uuid: UUID, told: Sequence[Told]) -> list[Observation]:
    """Tell runs at once: all are stored, or none."""
    return _send(connection, exp_uuid, Tell(observations=list(told)))


def _send(connection: Connection, exp_uuid: UUID, body: Tell) -> list[Observation]:
    reply = connection.post(EXPERIMENT_TELL.format(exp_uuid=exp_uuid), TellReply, body)
    return [Observation(**dict(observation)) for observation in reply.observations]


def _stored(told: Told, observations: Sequence[Observation]) -> Observation | None:
    """Find the observation that a tell left behind whose answer was lost."""
    return next(
        (one for one in observations if one.suggestion_uuid == told.suggestion_uuid and _is_same(told, one)), None
    )


def _is_same(told: Told, stored: Observation) -> bool:
    if told.status != stored.status:
        return False
    if told.responses is None:
        return told.response == stored.response
    return _known(told.responses) == _known(stored.responses)


def _known(responses: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in responses.items()}
