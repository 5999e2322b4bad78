"""Observations: never deleted, in the order in which they were told, with all versions of each corrected one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.domain.outside import outside
from autotune_service.store.database import Work
from autotune_service.store.rows.bulk import insert_rows
from autotune_service.store.statements import Filled, Row, Statement
from autotune_service.store.tables import observation_versions, observations, users
from autotune_wire.base import Configuration
from autotune_wire.observations import Observation, ObservationVersion, Status
from autotune_wire.space import Space

_VERSIONED = (
    *("covars", "response", "responses", "sds", "status", "failed_because", "stopped_step", "stopped_value"),
    *("version", "is_excluded"),
)
"""The columns that each version of an observation has."""
_NEW_VERSION = ("exp_uuid", "observation_uuid", *_VERSIONED, "seq", "created_at", "reason", "user_uuid")
"""The columns of a row of ``observation_versions``."""
_NOTED = ("note", "tags", "noted_by", "noted_at")
_COUNTS = sa.not_(observations.c.is_excluded)
_PAGE = 250  # rows that are made at a time, as nobody else is served meanwhile
_LIST_COUNTED = Statement(
    sa.select(observations)
    .where(observations.c.exp_uuid == sa.bindparam("exp_uuid"), observations.c.seq > sa.bindparam("after"), _COUNTS)
    .order_by(observations.c.seq)
    .limit(_PAGE)
)
_TAKE_BACK = Statement(
    sa.update(observations)
    .where(
        observations.c.exp_uuid == sa.bindparam("of_uuid"),
        observations.c.seq == sa.any_(sa.bindparam("seqs", type_=sa.ARRAY(sa.BigInteger))),
    )
    .values(is_excluded=True, version=observations.c.version + 1, suggestion_uuid=None)
)


@dataclass(frozen=True, slots=True)
class ObservationRow:
    """An observation as stored; ``seq`` is the seq of its event, ``response`` the value of the primary objective.

    A run that was stopped early, at ``stopped_step``, has the last value that it reported in ``stopped_value``. The
    response that it reported is not among its ``responses``, which are final.

    ``told_by`` is the user who told it; None if a service of before, which did not store the user, or an import did.
    ``noted_by`` and ``noted_at`` say who wrote the note and the tags as they are, and when; None if nobody wrote any,
    and for ``noted_by`` also if it was imported. ``candidate`` is the number of the row of the list that was run.
    """

    exp_uuid: UUID
    seq: int
    observation_uuid: UUID
    suggestion_uuid: UUID | None
    covars: Configuration
    response: float | None
    responses: dict[str, float]
    sds: dict[str, float]
    status: Status
    created_at: datetime
    version: int = 1
    is_excluded: bool = False
    told_by: UUID | None = None
    failed_because: str | None = None
    note: str | None = None
    tags: list[str] | None = None
    noted_by: UUID | None = None
    noted_at: datetime | None = None
    stopped_step: int | None = None
    stopped_value: float | None = None
    candidate: int | None = None

    def to_wire(self, space: Space) -> Observation:
        """Convert the row to its model in the API, marked by the space as it is now."""
        return Observation(
            observation_uuid=self.observation_uuid,
            seq=self.seq,
            covars=self.covars,
            response=self.response,
            responses=self.responses,
            sds=self.sds,
            status=self.status,
            failed_because=self.failed_because,
            stopped_step=self.stopped_step,
            stopped_value=self.stopped_value,
            suggestion_uuid=self.suggestion_uuid,
            candidate=self.candidate,
            version=self.version,
            is_excluded=self.is_excluded,
            outside=outside(space, self.covars),
            told_by=self.told_by,
            note=self.note,
            tags=self.tags or [],
            noted_by=self.noted_by,
            time_noted=self.noted_at,
            time_created=self.created_at,
        )

    def as_version(self) -> ObservationVersion:
        """Convert an observation that was never corrected to its only version."""
        content = {name: getattr(self, name) for name in _VERSIONED}
        return ObservationVersion(**content, seq=self.seq, reason=None, time_created=self.created_at)


def insert_observations(rows: Sequence[ObservationRow]) -> Filled:
    """Build the query that stores new observations."""
    names = ObservationRow.__slots__
    return insert_rows(observations, names, [{name: getattr(row, name) for name in names} for row in rows])


async def list_observations(
    work: Work, exp_uuid: UUID, after: int = 0, limit: int | None = None
) -> list[ObservationRow]:
    """List the observations with a seq greater than ``after``, oldest first, at most ``limit`` if that is given."""
    query = _in_order(observations, exp_uuid, after).limit(limit)
    return [_observation_of(row) for row in await work.all(query)]


async def list_newest(work: Work, exp_uuid: UUID, last_seq: int, limit: int) -> list[ObservationRow]:
    """List the newest observations that were told up to an event, oldest first, at most ``limit``."""
    of = observations.c
    query = sa.select(observations).where(of.exp_uuid == exp_uuid, of.seq <= last_seq)
    found = await work.all(query.order_by(of.seq.desc()).limit(limit))
    return [_observation_of(row) for row in reversed(found)]


async def get_numbered(work: Work, exp_uuid: UUID, number: int) -> ObservationRow | None:
    """Find an observation of an experiment by its number, 1 for the oldest."""
    row = await work.one(_in_order(observations, exp_uuid).offset(number - 1).limit(1))
    return None if row is None else _observation_of(row)


async def list_measured(work: Work, exp_uuid: UUID) -> list[dict[str, float]]:
    """List the responses of each observation that is not excluded, oldest first; a failed run has an empty dict."""
    query = _in_order(observations.c.responses, exp_uuid).where(_COUNTS)
    return [row["responses"] for row in await work.all(query)]


async def list_counted(work: Work, exp_uuid: UUID, after: int = 0) -> list[ObservationRow]:
    """List the observations that are not excluded and have a seq greater than ``after``, oldest first."""
    counted: list[ObservationRow] = []
    while True:
        page = [_observation_of(row) for row in await work.all(_LIST_COUNTED(exp_uuid=exp_uuid, after=after))]
        counted += page
        if len(page) < _PAGE:
            return counted
        after = page[-1].seq


async def get_observation(work: Work, exp_uuid: UUID, observation_uuid: UUID) -> ObservationRow | None:
    """Find an observation of an experiment by its uuid."""
    query = sa.select(observations).where(
        observations.c.exp_uuid == exp_uuid, observations.c.observation_uuid == observation_uuid
    )
    row = await work.one(query)
    return None if row is None else _observation_of(row)


async def list_newest_of(work: Work, exp_uuid: UUID, user_uuid: UUID, limit: int) -> list[ObservationRow]:
    """List the observations that a user told and that are not excluded, newest first, at most ``limit``.

    Observations of which nobody knows who told them count as the user's: who may tell and undo is one and the same.
    """
    is_own = sa.or_(observations.c.told_by == user_uuid, observations.c.told_by.is_(None))
    query = sa.select(observations).where(observations.c.exp_uuid == exp_uuid, _COUNTS, is_own)
    found = await work.all(query.order_by(observations.c.seq.desc()).limit(limit))
    return [_observation_of(row) for row in found]


def set_taken_back(exp_uuid: UUID, rows: Sequence[ObservationRow]) -> Filled:
    """Build the query that excludes observations in a new version and frees their suggestions."""
    return _TAKE_BACK(of_uuid=exp_uuid, seqs=[row.seq for row in rows])


async def update_observation(work: Work, row: ObservationRow) -> None:
    """Overwrite an observation with its new version; the transaction holds the experiment's row lock."""
    query = sa.update(observations).where(
        observations.c.exp_uuid == row.exp_uuid, observations.c.observation_uuid == row.observation_uuid
    )
    await work.run(query.values({name: getattr(row, name) for name in _VERSIONED}))


async def update_note(work: Work, row: ObservationRow) -> None:
    """Overwrite the note and the tags of an observation; the transaction holds the experiment's row lock."""
    query = sa.update(observations).where(
        observations.c.exp_uuid == row.exp_uuid, observations.c.observation_uuid == row.observation_uuid
    )
    await work.run(query.values({name: getattr(row, name) for name in _NOTED}))


async def add_version(
    work: Work, row: ObservationRow, *, seq: int, at: datetime, reason: str | None, user_uuid: UUID | None
) -> None:
    """Add a version of an observation to its history; a version that the history has already stays unchanged.

    Args:
        work: The transaction that corrects the observation.
        row: The observation in that version.
        seq: The seq of the event that announced the version.
        at: Time of the version.
        reason: Reason for the correction; None for the first version.
        user_uuid: The user who corrected the observation; None for the first version.
    """
    values = _version_of(row, seq=seq, at=at, reason=reason, user_uuid=user_uuid)
    await work.run(insert(observation_versions).values(**values).on_conflict_do_nothing())


def insert_taken_back(
    before: Sequence[ObservationRow],
    after: Sequence[ObservationRow],
    *,
    first_seq: int,
    at: datetime,
    reason: str,
    user_uuid: UUID,
) -> Filled:
    """Build the query that stores the new versions of several observations.

    Args:
        before: The observations as they were. The history of those that were never corrected gets their first version.
        after: The same observations in their new versions.
        first_seq: The seq of the event that announces the first of the new versions; the others follow in order.
        at: Time of the new versions.
        reason: Reason for the new versions.
        user_uuid: The user who made the new versions.
    """
    versions = [
        _version_of(row, seq=row.seq, at=row.created_at, reason=None, user_uuid=None)
        for row in before
        if row.version == 1
    ]
    versions += [
        _version_of(row, seq=first_seq + index, at=at, reason=reason, user_uuid=user_uuid)
        for index, row in enumerate(after)
    ]
    return insert_rows(observation_versions, _NEW_VERSION, versions)


async def list_observation_versions(work: Work, observation_uuid: UUID) -> list[ObservationVersion]:
    """List the versions of an observation, oldest first; empty if the observation was never corrected."""
    query = (
        sa.select(observation_versions, users.c.email)
        .outerjoin(users, users.c.user_uuid == observation_versions.c.user_uuid)
        .where(observation_versions.c.observation_uuid == observation_uuid)
        .order_by(observation_versions.c.version)
    )
    names = ("seq", "reason", *_VERSIONED)
    return [
        ObservationVersion(
            **{name: row[name] for name in names} | _with_its_reason(row),
            time_created=row["created_at"],
            corrected_by=row["email"],
        )
        for row in await work.all(query)
    ]


async def get_observation_of(work: Work, suggestion_uuid: UUID, exp_uuid: UUID) -> ObservationRow | None:
    """Find the observation that was told for a suggestion; None if the suggestion has none."""
    query = sa.select(observations).where(
        observations.c.exp_uuid == exp_uuid, observations.c.suggestion_uuid == suggestion_uuid
    )
    row = await work.one(query)
    return None if row is None else _observation_of(row)


def _version_of(
    row: ObservationRow, *, seq: int, at: datetime, reason: str | None, user_uuid: UUID | None
) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in ("exp_uuid", "observation_uuid", *_VERSIONED)}
    return {**values, "seq": seq, "created_at": at, "reason": reason, "user_uuid": user_uuid}


def _in_order(selected: sa.Table | sa.Column[Any], exp_uuid: UUID, after: int = 0) -> sa.Select[Any]:
    is_wanted = sa.and_(observations.c.exp_uuid == exp_uuid, observations.c.seq > after)
    return sa.select(selected).where(is_wanted).order_by(observations.c.seq)


def _observation_of(row: Row) -> ObservationRow:
    found = {name: row[name] for name in ObservationRow.__slots__}
    return ObservationRow(**found | _with_its_reason(row))


def _with_its_reason(row: Row) -> dict[str, str | None]:
    # A service of before, which knows no reasons, leaves the reason where it corrects a run that had failed.
    return {"failed_because": row["failed_because"] if row["status"] == "failed" else None}
