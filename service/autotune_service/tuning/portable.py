"""Give one experiment as a document, and make one of it: of the same service or another one."""

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any
from uuid import UUID, uuid4

from autotune_service.domain.errors import LimitReachedError
from autotune_service.domain.limits import DEFAULT_LIMITS, Limits
from autotune_service.domain.portable import best_of, check_portable
from autotune_service.domain.portable_log import Kind, renamed
from autotune_service.store.database import Store
from autotune_service.store.events import call_worker
from autotune_service.store.experiments import get_experiment, stored_constraints, stored_space
from autotune_service.store.portable import (
    ImportedRows,
    add_imported,
    hold_still,
    read_experiment_json,
    read_lists_json,
)
from autotune_service.store.suggestions import OPEN
from autotune_service.tuning.experiments import require_room
from autotune_service.tuning.once import ALWAYS, Once
from autotune_service.tuning.questions import key_of
from autotune_wire.experiments import Experiment
from autotune_wire.portable import (
    FORMAT,
    ExperimentExport,
    PortableObservation,
    PortableSuggestion,
    PortableVersion,
    check_plain,
)
from autotune_wire.responses import primary_of

_Row = dict[str, Any]
_LISTS = ("spaces", "suggestions", "observations", "versions", "events")


async def export_experiment(store: Store, user_uuid: UUID, exp_uuid: UUID) -> bytes:
    """Give all that is known of a user's experiment, as it stands at one moment; see ``ExperimentExport``.

    Raises:
        NotFoundError: If the user has no such experiment.
    """
    lists: dict[str, list[str]] = {name: [] for name in _LISTS}
    async with store.work() as work:
        await hold_still(work)
        experiment = await read_experiment_json(work, exp_uuid, user_uuid)
        async for name, rows in read_lists_json(work, exp_uuid):
            lists[name].append(rows)
    made = {
        "format": FORMAT,
        "autotune_version": version("autotune-bo"),
        "time_exported": datetime.now(UTC).isoformat(),
    }
    # Postgres wrote the rows as JSON: putting them together as texts keeps every digit and takes no time.
    parts = [json.dumps(made)[1:-1], f'"experiment":{experiment}']
    parts += [f'"{name}":[{",".join(chunks)}]' for name, chunks in lists.items()]
    return f"{{{','.join(parts)}}}".encode()


def read_export(document: Any) -> ExperimentExport:
    """Check a document from outside; with many observations it takes seconds.

    Raises:
        ValidationError: If a field is missing, unknown or of another type, or something is too large.
        InvalidError: If its parts do not fit together.
    """
    check_plain(document)
    export = ExperimentExport.model_validate(document)
    check_portable(export)
    return export


async def import_experiment(
    store: Store, user_uuid: UUID, export: ExperimentExport, once: Once = ALWAYS, limits: Limits = DEFAULT_LIMITS
) -> Experiment:
    """Store a checked document as a new experiment of the user: all has new uuids, and the same seqs.

    Raises:
        LimitReachedError: If the user has as many as there may be, or it has more observations than may be.
    """
    if len(export.observations) > limits.observations:
        raise LimitReachedError(
            f"an experiment may have {limits.observations} observations here, and this one has "
            f"{len(export.observations)}"
        )
    rows = await asyncio.to_thread(_Import(user_uuid, export).rows)
    async with store.work() as work:
        await once.begin(work)
        await add_imported(work, rows)
        await require_room(work, user_uuid, limits, n_new=0)  # last, as it keeps the user's others waiting
        call_worker(work, rows.experiment["exp_uuid"])
        told = (await get_experiment(work, rows.experiment["exp_uuid"], user_uuid)).to_wire()
        await once.keep(work, told)
    return told


class _Import:
    """The rows of a document's experiment, under new uuids."""

    def __init__(self, user_uuid: UUID, export: ExperimentExport) -> None:
        self._user_uuid = user_uuid
        self._export = export
        self._exp_uuid = uuid4()
        self._primary, self._objective = primary_of(export.experiment.responses)
        self._suggestions = _new(one.suggestion_uuid for one in export.suggestions)
        self._observations = _new(one.observation_uuid for one in export.observations)

    def rows(self) -> ImportedRows:
        export = self._export
        return ImportedRows(
            experiment=self._experiment(),
            spaces=[
                {
                    "exp_uuid": self._exp_uuid,
                    "revision": one.revision,
                    "covars": stored_space(one.covars),
                    "constraints": stored_constraints(one.constraints),
                    "backfill": one.backfill,
                    "seq": one.seq,
                    "created_at": one.time_created,
                }
                for one in export.spaces
            ],
            suggestions=[self._suggestion(one) for one in export.suggestions],
            observations=[self._observation(one) for one in export.observations],
            versions=[self._version(one) for one in export.versions],
            events=self._events(),
        )

    def _experiment(self) -> _Row:
        own, newest = self._export.experiment, self._export.spaces[-1]
        best = best_of(self._export)
        has_contexts = any(covariate.role == "context" for covariate in newest.covars.values())
        told = own.model_dump(mode="json", include={"responses", "stop", "stopped", "best_predicted"})
        kept = own.model_dump(
            include={"name", "description", "engine", "model_type", "acq_func", "seed", "state"}
            | {"n_observations", "last_seq", "data_rev", "fit_rev"}
        )
        return {
            **told,
            **kept,
            "exp_uuid": self._exp_uuid,
            "owner_uuid": self._user_uuid,
            "covars": stored_space(newest.covars),
            "constraints": stored_constraints(newest.constraints),
            "space_revision": newest.revision,
            "direction": self._objective.goal,
            "created_at": own.time_created,
            "updated_at": own.time_updated,
            "best_observation_uuid": None if best is None else self._observations[best.observation_uuid],
            "best_response": None if best is None else best.responses[self._primary],
            "best_covars": None if best is None else best.covars,
            "n_open": sum(one.state == OPEN and not one.fixed for one in self._export.suggestions),
            "n_wanted": 0 if has_contexts else 1,
        }

    def _suggestion(self, one: PortableSuggestion) -> _Row:
        kept = one.model_dump(exclude={"suggestion_uuid", "worker", "time_created"})
        return {
            **kept,
            "suggestion_uuid": self._suggestions[one.suggestion_uuid],
            "exp_uuid": self._exp_uuid,
            "fixed_key": key_of(one.fixed) if one.fixed else None,
            "lease_by": one.worker,
            "created_at": one.time_created,
        }

    def _observation(self, one: PortableObservation) -> _Row:
        suggested = None if one.suggestion_uuid is None else self._suggestions[one.suggestion_uuid]
        return self._measured(one, one.observation_uuid) | {"suggestion_uuid": suggested}

    def _version(self, one: PortableVersion) -> _Row:
        # Who wrote it was a user of the service that it comes from.
        return self._measured(one, one.observation_uuid) | {"reason": one.reason, "user_uuid": None}

    def _measured(self, one: PortableObservation | PortableVersion, observation_uuid: UUID) -> _Row:
        return {
            "exp_uuid": self._exp_uuid,
            "observation_uuid": self._observations[observation_uuid],
            "seq": one.seq,
            "version": one.version,
            "covars": one.covars,
            "response": one.responses.get(self._primary),
            "responses": one.responses,
            "sds": one.sds,
            "status": one.status,
            "is_excluded": one.is_excluded,
            "created_at": one.time_created,
        }

    def _events(self) -> list[_Row]:
        names: dict[Kind, dict[UUID, UUID]] = {
            "experiment": {self._export.experiment.exp_uuid: self._exp_uuid},
            "suggestion": self._suggestions,
            "observation": self._observations,
        }
        return [
            {
                "exp_uuid": self._exp_uuid,
                "seq": one.seq,
                "type": one.type,
                "created_at": one.time_created,
                "data": renamed(one.data, names),
            }
            for one in self._export.events
        ]


def _new(uuids: Iterable[UUID]) -> dict[UUID, UUID]:
    return {uuid: uuid4() for uuid in uuids}
