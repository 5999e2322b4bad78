"""Tells on their way to the service."""

from collections.abc import Sequence
from uuid import UUID

from autotune.connection import Connection
from autotune.shown import Observation
from autotune_wire.observations import Tell, TellReply, Told
from autotune_wire.paths import EXPERIMENT_TELL


def tell_one(connection: Connection, exp_uuid: UUID, told: Told) -> Observation:
    """Tell one run."""
    return _send(connection, exp_uuid, Tell.model_validate(told.model_dump(exclude_unset=True)))[0]


def tell_all(connection: Connection, exp_uuid: UUID, told: Sequence[Told]) -> list[Observation]:
    """Tell runs at once: all are stored, or none."""
    return _send(connection, exp_uuid, Tell(observations=list(told)))


def _send(connection: Connection, exp_uuid: UUID, body: Tell) -> list[Observation]:
    reply = connection.post(EXPERIMENT_TELL.format(exp_uuid=exp_uuid), TellReply, body)
    return [Observation(**dict(observation)) for observation in reply.observations]
