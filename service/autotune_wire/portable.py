"""One experiment as one JSON document: exported by one service, imported by the same or another service."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, FailFast, Field

from autotune_wire.base import MAX_WHOLE, Configuration, Name, Number, Reason, Reply, Request, Text, Value, storable
from autotune_wire.candidates import MAX_CANDIDATES, MAX_DETAILS, Cell
from autotune_wire.constraints import MAX_CONSTRAINTS, Constraint
from autotune_wire.experiments import (
    MAX_DESCRIPTION_LENGTH,
    AcqFunc,
    EngineName,
    Experiment,
    ModelType,
    Seed,
)
from autotune_wire.frames import EventType
from autotune_wire.learning import MAX_EARLIER, MAX_EARLIER_RUNS
from autotune_wire.observations import MAX_TAGS, Note, Status, Tag
from autotune_wire.problems import FieldProblem, Problem, shown, validation_error
from autotune_wire.reports import MAX_REPORTS, EarlyStop, Step
from autotune_wire.responses import MAX_RESPONSES, Responses
from autotune_wire.space import MAX_COVARIATES, Space
from autotune_wire.stopping import StopRules
from autotune_wire.suggestions import AcquisitionKind, Source, State

FORMAT = 1
MAX_IMPORT_BYTES = 64 * 1024 * 1024
MAX_EVENTS = 200_000
"""Also the most suggestions, observations and versions, since an event announces each of them."""

MAX_REVISIONS = 100
MAX_MEMBERS = 1000
"""Most members of any list or object within a record of the document."""

MAX_DEPTH = 16
"""Deepest nesting within the document."""

_FIRST_YEAR, _LAST_YEAR = 1970, 2999


def _in_known_years(at: datetime) -> datetime:
    # Postgres stores years that Python cannot hold, and another time zone can move a moment into such a year.
    if not _FIRST_YEAR < at.year < _LAST_YEAR:
        raise ValueError(f"must lie between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return at


Time = Annotated[AwareDatetime, AfterValidator(_in_known_years)]
"""A moment with its time zone, ISO 8601."""

Seq = Annotated[int, Field(strict=True, ge=1, le=MAX_EVENTS)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_EVENTS)]
Sentence = Annotated[Text, Field(max_length=100_000)]
_Covars = Annotated[Configuration, Field(max_length=MAX_COVARIATES)]
_Measured = Annotated[dict[Name, Number], Field(max_length=MAX_RESPONSES)]
_Sds = Annotated[dict[Name, Annotated[Number, Field(ge=0)]], Field(max_length=MAX_RESPONSES)]


class PortablePrediction(Request):
    """The model's prediction of one response, in the response's own unit."""

    mean: Number
    sd: Annotated[Number, Field(ge=0)]


class PortableBest(Request):
    """The configuration whose predicted primary response is best."""

    covars: _Covars
    mean: Number
    sd: Annotated[Number, Field(ge=0)]
    predictions: Annotated[dict[Name, PortablePrediction], Field(max_length=MAX_RESPONSES)] = Field(
        default_factory=dict
    )
    data_rev: Count


class PortableStop(Request):
    """The stop rule that was met."""

    rule: Literal["budget", "plateau", "target", "min_expected_gain"]
    reason: Sentence
    at: Time


class PortablePause(Request):
    """The pause of an experiment, without the user who paused it."""

    reason: Reason | None
    at: Time


class PortableEarlier(Request):
    """An earlier experiment that this one learns from."""

    exp_uuid: UUID
    name: Name
    n_runs: Annotated[int, Field(strict=True, ge=0, le=MAX_EARLIER_RUNS)]
    last_seq: Count


class PortableExperiment(Request):
    """The experiment's own fields; its space is the newest revision in ``spaces``."""

    exp_uuid: UUID = Field(
        description="The uuid at the service that exported the experiment; an import creates a new uuid."
    )
    name: Name
    description: Annotated[Text, Field(max_length=MAX_DESCRIPTION_LENGTH)]
    responses: Annotated[Responses, Field(min_length=1, max_length=MAX_RESPONSES)]
    engine: EngineName
    model_type: ModelType
    acq_func: AcqFunc
    seed: Seed
    state: Literal["active", "paused", "closed"]
    stop: StopRules | None
    stopped: PortableStop | None
    paused: PortablePause | None = None  # missing in documents of older versions
    learn_from: Annotated[list[PortableEarlier], Field(max_length=MAX_EARLIER)] = Field(
        default_factory=list  # missing in documents of older versions
    )
    early_stop: EarlyStop | None = None  # as paused
    best_predicted: PortableBest | None
    best_observation_uuid: UUID | None
    n_observations: Count
    last_seq: Seq
    data_rev: Count
    fit_rev: Count
    time_created: Time
    time_updated: Time


class PortableSpace(Request):
    """A revision of the space; revision 0 is the space that the experiment was created with."""

    revision: Annotated[int, Field(strict=True, ge=0, le=MAX_REVISIONS)]
    seq: Seq
    covars: Annotated[Space, Field(min_length=1, max_length=MAX_COVARIATES)]
    constraints: Annotated[list[Constraint], Field(max_length=MAX_CONSTRAINTS)]
    backfill: _Covars
    time_created: Time


class PortableCandidate(Request):
    """The row of the list that a suggestion is."""

    number: Annotated[int, Field(strict=True, ge=1, le=MAX_CANDIDATES)]
    details: Annotated[dict[Name, Cell], Field(max_length=MAX_DETAILS)]


class PortableRows(Request):
    """Rows of the list of candidates that follow each other, by columns."""

    first: Annotated[int, Field(strict=True, ge=1, le=MAX_CANDIDATES)]
    n: Annotated[int, Field(strict=True, ge=1, le=MAX_MEMBERS)]
    covars: Annotated[dict[Name, list[Value | None]], Field(max_length=MAX_COVARIATES)]
    details: Annotated[dict[Name, list[Cell]], Field(max_length=MAX_DETAILS)]
    withdrawn: list[Annotated[int, Field(strict=True)]]


class PortableSuggestion(Request):
    """A suggestion, in any state."""

    suggestion_uuid: UUID
    seq: Seq
    state: State
    covars: _Covars
    fixed: _Covars
    source: Source
    reason: Sentence
    mean: Number | None
    sd: Annotated[Number, Field(ge=0)] | None
    predictions: Annotated[dict[Name, PortablePrediction], Field(max_length=MAX_RESPONSES)]
    acquisition: Number | None
    acquisition_kind: AcquisitionKind | None = None  # missing in documents of older versions
    engine_version: Annotated[Text, Field(max_length=200)] | None
    seed: Seed | None
    data_rev: Count
    data_seq: Count | None
    seconds: Annotated[Number, Field(ge=0)] | None
    worker: Name | None
    lease_until: Time | None
    abandoned_because: Sentence | None
    candidate: PortableCandidate | None = None  # missing in documents of older versions
    time_created: Time


class _Measurement(Request):
    seq: Seq
    version: Annotated[int, Field(strict=True, ge=1, le=MAX_EVENTS)]
    covars: _Covars
    responses: _Measured
    sds: _Sds
    status: Status
    failed_because: Reason | None = None  # missing in documents of older versions
    stopped_step: Step | None = None  # this and the next: as failed_because
    stopped_value: Number | None = None
    is_excluded: Annotated[bool, Field(strict=True)]
    time_created: Time


class PortableObservation(_Measurement):
    """An observation in its newest version; ``seq`` is that of the event that announced the observation."""

    observation_uuid: UUID
    suggestion_uuid: UUID | None
    note: Note | None = None  # this and the rest: as failed_because
    tags: Annotated[list[Tag], Field(max_length=MAX_TAGS)] | None = None
    time_noted: Time | None = None
    candidate: Annotated[int, Field(strict=True, ge=1, le=MAX_CANDIDATES)] | None = None


class PortableVersion(_Measurement):
    """One version of a corrected observation; a document has all versions, the newest included."""

    observation_uuid: UUID
    reason: Sentence | None


class PortableEarlierRun(Request):
    """A run of an earlier experiment; ``source`` is that one's place in ``learn_from``, from 0."""

    seq: Seq
    source: Annotated[int, Field(strict=True, ge=0, lt=MAX_EARLIER)]
    covars: _Covars
    responses: _Measured
    sds: _Sds


class PortableCurve(Request):
    """What a run reported; ``seq`` is that of the event of its first report."""

    suggestion_uuid: UUID
    seq: Seq
    steps: Annotated[list[Step], Field(min_length=1, max_length=MAX_REPORTS)]
    values: Annotated[list[Number], Field(min_length=1, max_length=MAX_REPORTS)]
    why: Sentence | None
    time_updated: Time


class PortableEvent(Request):
    """An event of the log; events are listed by seq, from 1 without a gap."""

    seq: Seq
    type: EventType
    time_created: Time
    data: dict[str, Any]


class ExperimentExport(Request):
    """All that a service knows of one experiment, without its owner."""

    format: Literal[1] = Field(
        description="The format of this document. A service refuses a format that it does not know."
    )
    autotune_version: Annotated[Text, Field(max_length=200)] = Field(
        description="The version of the service that exported the document."
    )
    time_exported: Time
    experiment: PortableExperiment
    spaces: Annotated[list[PortableSpace], FailFast(), Field(min_length=1, max_length=MAX_REVISIONS + 1)] = Field(
        description="The revisions of the space, oldest first."
    )
    suggestions: Annotated[list[PortableSuggestion], FailFast(), Field(max_length=MAX_EVENTS)]
    observations: Annotated[list[PortableObservation], FailFast(), Field(max_length=MAX_EVENTS)]
    versions: Annotated[list[PortableVersion], FailFast(), Field(max_length=MAX_EVENTS)]
    curves: Annotated[list[PortableCurve], FailFast(), Field(max_length=MAX_EVENTS)] = Field(
        default_factory=list,
        description="What runs reported while they were under way, by seq; missing in documents of older versions.",
    )
    candidates: Annotated[list[PortableRows], FailFast(), Field(max_length=MAX_CANDIDATES // MAX_MEMBERS)] = Field(
        default_factory=list, description="The rows of the list of candidates; absent without a list."
    )
    events: Annotated[list[PortableEvent], FailFast(), Field(min_length=1, max_length=MAX_EVENTS)] = Field(
        description="The whole event log, from seq 1 on."
    )
    earlier_runs: Annotated[list[PortableEarlierRun], FailFast(), Field(max_length=MAX_EVENTS)] = Field(
        default_factory=list,
        description="The runs of earlier experiments that this one learns from, as many of each as its `n_runs`.",
    )


class ImportState(Reply):
    """How far an import has come that is answered before it is done."""

    exp_uuid: UUID = Field(description="The uuid of the import, and of the experiment once it is there.")
    state: Literal["running", "done", "failed"]
    progress: float = Field(
        default=0.0,
        description="The share of the experiment that is written, from 0 to 1; 0 while the document is checked.",
    )
    experiment: Experiment | None = Field(default=None, description="When done: the experiment, as it was imported.")
    problem: Problem | None = Field(
        default=None, description="When failed: why. Nothing of the experiment is stored then."
    )


def check_plain(field: str, value: Any) -> None:
    """Refuse JSON that would be expensive to check field by field, or that cannot be stored.

    Args:
        field: The place of the value in the document.
        value: A record, or another part of the document that is not one of its lists.

    Raises:
        ValidationError: If a value is nested deeper than ``MAX_DEPTH``, a list or object has more than ``MAX_MEMBERS``
            members, or a text or number cannot be stored.
    """
    try:
        _check_value(value, MAX_DEPTH)
    except ValueError as error:
        problem = FieldProblem(field=str(shown(field)), message=str(error))
        raise validation_error("ExperimentExport", [problem]) from None


def _check_value(value: Any, depth: int) -> None:
    if isinstance(value, str):
        storable(value)
    elif isinstance(value, int) and abs(value) > MAX_WHOLE:
        raise ValueError(f"holds a whole number beyond {MAX_WHOLE}")
    elif isinstance(value, dict | list):
        if not depth:
            raise ValueError(f"is nested deeper than {MAX_DEPTH}")
        if len(value) > MAX_MEMBERS:
            raise ValueError(f"holds a list or object with more than {MAX_MEMBERS} members")
        if isinstance(value, dict):
            for name in value:
                storable(name)
        for member in value.values() if isinstance(value, dict) else value:
            _check_value(member, depth - 1)
