"""Curves: what each run reported while it was under way."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from autotune_service.store.database import Work
from autotune_service.store.statements import Filled, Row, Statement
from autotune_service.store.tables import curves, observations, suggestions
from autotune_wire.reports import MAX_CURVES, Curve

_COLUMNS = ("exp_uuid", "seq", "suggestion_uuid", "steps", "values", "n_steps", "why", "updated_at")
_OF_EXPERIMENT = curves.c.exp_uuid == sa.bindparam("exp_uuid")
_SEEN = (
    sa.select(
        curves,
        suggestions.c.state,
        observations.c.observation_uuid,
        observations.c.status,
        observations.c.is_excluded,
        observations.c.stopped_step,
    )
    .join(suggestions, suggestions.c.suggestion_uuid == curves.c.suggestion_uuid)
    .outerjoin(observations, observations.c.suggestion_uuid == curves.c.suggestion_uuid)
    .where(_OF_EXPERIMENT)
)
_LIST = Statement(_SEEN.order_by(curves.c.seq.desc()).limit(sa.bindparam("n_most", type_=sa.BigInteger)))
_GET = Statement(sa.select(curves).where(_OF_EXPERIMENT, curves.c.suggestion_uuid == sa.bindparam("suggestion_uuid")))
_AMONG = sa.any_(sa.bindparam("uuids", type_=sa.ARRAY(sa.Uuid())))
_LIST_OF = Statement(sa.select(curves).where(_OF_EXPERIMENT, curves.c.suggestion_uuid == _AMONG))
_COUNT = Statement(sa.select(sa.func.coalesce(sa.func.sum(curves.c.n_steps), 0).label("n")).where(_OF_EXPERIMENT))
_NEW = {name: sa.bindparam(f"new_{name}", type_=curves.c[name].type) for name in _COLUMNS}
_KEPT = ("steps", "values", "n_steps", "why", "updated_at")
_STORE = insert(curves).values(_NEW)
_UPSERT = Statement(
    _STORE.on_conflict_do_update(
        index_elements=[curves.c.exp_uuid, curves.c.seq], set_={name: _STORE.excluded[name] for name in _KEPT}
    )
)

CurveState = Literal["running", "completed", "stopped", "failed", "excluded", "ended"]


@dataclass(frozen=True, slots=True)
class CurveRow:
    """The curve of a run as stored; ``seq`` is the seq of the event of its first report."""

    exp_uuid: UUID
    seq: int
    suggestion_uuid: UUID
    steps: list[int]
    values: list[float]
    why: str | None
    updated_at: datetime

    @property
    def points(self) -> dict[int, float]:
        """The value of each step."""
        return dict(zip(self.steps, map(float, self.values), strict=True))


@dataclass(frozen=True, slots=True)
class SeenCurve:
    """A curve, and what became of its run."""

    curve: CurveRow
    state: CurveState
    observation_uuid: UUID | None

    def to_wire(self) -> Curve:
        """Convert the row to its model in the API."""
        row = self.curve
        return Curve(
            suggestion_uuid=row.suggestion_uuid,
            state=self.state,
            observation_uuid=self.observation_uuid,
            steps=row.steps,
            values=row.values,
            should_stop=row.why is not None,
            why=row.why,
            time_updated=row.updated_at,
        )


async def list_curves(work: Work, exp_uuid: UUID, newest: int = MAX_CURVES) -> list[SeenCurve]:
    """List the curves of the runs that began to report last, at most ``newest``, in the order in which they began."""
    return [_seen_of(row) for row in reversed(await work.all(_LIST(exp_uuid=exp_uuid, n_most=newest)))]


async def get_curve(work: Work, exp_uuid: UUID, suggestion_uuid: UUID) -> CurveRow | None:
    """Find the curve of a suggestion's run; None if it reported nothing."""
    row = await work.one(_GET(exp_uuid=exp_uuid, suggestion_uuid=suggestion_uuid))
    return None if row is None else _curve_of(row)


async def list_curves_of(work: Work, exp_uuid: UUID, suggestion_uuids: Iterable[UUID]) -> list[CurveRow]:
    """List the curves of the runs of some suggestions, in no order; a run that reported nothing has none."""
    return [_curve_of(row) for row in await work.all(_LIST_OF(exp_uuid=exp_uuid, uuids=list(suggestion_uuids)))]


async def count_reports(work: Work, exp_uuid: UUID) -> int:
    """Count the steps that the runs of an experiment reported, all runs together."""
    row = await work.one(_COUNT(exp_uuid=exp_uuid))
    return 0 if row is None else int(row["n"])


def store_curve(row: CurveRow) -> Filled:
    """Build the query that stores a new curve, or one that has grown."""
    values = {name: len(row.steps) if name == "n_steps" else getattr(row, name) for name in _COLUMNS}
    return _UPSERT(**{f"new_{name}": value for name, value in values.items()})


def _seen_of(row: Row) -> SeenCurve:
    return SeenCurve(_curve_of(row), _state_of(row), row["observation_uuid"])


def _curve_of(row: Row) -> CurveRow:
    return CurveRow(**{name: row[name] for name in CurveRow.__slots__})


def _state_of(row: Row) -> CurveState:
    if row["observation_uuid"] is None:
        return "ended" if row["state"] in {"abandoned", "expired", "superseded"} else "running"
    if row["is_excluded"]:
        return "excluded"
    if row["status"] == "failed":
        return "failed"
    return "completed" if row["stopped_step"] is None else "stopped"
