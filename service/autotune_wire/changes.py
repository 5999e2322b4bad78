"""Changes of an experiment: undoing tells, new revisions of its space, resuming after a stop, another name, its end."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from autotune_wire.base import Configuration, Moment, Name, Reply, Request
from autotune_wire.constraints import Constraint
from autotune_wire.names import name_problems
from autotune_wire.observations import Observation
from autotune_wire.problems import validation_error
from autotune_wire.space import Space
from autotune_wire.stopping import StopRules
from autotune_wire.suggestions import Suggestion

MAX_UNDO = 1000


class Undo(Request):
    """The body of ``POST /experiment/{exp_uuid}/undo``."""

    n: Annotated[int, Field(strict=True, ge=1, le=MAX_UNDO)] = Field(
        default=1, description="How many observations to take back: the newest that you told and that still count."
    )


class Undone(Reply):
    """The observations that were taken back, newest first: each is excluded, and can be restored."""

    observations: list[Observation]
    suggestions: list[Suggestion] = Field(
        description="The suggestions of these observations: each can be told again, as if it had not been told."
    )


class Rename(Request):
    """The body of ``POST /experiment/{exp_uuid}/rename``."""

    name: Name = Field(description="The new name; it need not be unique.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = name_problems({}, {"name": self.name})
        if problems:
            raise validation_error("Rename", problems)
        return self


class Delete(Request):
    """The body of ``POST /experiment/{exp_uuid}/delete``."""

    name: Name = Field(
        description="The experiment's name, as a confirmation: nothing is deleted if the experiment has another name."
    )


class Deleted(Reply):
    """The experiment that was deleted, with all that belonged to it."""

    exp_uuid: UUID
    name: str
    n_observations: int = Field(description="How many observations were deleted with the experiment.")


class Resume(Request):
    """The body of ``POST /experiment/{exp_uuid}/resume``, which ends a pause and the stop by a stop rule."""

    stop: StopRules | None = Field(
        default=None,
        description="The stop rules from now on; null for no rules. If absent, the rules stay as they are.",
    )


class SpaceRevision(Reply):
    """One revision of a space, valid from its event until the event of the next revision."""

    revision: int = Field(description="0 is the space that the experiment was created with.")
    seq: int = Field(description="The seq of the event that announced this revision.")
    covars: Space
    constraints: list[Constraint]
    backfill: Configuration = Field(
        description="For each covariate that this revision added, its value in all earlier runs."
    )
    time_created: Moment


class SpaceRevisions(Reply):
    """The revisions of an experiment's space, oldest first."""

    spaces: list[SpaceRevision]
