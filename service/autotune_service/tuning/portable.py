"""Export an experiment as a document, and import such a document of this service or of another one."""

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
from autotune_service.store.experiments import get_shown_experiment, stored_constraints, stored_space
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
from autotune_wire.experiments import Experiment, direction_of
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
    """Return all that is stored of a user's experiment at one moment, as the JSON of an ``ExperimentExport``.

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
    # Postgres wrote the rows as JSON: joining these texts keeps every digit and costs no parsing.
    parts = [json.dumps(made)[1:-1], f'"experiment":{experiment}']
    parts += [f'"{name}":[{",".join(chunks)}]' for name, chunks in lists.items()]
    return f"{{{','.join(parts)}}}".encode()


def read_export(document: Any) -> ExperimentExport:
    """Check a document that a user sends; with many observations the check takes seconds.

    Raises:
        ValidationError: If a field is missing, unknown or of another type, or something is too large.
        InvalidError: If the parts of the document do not fit together.
    """
    check_plain(document)
    export = ExperimentExport.model_validate(document)
    check_portable(export)
    return export


async def import_experiment(
    store: Store, user_uuid: UUID, export: ExperimentExport, once: Once = ALWAYS, limits: Limits = DEFAULT_LIMITS
) -> Experiment:
    """Store a checked document as a new experiment of the user, with new uuids and the same seqs.

    Raises:
        LimitReachedError: If the user has as many experiments as are allowed, or the document has too many
            observations.
    """
    if len(export.observations) > limits.observations:
        raise LimitReachedError(
            f"an experiment may have at most {limits.observations} observations on this service, and this document has "
            f"{len(export.observations)}: ask the operator to raise the limit"
        )
    rows = await asyncio.to_thread(_Import(user_uuid, export).rows)
    async with store.work() as work:
        await once.begin(work)
        await add_imported(work, rows)
        await require_room(work, user_uuid, limits, n_new=0)  # last, as the user's other new experiments then wait
        call_worker(work, rows.experiment["exp_uuid"])
        imported = (await get_shown_experiment(work, rows.experiment["exp_uuid"], user_uuid)).to_wire()
        await once.keep(work, imported)
    return imported


class _Import:
    """Builds the rows of a document's experiment, under new uuids."""

    def __init__(self, user_uuid: UUID, export: ExperimentExport) -> None:
        self._user_uuid = user_uuid
        self._export = export
        self._exp_uuid = uuid4()
        self._primary, self._objective = primary_of(export.experiment.responses)
        self._suggestions = _new_uuids(suggestion.suggestion_uuid for suggestion in export.suggestions)
        self._observations = _new_uuids(observation.observation_uuid for observation in export.observations)

    def rows(self) -> ImportedRows:
        export = self._export
        return ImportedRows(
            experiment=self._experiment(),
            spaces=[
                {
                    "exp_uuid": self._exp_uuid,
                    "revision": space.revision,
                    "covars": stored_space(space.covars),
                    "constraints": stored_constraints(space.constraints),
                    "backfill": space.backfill,
                    "seq": space.seq,
                    "created_at": space.time_created,
                }
                for space in export.spaces
            ],
            suggestions=[self._suggestion(suggestion) for suggestion in export.suggestions],
            observations=[self._observation(observation) for observation in export.observations],
            versions=[self._version(observation) for observation in export.versions],
            events=self._events(),
        )

    def _experiment(self) -> _Row:
        own, newest = self._export.experiment, self._export.spaces[-1]
        best = best_of(self._export)
        has_contexts = any(covariate.role == "context" for covariate in newest.covars.values())
        documents = own.model_dump(mode="json", include={"responses", "stop", "stopped"})
        predicted = own.best_predicted
        documents["best_predicted"] = (
            None if predicted is None else predicted.model_dump(mode="json", exclude_unset=True)
        )
        scalars = own.model_dump(
            include={"name", "description", "engine", "model_type", "acq_func", "seed", "state"}
            | {"n_observations", "last_seq", "data_rev", "fit_rev"}
        )
        return {
            **documents,
            **scalars,
            "exp_uuid": self._exp_uuid,
            "owner_uuid": self._user_uuid,
            "covars": stored_space(newest.covars),
            "constraints": stored_constraints(newest.constraints),
            "space_revision": newest.revision,
            "direction": direction_of(self._objective),
            "created_at": own.time_created,
            # The next event must not be before the last one, whatever the document says of both.
            "updated_at": max([own.time_updated, *(event.time_created for event in self._export.events)]),
            "best_observation_uuid": None if best is None else self._observations[best.observation_uuid],
            "best_response": None if best is None else best.responses[self._primary],
            "best_covars": None if best is None else best.covars,
            "n_open": sum(suggestion.state == OPEN and not suggestion.fixed for suggestion in self._export.suggestions),
            "n_wanted": 0 if has_contexts else 1,
        }

    def _suggestion(self, suggestion: PortableSuggestion) -> _Row:
        return {
            **suggestion.model_dump(exclude={"suggestion_uuid", "worker", "time_created"}),
            "suggestion_uuid": self._suggestions[suggestion.suggestion_uuid],
            "exp_uuid": self._exp_uuid,
            "fixed_key": key_of(suggestion.fixed) if suggestion.fixed else None,
            "lease_by": suggestion.worker,
            "created_at": suggestion.time_created,
        }

    def _observation(self, observation: PortableObservation) -> _Row:
        uuid = observation.suggestion_uuid
        return self._measured(observation) | {"suggestion_uuid": None if uuid is None else self._suggestions[uuid]}

    def _version(self, corrected: PortableVersion) -> _Row:
        # The user who corrected it is a user of the service that the document comes from.
        return self._measured(corrected) | {"reason": corrected.reason, "user_uuid": None}

    def _measured(self, observed: PortableObservation | PortableVersion) -> _Row:
        return {
            "exp_uuid": self._exp_uuid,
            "observation_uuid": self._observations[observed.observation_uuid],
            "seq": observed.seq,
            "version": observed.version,
            "covars": observed.covars,
            "response": observed.responses.get(self._primary),
            "responses": observed.responses,
            "sds": observed.sds,
            "status": observed.status,
            "is_excluded": observed.is_excluded,
            "created_at": observed.time_created,
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
                "seq": event.seq,
                "type": event.type,
                "created_at": event.time_created,
                "data": renamed(event.data, names),
            }
            for event in self._export.events
        ]


def _new_uuids(uuids: Iterable[UUID]) -> dict[UUID, UUID]:
    return {uuid: uuid4() for uuid in uuids}
