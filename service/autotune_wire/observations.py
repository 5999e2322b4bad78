"""Observations: what was really run, and what came of it."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails, InitErrorDetails

from autotune_wire.base import Configuration, Moment, Number, Reply, Request
from autotune_wire.tables import Table, rows_of

MAX_TELL = 1000
RESPONSE_COLUMN = "Response"


class Told(Request):
    """One run: its configuration and its response."""

    covars: Configuration
    response: Number
    suggestion_uuid: UUID | None = Field(default=None, description="The suggestion that was run, if it was one.")


class Tell(Request):
    """The body of ``POST /experiment/tell/{exp_uuid}``: one of three forms.

    One run, ``covars`` and ``response``; many runs, ``observations``; or two tables as pandas writes them,
    ``covars_tell`` and ``response_tell`` (its one column is ``Response``), with one row per run.
    """

    exp_uuid: UUID | None = Field(default=None, description="If given, the experiment of the path.")
    covars: Configuration | None = None
    response: Number | None = None
    suggestion_uuid: UUID | None = None
    observations: Annotated[list[Told], Field(min_length=1, max_length=MAX_TELL)] | None = None
    covars_tell: Table | None = None
    response_tell: Table | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        single = self.covars is not None or self.response is not None or self.suggestion_uuid is not None
        tables = self.covars_tell is not None or self.response_tell is not None
        if single + tables + (self.observations is not None) != 1:
            raise ValueError("give one of: covars and response; observations; covars_tell and response_tell")
        for first, second in (("covars", "response"), ("covars_tell", "response_tell")):
            given, needed = getattr(self, first), getattr(self, second)
            if (given is None) != (needed is None):
                raise ValueError(f"{first} and {second} go together: {first if given is None else second} is missing")
        if single and self.covars is None:
            raise ValueError("suggestion_uuid goes with covars and response, both are missing")
        return self

    def runs(self) -> list[Told]:
        """Give the runs told, whatever the form.

        Raises:
            ValidationError: If a table is none, the tables differ in length, or a cell has the wrong type.
        """
        if self.observations is not None:
            return self.observations
        if self.covars is not None and self.response is not None:
            return [Told(covars=self.covars, response=self.response, suggestion_uuid=self.suggestion_uuid)]
        assert self.covars_tell is not None
        assert self.response_tell is not None
        covars = _rows("covars_tell", self.covars_tell)
        responses = _rows("response_tell", self.response_tell)
        if len(covars) != len(responses):
            raise _refusal("response_tell", responses, f"has {len(responses)} rows, covars_tell has {len(covars)}")
        for row in responses:
            if set(row) != {RESPONSE_COLUMN}:
                raise _refusal("response_tell", list(row), f"must have the one column {RESPONSE_COLUMN}")
        rows = zip(covars, responses, strict=True)
        try:
            return _RUNS.validate_python([{"covars": row, "response": told[RESPONSE_COLUMN]} for row, told in rows])
        except ValidationError as error:
            raise ValidationError.from_exception_data("Tell", [_in_tables(found) for found in error.errors()]) from None

    def field_of(self, index: int) -> str:
        """Name the field that holds the configuration of a run, by the run's place in ``runs()``."""
        if self.covars_tell is not None:
            return f"covars_tell.{index}"
        return "covars" if self.observations is None else f"observations.{index}.covars"


_RUNS = TypeAdapter(Annotated[list[Told], Field(min_length=1, max_length=MAX_TELL)])


def _rows(field: str, table: Table) -> list[dict[str, object]]:
    try:
        return rows_of(table)
    except ValueError as error:
        raise _refusal(field, table, str(error)) from None


def _in_tables(found: ErrorDetails) -> InitErrorDetails:
    """Say of what is wrong with a run in which cell of the two tables it stands."""
    loc = found["loc"]
    if loc[1:2] == ("covars",):
        loc = ("covars_tell", loc[0], *loc[2:])
    elif loc[1:2] == ("response",):
        loc = ("response_tell", loc[0], RESPONSE_COLUMN)
    else:
        loc = ("covars_tell",)
    return InitErrorDetails(type=found["type"], loc=loc, input=found["input"], ctx=found.get("ctx", {}))


def _refusal(field: str, value: object, message: str) -> ValidationError:
    details = InitErrorDetails(type="value_error", loc=(field,), input=value, ctx={"error": ValueError(message)})
    return ValidationError.from_exception_data("Tell", [details])


class TellReply(Reply):
    """What a tell answers with: what was stored and how the experiment stands now.

    ``best_response`` and ``covars_best_response`` are JSON text as pandas' ``to_json()`` writes a frame of one row.
    """

    exp_uuid: UUID
    covars_tell: str
    response_tell: str
    best_response: str
    covars_best_response: str
    covars_sampled_iter: int = Field(description="How many configurations have been told to this experiment.")
    response_sampled_iter: int = Field(description="How many responses have been told to this experiment.")
    time_updated: Moment
    observations: "list[Observation]" = Field(description="The observations as they are stored.")


class Observation(Reply):
    """A configuration that was really run, with its response."""

    observation_uuid: UUID
    seq: int = Field(description="The seq of the event that announced it.")
    covars: Configuration
    response: float
    suggestion_uuid: UUID | None
    time_created: Moment


class HistoryPage(Reply):
    """A page of observations, oldest first; ``next`` is the cursor of the page after, None on the last one."""

    observations: list[Observation]
    next: str | None
