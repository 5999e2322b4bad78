"""Experiments: their rows, the pages of their list, and the row lock that orders the changes of one experiment."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import TypeAdapter

from autotune_service.domain.access import no_experiment
from autotune_service.domain.advice import advice_on, advice_on_earlier
from autotune_service.domain.candidates import BLOCK
from autotune_service.store.database import Store, Work
from autotune_service.store.rows.claims import NOW, is_over, seconds_to
from autotune_service.store.rows.members import SHARED_WITH, is_visible
from autotune_service.store.rows.suggestions import PENDING_AS_JSON, SuggestionRow, list_pending, read_pending
from autotune_service.store.statements import Filled, Row, Statement, json_text
from autotune_service.store.tables import candidate_blocks, experiments, observations
from autotune_wire.base import Configuration
from autotune_wire.candidates import CandidateList
from autotune_wire.constraints import Constraint
from autotune_wire.experiments import AcqFunc, Best, BestPredicted, EngineName, Experiment, ModelType, direction_of
from autotune_wire.learning import EarlierExperiment
from autotune_wire.pausing import Paused
from autotune_wire.reports import EarlyStop
from autotune_wire.responses import Responses, primary_of
from autotune_wire.space import Space
from autotune_wire.stopping import Stopped, StopRules

_SPACE: TypeAdapter[Space] = TypeAdapter(Space)
_RESPONSES: TypeAdapter[Responses] = TypeAdapter(Responses)
_CONSTRAINTS: TypeAdapter[list[Constraint]] = TypeAdapter(list[Constraint])
_STOP: TypeAdapter[StopRules | None] = TypeAdapter(StopRules | None)
_STOPPED: TypeAdapter[Stopped | None] = TypeAdapter(Stopped | None)
_EARLY_STOP: TypeAdapter[EarlyStop | None] = TypeAdapter(EarlyStop | None)
_BEST_PREDICTED: TypeAdapter[BestPredicted | None] = TypeAdapter(BestPredicted | None)

_MANY_OPTIONS = 1000

ACTIVE, PAUSED, CLOSED = "active", "paused", "closed"

# The clocks of the services differ, and the database's may be set back: the events of a log keep their order in time.
CHANGED_AT = sa.func.greatest(NOW, experiments.c.updated_at).label("changed_at")
_IS_FAILING = sa.not_(is_over(experiments.c.retry_at))
_RETRY_IN = sa.case((_IS_FAILING, seconds_to(experiments.c.retry_at)))
_BY_UUID = sa.select(experiments, CHANGED_AT, _RETRY_IN.label("retry_in_s")).where(
    experiments.c.exp_uuid == sa.bindparam("exp_uuid")
)
_SEEN = _BY_UUID.where(is_visible())
_GET, _GET_LOCKED = Statement(_SEEN), Statement(_SEEN.with_for_update(of=experiments))
_AS_SEEN = experiments.alias("as_seen")
_IS_AS_SEEN = (
    sa.select(sa.literal_column("as_seen.xmin")).where(_AS_SEEN.c.exp_uuid == experiments.c.exp_uuid).scalar_subquery()
    == sa.literal_column("xmin")
).label("is_as_seen")
"""Whether nobody has changed the row since the statement that locks it began: what else it has read is current."""
_GET_LOCKED_WITH_PENDING = Statement(
    _SEEN.add_columns(PENDING_AS_JSON.label("pending"), _IS_AS_SEEN).with_for_update(of=experiments)
)
_BEST_RESPONSES = (
    sa.select(observations.c.responses)
    .where(observations.c.observation_uuid == experiments.c.best_observation_uuid)
    .scalar_subquery()
    .label("best_responses")
)
_NUMBER = observations.c.candidate
_IS_WITHDRAWN = (
    sa.exists()
    .where(
        candidate_blocks.c.exp_uuid == observations.c.exp_uuid,
        candidate_blocks.c.first == _NUMBER - (_NUMBER - 1) % BLOCK,
        sa.any_(candidate_blocks.c.withdrawn) == _NUMBER,
    )
    .correlate(observations)
)
_N_TOLD = (
    sa.select(sa.func.count(_NUMBER.distinct()))
    .where(
        observations.c.exp_uuid == experiments.c.exp_uuid,
        _NUMBER.is_not(None),
        sa.not_(observations.c.is_excluded),
        sa.not_(_IS_WITHDRAWN),
    )
    .correlate(experiments)
    .scalar_subquery()
)
# Only of a list are its runs counted.
_TOLD_LEFT = sa.case((experiments.c.candidates.is_not(None), _N_TOLD)).label("n_told_of_list")
_GET_SHOWN = Statement(_SEEN.add_columns(_BEST_RESPONSES, _TOLD_LEFT))
_SHARED = Statement(_BY_UUID.add_columns(_BEST_RESPONSES, _TOLD_LEFT).with_for_update(read=True))
_LOCKED = Statement(_BY_UUID.with_for_update())
_GET_OWNER = Statement(sa.select(experiments.c.owner_uuid).where(experiments.c.exp_uuid == sa.bindparam("exp_uuid")))

_STANDING = Statement(
    sa.select(
        sa.and_(experiments.c.state == sa.literal_column("'active'"), experiments.c.stopped.is_(sa.null())).label(
            "is_running"
        ),
        _IS_FAILING.label("is_failing"),
        experiments.c.fit_rev,
        experiments.c.n_open,
        experiments.c.n_wanted,
    ).where(experiments.c.exp_uuid == sa.bindparam("exp_uuid"), is_visible())
)

_WRITER: sa.Label[str] = sa.literal_column("xmin::text").label("writer")
_STAMP = [*(experiments.c[name] for name in ("exp_uuid", "number", "last_seq", "updated_at")), _WRITER]

_AMONG = Statement(
    sa.select(experiments, _WRITER, _BEST_RESPONSES, _TOLD_LEFT).where(
        experiments.c.exp_uuid == sa.any_(sa.bindparam("exp_uuids", type_=sa.ARRAY(sa.Uuid()))),
        is_visible(),
    )
)
# Own and shared experiments are each read along their own index; a user has many of the one and few of the other.
_BEFORE = experiments.c.number < sa.bindparam("before", type_=sa.BigInteger)
_OWN_STAMPS = sa.select(*_STAMP).where(experiments.c.owner_uuid == sa.bindparam("user_uuid"), _BEFORE)
_SHARED_STAMPS = sa.select(*_STAMP).where(experiments.c.exp_uuid.in_(SHARED_WITH), _BEFORE)
_LIMIT = sa.bindparam("n_most", type_=sa.BigInteger)
_PAGES = [stamps.order_by(experiments.c.number.desc()).limit(_LIMIT) for stamps in (_OWN_STAMPS, _SHARED_STAMPS)]
_PAGE = sa.union(*(sa.select(page.subquery()) for page in _PAGES)).subquery()
_STAMPS = Statement(sa.select(_PAGE).order_by(_PAGE.c.number.desc()).limit(_LIMIT))

_IS_SHARED = (experiments.c.owner_uuid != sa.bindparam("user_uuid")).label("is_shared")
_POSITION = sa.select(experiments.c.exp_uuid, experiments.c.last_seq, _IS_SHARED)
_POSITIONS = Statement(
    sa.union(
        _POSITION.where(experiments.c.owner_uuid == sa.bindparam("user_uuid")),
        _POSITION.where(experiments.c.exp_uuid.in_(SHARED_WITH)),
    )
)
_NEWEST = 2**63 - 1

BestOne = tuple[UUID | None, float | None, Configuration | None]
"""The best observation: its uuid, its response and its configuration; three times None before the first one."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the engine is with an experiment.

    ``is_running`` is False while the experiment is closed, paused or stopped; ``is_failing`` is True while the engine,
    which has failed, waits to be tried again.
    """

    is_running: bool
    is_failing: bool
    fit_rev: int
    n_open: int
    n_wanted: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """Identifies one state of an experiment: two states of an experiment have different stamps.

    ``writer`` is the number of the transaction that wrote the row. Such a number may come a second time after a
    failover, so the stamp also has ``last_seq`` and ``updated_at``.
    """

    exp_uuid: UUID
    number: int
    last_seq: int
    updated_at: datetime
    writer: str


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """An experiment as stored; ``number`` orders all experiments by creation.

    ``best_responses`` holds all responses of the best observation, and ``candidates`` how many of its rows are left.
    Only rows that are read to be shown have them. ``candidates_revision`` counts the changes of the list.
    ``changed_at`` is the time of a change that is made to the row as it was read: the database's time, but never before
    the last change. ``retry_in_s`` is in how many seconds the engine, which has failed, is tried again; None if it does
    not wait for that.
    """

    exp_uuid: UUID
    number: int
    owner_uuid: UUID
    name: str
    description: str
    space: Space
    space_revision: int
    constraints: list[Constraint]
    responses: Responses
    engine: EngineName
    model_type: ModelType
    acq_func: AcqFunc
    seed: int
    state: str
    created_at: datetime
    updated_at: datetime
    last_seq: int
    n_observations: int
    best_observation_uuid: UUID | None
    best_response: float | None
    best_covars: Configuration | None
    data_rev: int
    fit_rev: int
    n_open: int
    n_wanted: int
    stop: StopRules | None
    stopped: Stopped | None
    best_predicted: BestPredicted | None
    paused: Paused | None
    learn_from: list[EarlierExperiment]
    early_stop: EarlyStop | None
    n_bytes: int = field(compare=False)
    changed_at: datetime = field(compare=False)
    retry_in_s: float | None = field(compare=False)
    best_responses: dict[str, float] = field(default_factory=dict)
    candidates: CandidateList | None = None
    n_candidate_bytes: int = 0
    candidates_revision: int = 0

    @property
    def is_closed(self) -> bool:
        """Whether the experiment is closed and takes no more asks and tells."""
        return self.state == CLOSED

    @property
    def takes_suggestions(self) -> bool:
        """Whether suggestions are computed: the experiment is not closed, not paused, and no stop rule was met."""
        return self.state == ACTIVE and self.stopped is None

    @property
    def best_one(self) -> BestOne:
        """The best observation so far."""
        return self.best_observation_uuid, self.best_response, self.best_covars

    @property
    def has_contexts(self) -> bool:
        """Whether the space has contexts; a suggestion then cannot be made before an ask gives their values."""
        return any(covariate.role == "context" for covariate in self.space.values())

    @property
    def has_rows(self) -> bool:
        """Whether there is anything to suggest: no list, or a list of which not all rows are withdrawn."""
        return self.candidates is None or self.candidates.n_withdrawn < self.candidates.n

    @property
    def n_ready(self) -> int:
        """How many open suggestions the service keeps ready for the next ask."""
        return 0 if self.has_contexts or not self.has_rows else 1

    def to_wire(self) -> Experiment:
        """Convert the row to its model in the API."""
        best = None
        if self.best_observation_uuid is not None and self.best_response is not None and self.best_covars is not None:
            best = Best(
                observation_uuid=self.best_observation_uuid,
                covars=self.best_covars,
                response=self.best_response,
                responses=self.best_responses,
            )
        return Experiment(
            exp_uuid=self.exp_uuid,
            name=self.name,
            description=self.description,
            covars=self.space,
            space_revision=self.space_revision,
            constraints=self.constraints,
            candidates=self.candidates,
            advice=[*advice_on(self.space), *advice_on_earlier(self.learn_from)],
            responses=self.responses,
            engine=self.engine,
            model_type=self.model_type,
            acq_func=self.acq_func,
            direction=direction_of(primary_of(self.responses)[1]),
            seed=self.seed,
            state="closed" if self.is_closed else "active",  # a pause is no state on the wire: older clients know two
            n_observations=self.n_observations,
            best=best,
            best_predicted=self.best_predicted,
            stop=self.stop,
            stopped=self.stopped,
            early_stop=self.early_stop,
            paused=self.paused,
            learn_from=self.learn_from,
            last_seq=self.last_seq,
            time_created=self.created_at,
            time_updated=self.updated_at,
        )


async def add_experiment(work: Work, values: dict[str, Any]) -> ExperimentRow:
    """Store a new experiment, created now by the database's clock; the transaction holds the lock of its row."""
    created = {"created_at": sa.func.statement_timestamp(), "updated_at": sa.func.statement_timestamp()}
    row = await work.one(sa.insert(experiments).values(**values, **created).returning(experiments))
    assert row is not None
    return await _read(row)


async def get_experiment(work: Work, exp_uuid: UUID, user_uuid: UUID, *, lock: bool = False) -> ExperimentRow:
    """Find an experiment that a user has a role on; with ``lock``, no other transaction changes it until this one ends.

    Raises:
        NotFoundError: If the experiment does not exist, or the user has no role on it.
    """
    row = await work.one((_GET_LOCKED if lock else _GET)(exp_uuid=exp_uuid, user_uuid=user_uuid))
    if row is None:
        raise no_experiment(exp_uuid)
    return await _read(row)


async def get_experiment_and_pending(
    work: Work, exp_uuid: UUID, user_uuid: UUID
) -> tuple[ExperimentRow, list[SuggestionRow]]:
    """Find and lock an experiment as ``get_experiment`` does, and list its pending suggestions, oldest first.

    One statement reads both. It may have waited for the lock, and read the suggestions before. Whatever changes these
    changes the experiment too (``record``): if its row was changed meanwhile, the suggestions are read again.

    Raises:
        NotFoundError: As ``get_experiment``.
    """
    row = await work.one(_GET_LOCKED_WITH_PENDING(exp_uuid=exp_uuid, user_uuid=user_uuid))
    if row is None:
        raise no_experiment(exp_uuid)
    pending = read_pending(row["pending"]) if row["is_as_seen"] else await list_pending(work, exp_uuid)
    return await _read(row), pending


async def get_shown_experiment(work: Work, exp_uuid: UUID, user_uuid: UUID) -> ExperimentRow:
    """Find a user's experiment with all responses of its best observation, for a reply that shows the experiment.

    Raises:
        NotFoundError: As ``get_experiment``.
    """
    row = await work.one(_GET_SHOWN(exp_uuid=exp_uuid, user_uuid=user_uuid))
    if row is None:
        raise no_experiment(exp_uuid)
    return await _read(row)


async def get_experiment_for_worker(work: Work, exp_uuid: UUID, *, lock: bool = False) -> ExperimentRow | None:
    """Find an experiment of any user, and keep other transactions from changing it until this one ends.

    Args:
        work: The transaction.
        exp_uuid: The experiment.
        lock: Whether this transaction may change the experiment. Without ``lock``, several transactions can hold it,
            and the row has all responses of the best observation, which insights show.
    """
    row = await work.one((_LOCKED if lock else _SHARED)(exp_uuid=exp_uuid))
    return None if row is None else await _read(row)


async def get_standing(work: Work, exp_uuid: UUID, user_uuid: UUID) -> Standing | None:
    """Find how far the engine is with a user's experiment; None if the user has no such experiment."""
    row = await work.one(_STANDING(exp_uuid=exp_uuid, user_uuid=user_uuid))
    return None if row is None else Standing(**row)


async def list_stamps(work: Work, user_uuid: UUID, before: int | None, limit: int) -> list[Stamp]:
    """List the stamps of a user's experiments with a number less than ``before``, newest first, at most ``limit``."""
    rows = await work.all(_STAMPS(user_uuid=user_uuid, before=_NEWEST if before is None else before, n_most=limit))
    return [Stamp(**row) for row in rows]


async def list_stamped(work: Work, user_uuid: UUID, exp_uuids: Sequence[UUID]) -> list[tuple[Stamp, ExperimentRow]]:
    """List those of the given experiments that the user has a role on, each with its stamp, in no order."""
    rows = await work.all(_AMONG(user_uuid=user_uuid, exp_uuids=exp_uuids))
    return [(Stamp(**{name: row[name] for name in Stamp.__slots__}), await _read(row)) for row in rows]


async def count_experiments(work: Work, user_uuid: UUID) -> int:
    """Count the experiments that a user owns."""
    row = await work.one(sa.select(sa.func.count().label("n")).where(experiments.c.owner_uuid == user_uuid))
    return 0 if row is None else int(row["n"])


async def get_owner(work: Work | Store, exp_uuid: UUID) -> UUID | None:
    """Find out who owns an experiment; None if there is no such experiment."""
    row = await work.one(_GET_OWNER(exp_uuid=exp_uuid))
    return None if row is None else row["owner_uuid"]


async def count_bytes(work: Work, user_uuid: UUID, with_exp_uuid: UUID | None = None) -> int:
    """Count the bytes that the experiments of an owner take, by their rows and events; and another one's, if given."""
    n_bytes = sa.func.coalesce(sa.func.sum(experiments.c.n_bytes), 0)
    is_counted = experiments.c.owner_uuid == user_uuid
    if with_exp_uuid is not None:
        is_counted = sa.or_(is_counted, experiments.c.exp_uuid == with_exp_uuid)
    row = await work.one(sa.select(n_bytes.label("n")).where(is_counted))
    return 0 if row is None else int(row["n"])


async def list_positions(work: Work, user_uuid: UUID) -> tuple[dict[UUID, int], set[UUID]]:
    """List the seq of the last event of each experiment that a user has a role on, by the experiment's uuid.

    Returns:
        The seqs; and which of the experiments others own.
    """
    rows = await work.all(_POSITIONS(user_uuid=user_uuid))
    shared = {row["exp_uuid"] for row in rows if row["is_shared"]}
    return {row["exp_uuid"]: row["last_seq"] for row in rows}, shared


async def update_experiment(work: Work, exp_uuid: UUID, values: dict[str, Any]) -> None:
    """Change columns of an experiment; the transaction holds its row lock."""
    await work.run(set_experiment(exp_uuid, values))


def set_experiment(exp_uuid: UUID, values: dict[str, Any]) -> Filled:
    """Build the query that changes columns of an experiment."""
    return _update(tuple(values))(of_uuid=exp_uuid, **values)


@lru_cache
def _update(names: tuple[str, ...]) -> Statement:
    values = {name: sa.bindparam(name, type_=experiments.c[name].type) for name in names}
    return Statement(sa.update(experiments).where(experiments.c.exp_uuid == sa.bindparam("of_uuid")).values(values))


_COMPUTED = frozenset(
    {"paused", "space", "best_responses", "changed_at", "retry_in_s"}
    | {"candidates", "n_candidate_bytes", "candidates_revision"}
)


def experiment_of(row: Row) -> ExperimentRow:
    """Build the row object from a record of the experiments table."""
    fields = {name: row[name] for name in ExperimentRow.__slots__ if name not in _COMPUTED}
    fields |= {
        # A row that was just written, or is only listed, was read without these two.
        "changed_at": row.get("changed_at", row["updated_at"]),
        "retry_in_s": row.get("retry_in_s"),
        "space": space_of(row["covars"]),
        "responses": _RESPONSES.validate_python(row["responses"]),
        "constraints": constraints_of(row["constraints"]),
        "stop": _STOP.validate_python(row["stop"]),
        "stopped": _STOPPED.validate_python(row["stopped"]),
        "early_stop": _EARLY_STOP.validate_python(row["early_stop"]),
        "best_predicted": _BEST_PREDICTED.validate_python(row["best_predicted"]),
        "paused": _paused(row),
        "learn_from": [EarlierExperiment(**earlier) for earlier in row["learn_from"]],
        **_listed(row),
        "best_responses": row.get("best_responses") or {},
    }
    return ExperimentRow(**fields)


def _listed(row: Row) -> dict[str, Any]:
    stored = row["candidates"]
    if stored is None:
        return {"candidates": None, "n_candidate_bytes": 0, "candidates_revision": 0}
    listed = CandidateList.model_validate(stored)
    n_told = row.get("n_told_of_list")
    if n_told is not None:
        listed.n_left = listed.n - listed.n_withdrawn - n_told
    return {"candidates": listed, "n_candidate_bytes": stored["n_bytes"], "candidates_revision": stored["revision"]}


def _paused(row: Row) -> Paused | None:
    # A service of before closes and reopens experiments without a look at the pause: the state says what holds.
    if row["state"] != PAUSED:
        return None
    found = row["paused"] or {"reason": None, "at": row["updated_at"]}
    return Paused(**found, by=row["paused_by"])


def space_of(covars: dict[str, Any]) -> Space:
    """Read a space from its column; a space of many options is read once for all who ask for it, and never changed."""
    return _large_space_of(json_text(covars)) if _is_large(covars) else _SPACE.validate_python(covars)


def _is_large(covars: dict[str, Any]) -> bool:
    return sum(len(covariate.get("options", ())) for covariate in covars.values()) > _MANY_OPTIONS


@lru_cache(maxsize=8)
def _large_space_of(text: str) -> Space:
    return _SPACE.validate_json(text)


async def _read(row: Row) -> ExperimentRow:
    """Build the row object; what is large is read in a thread, as that takes a tenth of a second and more."""
    if _is_large(row["covars"]):
        await asyncio.to_thread(space_of, row["covars"])
    if _have_many_values(row["constraints"]):
        await asyncio.to_thread(constraints_of, row["constraints"])
    return experiment_of(row)


def constraints_of(constraints: list[Any]) -> list[Constraint]:
    """Read constraints from their column; many values are read once for all who ask for them, and never changed."""
    if _have_many_values(constraints):
        return _large_constraints_of(json_text(constraints))
    return _CONSTRAINTS.validate_python(constraints)


def _have_many_values(constraints: list[Any]) -> bool:
    lists = (values for one in constraints for values in one.get("combination", {}).values())
    return sum(map(len, lists)) > _MANY_OPTIONS


@lru_cache(maxsize=8)
def _large_constraints_of(text: str) -> list[Constraint]:
    return _CONSTRAINTS.validate_json(text)
