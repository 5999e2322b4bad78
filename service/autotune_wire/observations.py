"""Observations: what was really run, and what came of it."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from autotune_wire.base import Configuration, Moment, Name, Number, Reply, Request, Text
from autotune_wire.responses import MAX_RESPONSES, RESPONSE
from autotune_wire.space import Space
from autotune_wire.tables import Table
from autotune_wire.told_csv import MAX_CSV_LENGTH, csv_records
from autotune_wire.told_tables import in_tables, table_records

MAX_TELL = 1000
RESPONSE_COLUMN = RESPONSE

Status = Literal["ok", "failed"]
Sd = Annotated[Number, Field(ge=0)]


class _Outcome(Request):
    """What came of a run: its response or its responses, or that it failed."""

    response: Number | None = Field(default=None, description="What was measured, where there is one response.")
    responses: Annotated[dict[Name, Number], Field(min_length=1, max_length=MAX_RESPONSES)] | None = Field(
        default=None, description="What was measured, by response; what was not measured is left out."
    )
    sd: Sd | None = Field(default=None, description="Standard deviation of `response`; 0 is exact.")
    sds: Annotated[dict[Name, Sd], Field(max_length=MAX_RESPONSES)] | None = Field(
        default=None, description="Standard deviations of `responses`, where they are known."
    )
    status: Status = Field(default="ok", description="`failed` is the one way to tell a run that gave no response.")
    suggestion_uuid: UUID | None = Field(default=None, description="The suggestion that was run, if it was one.")

    def _has_outcome(self) -> bool:
        given = (self.response, self.responses, self.sd, self.sds, self.suggestion_uuid)
        return self.status == "failed" or any(value is not None for value in given)

    def _check_outcome(self) -> None:
        is_measured = self.response is not None or self.responses is not None
        if self.response is not None and self.responses is not None:
            raise _wrong("responses", "give response or responses, not both")
        if self.status == "failed" and is_measured:
            raise _wrong("status", "a failed run has no response")
        if self.status == "ok" and not is_measured:
            raise _wrong("response", "is missing; a run that gave nothing is told with status: failed")
        if self.sd is not None and self.response is None:
            raise _wrong("sd", "goes with response")
        for name in self.sds or {}:
            if name not in (self.responses or {}):
                raise _wrong(f"sds.{name}", "goes with the response of that name in responses, which is missing")


class Told(_Outcome):
    """One run: its configuration and what came of it."""

    covars: Configuration

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_outcome()
        return self


class Tell(_Outcome):
    """The body of ``POST /experiment/tell/{exp_uuid}``: one of four forms.

    One run, ``covars`` and what came of it; many runs, ``observations``; two tables as pandas writes them,
    ``covars_tell`` and ``response_tell`` (a column for each response, ``Response`` where it has no other name), with
    one row per run; or ``csv``.
    """

    exp_uuid: UUID | None = Field(default=None, description="If given, the experiment of the path.")
    covars: Configuration | None = None
    observations: Annotated[list[Told], Field(min_length=1, max_length=MAX_TELL)] | None = None
    covars_tell: Table | None = None
    response_tell: Table | None = None
    csv: Annotated[Text, Field(max_length=MAX_CSV_LENGTH)] | None = Field(
        default=None,
        description="A header and a line per run: a column for each covariate and response, and where known `sd` or "
        "`<response> sd`, and `status`. An empty cell is what was not measured, or a covariate that plays no part.",
    )
    _lines: list[int] = PrivateAttr(default_factory=list)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        single = self.covars is not None or self._has_outcome()
        tables = self.covars_tell is not None or self.response_tell is not None
        if single + tables + (self.observations is not None) + (self.csv is not None) != 1:
            raise ValueError("give one of: covars and response; observations; covars_tell and response_tell; csv")
        if tables and (self.covars_tell is None or self.response_tell is None):
            missing = "covars_tell" if self.covars_tell is None else "response_tell"
            raise ValueError(f"covars_tell and response_tell go together: {missing} is missing")
        if single and self.covars is None:
            raise ValueError("covars and response go together: covars is missing")
        if single:
            self._check_outcome()
        return self

    @property
    def is_tabular(self) -> bool:
        """Whether ``runs()`` must know the experiment, whose names and types the columns have."""
        return self.covars_tell is not None or self.csv is not None

    def runs(self, responses: Sequence[str] = (RESPONSE_COLUMN,), space: Space | None = None) -> list[Told]:
        """Give the runs told, whatever the form.

        Args:
            responses: The names of the experiment's responses; used where the body is tabular.
            space: The experiment's covariates; used where the body is CSV.

        Raises:
            ValidationError: If a table is none, the tables differ in length, or a cell has the wrong type.
        """
        if self.observations is not None:
            return self.observations
        if self.csv is not None:
            assert space is not None
            self._lines, records = csv_records(self.csv, space, responses, MAX_TELL)
            return _RUNS.validate_python(records)
        if self.covars_tell is not None and self.response_tell is not None:
            return self._runs_of_tables(self.covars_tell, self.response_tell, responses)
        names = [name for name in Told.model_fields if name in self.model_fields_set]
        return [Told.model_validate({name: getattr(self, name) for name in names})]

    def field_of(self, index: int) -> str:
        """Name the field that holds the configuration of a run, by the run's place in ``runs()``."""
        if self.covars_tell is not None:
            return f"covars_tell.{index}"
        if self.csv is not None:
            return f"csv.line {self._lines[index]}"
        return "covars" if self.observations is None else f"observations.{index}.covars"

    @staticmethod
    def _runs_of_tables(covars_tell: Table, response_tell: Table, responses: Sequence[str]) -> list[Told]:
        records = table_records(covars_tell, response_tell, responses)
        try:
            return _RUNS.validate_python(records)
        except ValidationError as error:
            details = [in_tables(found, responses) for found in error.errors()]
            raise ValidationError.from_exception_data("Tell", details) from None


_RUNS = TypeAdapter(Annotated[list[Told], Field(min_length=1, max_length=MAX_TELL)])


def _wrong(field: str, message: str) -> PydanticCustomError:
    # Braces of a user's name would be read as a place to fill in.
    return PydanticCustomError("outcome", "{says}", {"field": field, "says": message, "value": None})


class TellReply(Reply):
    """What a tell answers with: what was stored and how the experiment stands now.

    ``best_response`` and ``covars_best_response`` are JSON text as pandas' ``to_json()`` writes a frame of one row; its
    cells are null while there is no best observation.
    """

    exp_uuid: UUID
    covars_tell: str
    response_tell: str
    best_response: str
    covars_best_response: str
    covars_sampled_iter: int = Field(description="How many configurations have been told to this experiment.")
    response_sampled_iter: int = Field(description="How many outcomes have been told, those of failed runs included.")
    time_updated: Moment
    observations: "list[Observation]" = Field(description="The observations as they are stored.")


class Observation(Reply):
    """A configuration that was really run, and what came of it."""

    observation_uuid: UUID
    seq: int = Field(description="The seq of the event that announced it.")
    covars: Configuration
    response: float | None = Field(description="The primary objective's, None where it was not measured.")
    responses: dict[str, float] = Field(default_factory=dict, description="All that was measured, by response.")
    sds: dict[str, float] = Field(default_factory=dict, description="Standard deviations, where they were told.")
    status: Status = "ok"
    suggestion_uuid: UUID | None
    version: int = Field(default=1, description="How often it was written: 1 as told, one more with each correction.")
    is_excluded: bool = Field(default=False, description="Whether it counts neither for the model nor as the best.")
    time_created: Moment


class Correction(Request):
    """The body of ``POST /experiment/{exp_uuid}/observation/{observation_uuid}``: what is to be different.

    What is not given stays as it is. ``response`` or ``responses`` replace all that was measured, their standard
    deviations included; ``status: failed`` takes them away.
    """

    version: Annotated[int, Field(strict=True, ge=1)] = Field(
        description="The version that is corrected, so that nobody corrects what another has changed meanwhile."
    )
    reason: Annotated[Text, Field(min_length=1, max_length=1000)] = Field(description="Why; it is kept with it.")
    covars: Configuration | None = Field(default=None, description="The configuration that was really run.")
    response: Number | None = Field(default=None, description="What was measured, where there is one response.")
    responses: Annotated[dict[Name, Number], Field(min_length=1, max_length=MAX_RESPONSES)] | None = Field(
        default=None, description="What was measured, by response."
    )
    sd: Sd | None = Field(default=None, description="Standard deviation of `response`; 0 is exact.")
    sds: Annotated[dict[Name, Sd], Field(max_length=MAX_RESPONSES)] | None = Field(
        default=None, description="Standard deviations of `responses`, where they are known."
    )
    status: Status | None = Field(default=None, description="`failed` where the run gave no response after all.")
    is_excluded: Annotated[bool, Field(strict=True)] | None = Field(
        default=None, description="True has it count no more, false has it count again."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.covars is None and self.outcome is None and self.is_excluded is None:
            raise ValueError("nothing is corrected: give covars, response, responses, status or is_excluded")
        return self

    @property
    def outcome(self) -> Told | None:
        """What came of the run instead, without its configuration; None where that stays as it is."""
        names = ("response", "responses", "sd", "sds", "status")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return Told.model_validate({"covars": {}, **given}) if given else None


class ObservationVersion(Reply):
    """An observation as it was from one event on until the next version's."""

    version: int = Field(description="1 is what was told.")
    seq: int = Field(description="The seq of the event that announced it.")
    covars: Configuration
    response: float | None
    responses: dict[str, float]
    sds: dict[str, float]
    status: Status
    is_excluded: bool
    reason: str | None = Field(description="Why it was corrected; None for what was told.")
    time_created: Moment


class ObservationVersions(Reply):
    """All versions of an observation, oldest first."""

    observation_uuid: UUID
    versions: list[ObservationVersion]


class HistoryPage(Reply):
    """A page of observations, oldest first; ``next`` is the cursor of the page after, None on the last one."""

    observations: list[Observation]
    next: str | None
