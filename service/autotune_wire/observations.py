"""Observations: configurations that were really run, and their outcomes."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, PrivateAttr, TypeAdapter, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from autotune_wire.base import MAX_WHOLE, Configuration, Moment, Name, Number, Reason, Reply, Request, Text, storable
from autotune_wire.experiments import PageQuery
from autotune_wire.numerals import DecimalSign
from autotune_wire.problems import MAX_PROBLEMS, FieldProblem, validation_error
from autotune_wire.reports import Step
from autotune_wire.responses import MAX_RESPONSES, RESPONSE
from autotune_wire.space import Space
from autotune_wire.tables import MAX_ROWS, Table
from autotune_wire.told_csv import MAX_CSV_LENGTH, csv_records
from autotune_wire.told_rows import Terms
from autotune_wire.told_tables import Record, in_tables, refusal, table_records

MAX_TELL = MAX_ROWS
MAX_IGNORED = 1000
MAX_NOTE_LENGTH = 5000
MAX_TAGS = 10
MAX_TAG_LENGTH = 40
RESPONSE_COLUMN = RESPONSE


def _plain(text: str) -> str:
    if text != text.strip() or "," in text or not text.isprintable():
        raise ValueError("must not begin or end with a blank, or hold a comma, a line break or a hidden character")
    return text


Status = Literal["ok", "failed"]
ToldStatus = Literal["ok", "failed", "stopped"]
"""What is told of a run. In replies a run that was stopped is ``ok``: older clients know no third status."""

Sd = Annotated[Number, Field(ge=0)]
Tag = Annotated[
    str, Field(strict=True, min_length=1, max_length=MAX_TAG_LENGTH), AfterValidator(storable), AfterValidator(_plain)
]
"""A short word, or a few: a text without line breaks, and without commas, which stand between tags in tables."""

Note = Annotated[str, Field(strict=True, max_length=MAX_NOTE_LENGTH), AfterValidator(storable)]


class _Outcome(Request):
    """The outcome of a run: its response or responses, or that the run failed."""

    response: Number | None = Field(
        default=None, description="The measured response, for an experiment with one response."
    )
    responses: Annotated[dict[Name, Number], Field(min_length=1, max_length=MAX_RESPONSES)] | None = Field(
        default=None, description="The measured responses, by name. Leave out a response that was not measured."
    )
    sd: Sd | None = Field(default=None, description="Standard deviation of `response`; 0 is exact.")
    sds: Annotated[dict[Name, Sd], Field(max_length=MAX_RESPONSES)] | None = Field(
        default=None, description="Standard deviations of `responses`, where they are known."
    )
    status: ToldStatus = Field(
        default="ok",
        description="`failed` for a run that gave no response, `stopped` for one that was stopped before its end; "
        "required for such a run. The value of a run that was stopped is the last one that it reported: it may be left "
        "out where the run has a suggestion.",
    )
    failed_because: Reason | None = Field(
        default=None, description="Why the run failed, for people; only with the status `failed`."
    )
    stopped_step: Step | None = Field(
        default=None,
        description="The step at which the run was stopped; only with the status `stopped`. If absent, the last step "
        "that it reported.",
    )
    suggestion_uuid: UUID | None = Field(
        default=None, description="The suggestion that was run; leave it out for a configuration of your own."
    )

    def _check_outcome(self) -> None:
        is_measured = self.response is not None or self.responses is not None
        if self.response is not None and self.responses is not None:
            raise _wrong("responses", "give response or responses, not both")
        if self.status == "failed" and is_measured:
            raise _wrong("status", "a failed run has no response")
        if self.status == "ok" and not is_measured:
            raise _wrong("response", "is missing; set status to failed for a run that gave no response")
        if self.status != "stopped" and self.stopped_step is not None:
            raise _wrong("stopped_step", "is the step at which a run was stopped: set status to stopped too")
        if self.status == "stopped" and self.suggestion_uuid is None and self.stopped_step is None:
            raise _wrong("stopped_step", "is missing: give the step at which the run was stopped")
        if self.status != "failed" and self.failed_because is not None:
            raise _wrong("failed_because", "is the reason of a failed run: set status to failed, or leave it out")
        if self.sd is not None and self.response is None:
            raise _wrong("sd", "is the standard deviation of response, which is missing")
        for name in self.sds or {}:
            if name not in (self.responses or {}):
                raise _wrong(f"sds.{name}", "is the standard deviation of a response that is missing in responses")


class Told(_Outcome):
    """One run: its configuration and its outcome."""

    covars: Configuration = Field(
        description="The configuration that was really run. A number may lie beyond its range or between two steps: it "
        "is stored as measured, and the observation names the covariate in `outside`."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_outcome()
        return self


class Tell(_Outcome):
    """The body of ``POST /experiment/tell/{exp_uuid}``: one of four forms.

    - One run: ``covars`` and the outcome.
    - Many runs: ``observations``.
    - Two tables as pandas writes them, with one row per run: ``covars_tell``, and ``response_tell`` with a column for
      each response (named ``Response`` if the experiment names no responses).
    - CSV text: ``csv``.
    """

    exp_uuid: UUID | None = Field(default=None, description="If given, it must equal the uuid in the path.")
    covars: Configuration | None = None
    observations: Annotated[list[Told], Field(min_length=1, max_length=MAX_TELL)] | None = None
    covars_tell: Table | None = None
    response_tell: Table | None = None
    csv: Annotated[Text, Field(max_length=MAX_CSV_LENGTH)] | None = Field(
        default=None,
        description="A header line, then one line per run. There is a column for each covariate and each response. "
        "Optional columns are `status` (`ok`, `failed` or `stopped`), `failed_because`, `stopped_step` (the step of a "
        "run that was stopped), `excluded` (such runs are left out) and the standard deviations: `<response> sd`, or "
        "`sd` if there is one response. Cells are separated by commas, semicolons or tabs. A cell that is empty, "
        "`NaN`, `N/A` or `-` says that the response was not measured or the covariate is not active.",
    )
    ignore: Annotated[list[Text], Field(max_length=MAX_IGNORED)] | None = Field(
        default=None, description="Columns of `csv` to leave out; any other column must be the experiment's."
    )
    decimal: DecimalSign | None = Field(
        default=None,
        description="The decimal sign in `csv`. Needed only where all its numbers can be read with either sign, as "
        "`1,050` can.",
    )
    _places: list[str] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        outcome = (self.response, self.responses, self.sd, self.sds, self.suggestion_uuid)
        why = (self.failed_because, self.stopped_step)
        has_outcome = self.status != "ok" or any(value is not None for value in (*outcome, *why))
        single = self.covars is not None or has_outcome
        tables = self.covars_tell is not None or self.response_tell is not None
        if single + tables + (self.observations is not None) + (self.csv is not None) != 1:
            raise ValueError(
                "give exactly one of these: covars with response, responses or status; observations; covars_tell with "
                "response_tell; csv"
            )
        if tables and (self.covars_tell is None or self.response_tell is None):
            missing = "covars_tell" if self.covars_tell is None else "response_tell"
            raise ValueError(f"covars_tell and response_tell go together: {missing} is missing")
        if single and self.covars is None:
            raise ValueError("covars and response go together: covars is missing")
        if self.csv is None and (self.ignore is not None or self.decimal is not None):
            raise ValueError("ignore and decimal are about csv, which is missing")
        if single:
            self._check_outcome()
        return self

    @property
    def is_tabular(self) -> bool:
        """Return whether the runs are in columns, so that ``runs()`` needs the experiment's responses and space."""
        return self.covars_tell is not None or self.csv is not None

    def runs(self, responses: Sequence[str] = (RESPONSE_COLUMN,), space: Space | None = None) -> list[Told]:
        """Return the runs that were told, in whichever form.

        Args:
            responses: The names of the experiment's responses; needed if the body is tabular.
            space: The experiment's covariates; needed if the body is CSV. In the two tables, numbers and truth values
                that pandas made of options are replaced by these options.

        Raises:
            ValidationError: If a table cannot be read, the tables differ in length, or a cell has the wrong type.
        """
        if self.observations is not None:
            return self.observations
        if self.csv is not None:
            assert space is not None
            terms = Terms(frozenset(self.ignore or ()), self.decimal)
            self._places, records, _ = csv_records(self.csv, space, responses, MAX_TELL, terms, ("csv",))
            if not records:
                raise refusal(("csv",), None, "holds no run that could be told: all its runs are excluded")
            return _RUNS.validate_python(records)
        if self.covars_tell is not None and self.response_tell is not None:
            records = table_records(self.covars_tell, self.response_tell, responses, space or {})
            return _told(records, responses)
        names = [name for name in Told.model_fields if name in self.model_fields_set]
        return [Told.model_validate({name: getattr(self, name) for name in names})]

    def field_of(self, index: int) -> str:
        """Return the name of the field with the configuration of a run, given the run's index in ``runs()``."""
        if self.covars_tell is not None:
            return f"covars_tell.{index}"
        if self.csv is not None:
            return f"csv.{self._places[index]}"
        return "covars" if self.observations is None else f"observations.{index}.covars"


_RUNS = TypeAdapter(Annotated[list[Told], Field(min_length=1, max_length=MAX_TELL)])


def _told(records: Sequence[Record], responses: Sequence[str]) -> list[Told]:
    """Read the records of two tables; the first runs that are wrong are named, as there may be a great many."""
    if not records:
        raise refusal(("covars_tell",), None, "must not be empty")
    runs: list[Told] = []
    wrong: list[InitErrorDetails] = []
    for index, record in enumerate(records):
        try:
            runs.append(Told.model_validate(record))
        except ValidationError as error:
            wrong += [in_tables(index, found, responses) for found in error.errors()]
        if len(wrong) >= MAX_PROBLEMS:
            break
    if wrong:
        raise ValidationError.from_exception_data("Tell", wrong[:MAX_PROBLEMS])
    return runs


def _wrong(field: str, message: str) -> PydanticCustomError:
    # The message is passed as a value: braces in a user's name would be read as a placeholder.
    return PydanticCustomError("outcome", "{message}", {"field": field, "message": message, "value": None})


class TellReply(Reply):
    """The reply to a tell: what was stored, and how the experiment stands now.

    ``best_response`` and ``covars_best_response`` are JSON text as pandas' ``to_json()`` writes a frame of one row. The
    cells of that row are null while there is no best observation.
    """

    exp_uuid: UUID
    covars_tell: str
    response_tell: str
    best_response: str
    covars_best_response: str
    covars_sampled_iter: int = Field(description="How many configurations have been told to this experiment.")
    response_sampled_iter: int = Field(
        description="How many outcomes have been told to this experiment, failed runs included."
    )
    time_updated: Moment
    observations: "list[Observation]" = Field(description="The observations of this tell, as they are stored.")
    notes: list[str] = Field(
        default_factory=list,
        description="A sentence about each value that lies outside the space, such as a number beyond its range.",
    )


class Observation(Reply):
    """A configuration that was really run, and its outcome."""

    observation_uuid: UUID
    seq: int = Field(description="The seq of the event that announced the observation.")
    covars: Configuration
    response: float | None = Field(description="The primary response; null if it was not measured.")
    responses: dict[str, float] = Field(default_factory=dict, description="All measured responses, by name.")
    sds: dict[str, float] = Field(
        default_factory=dict, description="The standard deviations that were told, by response."
    )
    status: Status = "ok"
    failed_because: str | None = Field(
        default=None, description="Why the run failed; null if nobody said why, or the run gave a response."
    )
    stopped_step: int | None = Field(
        default=None,
        description="The step at which the run was stopped early; null if it was not. Its `responses` lack the one "
        "that it reported, which has no final value.",
    )
    stopped_value: float | None = Field(
        default=None, description="The last value of the run that was stopped early, in the unit of what it reported."
    )
    suggestion_uuid: UUID | None
    candidate: int | None = Field(
        default=None,
        exclude_if=lambda candidate: candidate is None,
        description="The number of the row of the experiment's list that was run: that of the suggestion, else the "
        "first row with these values; absent if there is none.",
    )
    version: int = Field(default=1, description="1 for the observation as told; each correction adds one.")
    is_excluded: bool = Field(
        default=False, description="Whether the observation is left out of the model and of the best."
    )
    outside: list[str] = Field(
        default_factory=list,
        description="The covariates whose values the space did not allow when this was sent: numbers beyond their "
        "range or between two steps, options that were dropped. The model uses the values as they were measured; a run "
        "with a number that has no place on its logarithmic scale is left out of the model.",
    )
    told_by: UUID | None = Field(
        default=None,
        description="The user who told the observation; null if the service does not know the user, as for "
        "observations that were imported, or told before services stored this.",
    )
    note: str | None = Field(default=None, description="What somebody noted about the run; null for no note.")
    tags: list[str] = Field(default_factory=list, description="Short words by which the run is found again.")
    noted_by: UUID | None = Field(
        default=None,
        description="The user who wrote the note and the tags as they are; null if nobody did, or they were imported.",
    )
    time_noted: Moment | None = Field(default=None, description="When the note or the tags were written last.")
    time_created: Moment


class NoteEdit(Request):
    """The body of ``POST /experiment/{exp_uuid}/observation/{observation_uuid}/note``: the fields to change.

    A note is no correction: the version of the observation and the suggestions stay as they are. What is not given
    stays, too.
    """

    note: Note | None = Field(default=None, description="The note; null or an empty text removes it.")
    tags: Annotated[list[Tag], Field(max_length=MAX_TAGS)] | None = Field(
        default=None, description="All tags from now on; null or an empty list removes them. Repeated ones count once."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing is noted: give note, tags or both")
        return self


class Correction(Request):
    """The body of ``POST /experiment/{exp_uuid}/observation/{observation_uuid}``: the fields to change.

    What is not given stays as it is, a response that ``responses`` does not name included. A response that is given
    replaces what was measured, and its standard deviation too. ``status: failed`` removes all responses.
    """

    version: Annotated[int, Field(strict=True, ge=1)] = Field(
        description="The version to correct. The correction is refused if somebody else has corrected it meanwhile."
    )
    reason: Annotated[Text, Field(min_length=1, max_length=1000)] = Field(
        description="Why the observation is corrected; stored with the new version."
    )
    covars: Configuration | None = Field(
        default=None,
        description="The configuration that was really run. As in a tell, a number may lie beyond its range or between "
        "two steps.",
    )
    response: Number | None = Field(
        default=None, description="The measured response, for an experiment with one response."
    )
    responses: Annotated[dict[Name, Number | None], Field(min_length=1, max_length=MAX_RESPONSES)] | None = Field(
        default=None,
        description="The responses to correct, by name; those that are not named stay. null removes one that was not "
        "measured after all.",
    )
    sd: Sd | None = Field(default=None, description="Standard deviation of `response`; 0 is exact.")
    sds: Annotated[dict[Name, Sd], Field(max_length=MAX_RESPONSES)] | None = Field(
        default=None, description="Standard deviations of `responses`, where they are known."
    )
    status: ToldStatus | None = Field(
        default=None,
        description="`failed` if the run gave no response after all, `stopped` if it was stopped before its end, `ok` "
        "if it was not.",
    )
    stopped_step: Step | None = Field(
        default=None, description="The step at which the run was stopped; only with the status `stopped`."
    )
    failed_because: Reason | None = Field(
        default=None, description="Why the run failed; only with the status `failed`."
    )
    is_excluded: Annotated[bool, Field(strict=True)] | None = Field(
        default=None,
        description="true leaves the observation out of the model and of the best; false includes it again.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.failed_because is not None and self.status != "failed":
            raise _wrong("failed_because", "is the reason of a failed run: set status to failed too, or leave it out")
        if self.covars is None and self.outcome is None and not self.unmeasured and self.is_excluded is None:
            raise ValueError("nothing is corrected: give covars, response, responses, status or is_excluded")
        return self

    @property
    def outcome(self) -> Told | None:
        """Return the corrected outcome, with an empty configuration; None if the outcome stays as it is."""
        names = ("response", "sd", "sds", "status", "failed_because", "stopped_step")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        measured = {name: value for name, value in (self.responses or {}).items() if value is not None}
        given |= {"responses": measured} if measured else {}
        return Told.model_validate({"covars": {}, **given}) if given else None

    @property
    def unmeasured(self) -> list[str]:
        """Return the names of the responses that were not measured after all."""
        return [name for name, value in (self.responses or {}).items() if value is None]


class ObservationVersion(Reply):
    """One version of an observation, valid from its event until the event of the next version."""

    version: int = Field(description="1 is the observation as it was told.")
    seq: int = Field(description="The seq of the event that announced this version.")
    covars: Configuration
    response: float | None
    responses: dict[str, float]
    sds: dict[str, float]
    status: Status
    failed_because: str | None = Field(default=None, description="Why the run failed, where somebody said why.")
    stopped_step: int | None = Field(
        default=None, description="The step at which the run was stopped early, if it was."
    )
    stopped_value: float | None = Field(default=None, description="The last value of the run that was stopped early.")
    is_excluded: bool
    reason: str | None = Field(description="Why the observation was corrected; null for version 1.")
    corrected_by: str | None = Field(
        default=None, description="The mail address of who corrected it; null for version 1, and if it was imported."
    )
    time_created: Moment


class ObservationVersions(Reply):
    """All versions of an observation, oldest first."""

    observation_uuid: UUID
    versions: list[ObservationVersion]


class HistoryQuery(PageQuery):
    """The query of an experiment's observations."""

    number: Annotated[int, Field(ge=1, le=MAX_WHOLE)] | None = Field(
        default=None,
        description="The number of an observation, in the order in which they were told: 1 is the oldest. Only this "
        "observation is listed. No observation is ever removed from this order, so each keeps its number.",
    )
    newest: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="At most so many observations, the newest, are listed, oldest first. The page is the only one. "
        "`limit`, `after` and `number` must be left out.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        others = [name for name in ("limit", "after", "number") if name in self.model_fields_set]
        if self.newest is not None and others:
            message = f"must not be given together with {', '.join(others)}: leave one or the other out"
            problem = FieldProblem(field="newest", message=message, value=self.newest)
            raise validation_error("HistoryQuery", [problem])
        return self


class HistoryPage(Reply):
    """A page of observations, oldest first; ``next`` is the cursor of the following page, null on the last page."""

    observations: list[Observation]
    tellers: dict[UUID, str] = Field(
        default_factory=dict,
        description="The mail addresses of the users who told or noted these observations, by uuid.",
    )
    first_number: int | None = Field(
        default=None,
        description="With `newest`: the number of the first of these observations, in the order in which they were "
        "told; null without one.",
    )
    next: str | None
