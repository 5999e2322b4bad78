"""Check an exported document, and build the rows of its experiment under new uuids, a few at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import msgspec
from typing_extensions import Buffer

from autotune_service.domain.candidates import Block, stored_block
from autotune_service.domain.portable import Corrections, SpaceHistory, best_of, check_portable
from autotune_service.domain.portable_candidates import block_of, list_of
from autotune_service.domain.portable_log import names_of, renamed
from autotune_service.domain.portable_text import PortableDocument, read_document
from autotune_service.domain.stored import key_of, stored_constraints, stored_space
from autotune_service.tuning.imports.messages import Checked, Rows
from autotune_wire.experiments import direction_of
from autotune_wire.portable import PortableCurve, PortableObservation, PortableSuggestion, PortableVersion
from autotune_wire.responses import primary_of

_Row = dict[str, Any]

_CHUNK = 500
"""Rows in one statement, few enough that Postgres is soon done with them and others get their turn."""


def rows_of(text: Buffer, owner_uuid: UUID, exp_uuid: UUID) -> Iterator[Checked | Rows]:
    """Check a document, and yield the rows of its experiment.

    Args:
        text: The JSON of an ``ExperimentExport``.
        owner_uuid: The user whose experiment it becomes.
        exp_uuid: The experiment's new uuid.

    Raises:
        MalformedError: If the text is not valid JSON.
        InvalidError: If a field is not valid, or the parts of the document do not fit together.
    """
    document = read_document(text)
    check_portable(document)
    lists = (
        *(document.spaces, document.suggestions, document.observations, document.versions, document.events),
        *(document.curves, document.earlier_runs, document.candidates),
    )
    yield Checked(
        n_observations=len(document.observations),
        n_rows=1 + sum(len(records) for records in lists),
        last_seq=document.experiment.last_seq,
    )
    building = _RowBuilder(document, owner_uuid, exp_uuid)
    for table, rows in building.tables().items():
        yield from _chunks(table, rows)


def _chunks(table: str, rows: Iterable[_Row]) -> Iterator[Rows]:
    left = iter(rows)
    for first in left:
        chunk = [first, *islice(left, _CHUNK - 1)]
        yield Rows(table, list(first), len(chunk), msgspec.json.encode(chunk).decode())


class _RowBuilder:
    """Builds the rows of a checked document's experiment, under new uuids."""

    def __init__(self, document: PortableDocument, owner_uuid: UUID, exp_uuid: UUID) -> None:
        self._document = document
        self._owner_uuid = owner_uuid
        self._exp_uuid = exp_uuid
        self._primary, self._objective = primary_of(document.experiment.responses)
        self._spaces = SpaceHistory(document)
        self._corrections = Corrections(document.versions)
        own = document.experiment.exp_uuid
        self._names = names_of(document, lambda uuid: exp_uuid if uuid == own else uuid4())

    def tables(self) -> dict[str, Iterable[_Row]]:
        """Return the rows by table, in the order in which they can be stored."""
        document = self._document
        return {
            "experiments": [self._experiment()],
            "spaces": self._space_rows(),
            "candidate_blocks": ({"exp_uuid": self._exp_uuid, **stored_block(block)} for block in self._blocks()),
            "suggestions": map(self._suggestion, document.suggestions),
            "observations": map(self._observation, document.observations),
            "observation_versions": (self._version(*numbered) for numbered in enumerate(document.versions)),
            "curves": map(self._curve, document.curves),
            "events": self._events(),
            "earlier_runs": ({"exp_uuid": self._exp_uuid, **run.model_dump()} for run in document.earlier_runs),
        }

    def _experiment(self) -> _Row:
        own, newest = self._document.experiment, self._document.spaces[-1]
        best = best_of(self._document)
        has_contexts = any(covariate.role == "context" for covariate in newest.covars.values())
        included = {"responses", "stop", "stopped", "paused", "learn_from", "early_stop"}
        documents = own.model_dump(mode="json", include=included)
        listed = list_of(self._document, sum(block.n_bytes for block in self._blocks()))
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
            "owner_uuid": self._owner_uuid,
            "covars": stored_space(newest.covars),
            "constraints": stored_constraints(newest.constraints),
            "space_revision": newest.revision,
            "direction": direction_of(self._objective),
            "created_at": own.time_created,
            # The next event must not be before the last one, whatever the document says of both.
            "updated_at": max([own.time_updated, *(event.time_created for event in self._document.events)]),
            "best_observation_uuid": None if best is None else self._names["observation"][best.observation_uuid],
            "best_response": None if best is None else best.responses[self._primary],
            "best_covars": None if best is None else self._covars(best),
            "n_open": sum(s.state == "open" and not s.fixed for s in self._document.suggestions),
            "n_wanted": 0 if has_contexts or (listed is not None and listed["n"] == listed["n_withdrawn"]) else 1,
            "candidates": listed,
        }

    def _blocks(self) -> Iterator[Block]:
        newest = self._document.spaces[-1].covars
        return (block_of(newest, rows, "candidates") for rows in self._document.candidates)

    def _space_rows(self) -> list[_Row]:
        return [
            {
                "exp_uuid": self._exp_uuid,
                "revision": space.revision,
                "covars": stored_space(space.covars),
                "constraints": stored_constraints(space.constraints),
                "backfill": space.backfill,
                "seq": space.seq,
                "created_at": space.time_created,
            }
            for space in self._document.spaces
        ]

    def _suggestion(self, suggestion: PortableSuggestion) -> _Row:
        covars, fixed = self._spaces.checked_suggestion(suggestion, "")
        return {
            **suggestion.model_dump(exclude={"suggestion_uuid", "worker", "time_created"}),
            "covars": covars,
            "fixed": fixed,
            "suggestion_uuid": self._names["suggestion"][suggestion.suggestion_uuid],
            "exp_uuid": self._exp_uuid,
            "fixed_key": key_of(fixed) if fixed else None,
            "lease_by": suggestion.worker,
            "created_at": suggestion.time_created,
        }

    def _observation(self, observation: PortableObservation) -> _Row:
        uuid = observation.suggestion_uuid
        return self._measured(observation) | {
            "note": observation.note,
            "tags": observation.tags,
            "noted_at": observation.time_noted,
            "candidate": observation.candidate,
            "covars": self._covars(observation),
            "suggestion_uuid": None if uuid is None else self._names["suggestion"][uuid],
        }

    def _covars(self, observation: PortableObservation) -> _Row:
        newest = self._corrections.newest.get(observation.observation_uuid)
        since = observation.seq if newest is None else self._corrections.since(newest)
        return self._spaces.checked_run(observation.covars, since, "")

    def _version(self, index: int, version: PortableVersion) -> _Row:
        return self._measured(version) | {
            "covars": self._spaces.checked_run(version.covars, self._corrections.since(index), ""),
            "reason": version.reason,
            "user_uuid": None,  # the user who corrected it is a user of the service that the document comes from
        }

    def _measured(self, observed: PortableObservation | PortableVersion) -> _Row:
        return {
            "exp_uuid": self._exp_uuid,
            "observation_uuid": self._names["observation"][observed.observation_uuid],
            "seq": observed.seq,
            "version": observed.version,
            "response": observed.responses.get(self._primary),
            "responses": observed.responses,
            "sds": observed.sds,
            "status": observed.status,
            "failed_because": observed.failed_because,
            "stopped_step": observed.stopped_step,
            "stopped_value": observed.stopped_value,
            "is_excluded": observed.is_excluded,
            "created_at": observed.time_created,
        }

    def _curve(self, curve: PortableCurve) -> _Row:
        return {
            "exp_uuid": self._exp_uuid,
            "seq": curve.seq,
            "suggestion_uuid": self._names["suggestion"][curve.suggestion_uuid],
            "steps": curve.steps,
            "values": curve.values,
            "n_steps": len(curve.steps),
            "why": curve.why,
            "updated_at": curve.time_updated,
        }

    def _events(self) -> Iterator[_Row]:
        for event in self._document.events:
            yield {
                "exp_uuid": self._exp_uuid,
                "seq": event.seq,
                "type": event.type,
                "created_at": event.time_created,
                "data": renamed(event.data, self._names),
            }
